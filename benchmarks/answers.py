"""How many questions are answered right, wrong, withheld or invented, beside the same model with a plain prompt.

    python benchmarks/answers.py --scorer score_answers.py                             samples/questions.jsonl
    python benchmarks/answers.py --scorer score_answers.py --questions FILE [FILE …]   others about the same documents
    python benchmarks/answers.py … --peer 40                                           the peer on 40 of them
    python benchmarks/answers.py … --documents FOLDER …                                read these besides the samples
    python benchmarks/answers.py … --curve risk_coverage.svg                           what every other bar would give

A line of a FILE is {"id", "question", "must_contain": [texts] or "answer"; neither: the documents do not answer it}; lines
with the same "conversation" follow each other in one. The documents are read into a home of its own. The peer is what most
retrieval libraries do by default: the four best passages and "answer from the context", to the same chat model, in the same
run. SCORER is imported unchanged.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.progress import track
from uuid_utils import uuid7

from app.settings import Settings, load_settings
from app.wiring.running import Running
from app.wiring.service import Service
from orchestrator.journey.outgoing import Answer, RefusalOut, RouteOut, SegmentOut
from orchestrator.types import Query

GROUPS = frozenset({"public"})
Row = dict[str, Any]
_CHANCE = re.compile(r"chance that the documents answer it (\d\.\d+)")
PLAIN = (
    "Context information is below.\n---\n{context}\n---\n"
    "Given the context information and not prior knowledge, answer the query."
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--scorer", type=Path, required=True, help="score_answers.py")
    options.add_argument("--questions", type=Path, nargs="+", default=[HOME / "samples" / "questions.jsonl"])
    options.add_argument(
        "--peer", type=int, default=0, metavar="N", help="also ask the plain prompt N questions of each file"
    )
    options.add_argument("--documents", type=Path, nargs="+", default=[], metavar="FOLDER", help="read these too")
    options.add_argument("--curve", type=Path, metavar="PLOT", help="answer whatever the chance, and plot risk by coverage")
    options.add_argument("--light", action="store_true", help="the small model, which nothing is read with")
    options.add_argument("--show", choices=("right", "wrong", "withheld", "invented"), help="print these answers")
    options.add_argument("--out", type=Path, metavar="FOLDER", help="write every answer with its verdict there")
    chosen = options.parse_args()
    judge = _judge(chosen.scorer)
    with tempfile.TemporaryDirectory() as home:
        settings = _settings(Path(home), chosen.curve is not None, chosen.light)
        told: list[tuple[float, str, bool]] = []
        with Service.open(settings) as service:
            running = service.warm()
            running.library.ingest([HOME / "samples" / "documents", *chosen.documents], GROUPS)
            for path in chosen.questions:
                rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
                ours = _asked(rows, partial(_ours, running, settings.tenant, talks=set()), path.name)
                _report(f"{path.name}, Countersign", rows, ours, judge, chosen.show)
                told += [
                    (answer["chance"], judge(row, answer), _answerable(row)) for row, answer in zip(rows, ours, strict=True)
                ]
                if chosen.out:
                    _keep(chosen.out / f"{path.stem}.jsonl", rows, ours, judge)
                if chosen.peer:
                    some = random.Random(7).sample(rows, min(chosen.peer, len(rows)))
                    theirs = _asked(some, lambda row: _plain(running, row), f"{path.name}, plain prompt")
                    _report(f"{path.name}, plain prompt, {len(some)} of them", some, theirs, judge, None)
        if chosen.curve:
            _curve(told, chosen.curve)


def _settings(home: Path, all_said: bool, light: bool) -> Settings:
    """all_said: under a policy that gives every answer, so that its chance can be compared with its verdict."""
    if not all_said:
        return load_settings(home=home, light=light)
    policy = home / "all.yaml"
    policy.write_text('extends: default\nversion: "all answers"\nanswers: {sure: 0.02}\n', "utf-8")
    return load_settings(home=home, light=light, policy_file=policy)


def _judge(path: Path) -> Callable[[Row, Row], str]:
    spec = importlib.util.spec_from_file_location("scorer", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: no scorer; give the path of score_answers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    judge: Callable[[Row, Row], str] = module.judge
    return judge


def _asked(rows: Sequence[Row], ask: Callable[[Row], Row], label: str) -> list[Row]:
    return [ask(row) for row in track(rows, description=f"{label:<40.40}")]


def _ours(running: Running, tenant: str, row: Row, talks: set[str]) -> Row:
    """talks: the conversations that have begun."""
    named = row.get("conversation")
    conversation = f"c_{named}" if named else f"c_{uuid7().hex}"
    fresh = conversation not in talks
    talks.add(conversation)
    query = Query(f"q_{uuid7().hex}", conversation, tenant, "benchmark", "benchmark", GROUPS, row["question"], fresh=fresh)
    begun, first, said, outcome, chance = time.perf_counter(), 0.0, [], "failed", 0.0
    for out in running.pipeline.answer(query, {"max_tokens": 256, "temperature": 0.0}):
        match out:
            case RouteOut(route):
                chances = (_CHANCE.search(candidate.reason) for candidate in route.candidates)
                chance = max((float(found[1]) for found in chances if found), default=0.0)
            case SegmentOut(_, text):
                first = first or time.perf_counter() - begun
                said.append(text)
            case RefusalOut(message):
                said.append(message)
            case Answer(outcome=ended):
                outcome = ended.value
    first = first or time.perf_counter() - begun
    return {"outcome": outcome, "answer": "".join(said).strip(), "first": first, "chance": chance}


def _plain(running: Running, row: Row) -> Row:
    found = running.library.search(row["question"], 4, GROUPS)
    context = "\n\n".join(passage.text for passage in found)
    messages = [("user", PLAIN.format(context=context) + f"\nQuery: {row['question']}\nAnswer:")]
    begun, first, said = time.perf_counter(), 0.0, []
    for text in running.model.stream(messages, {"max_tokens": 160, "temperature": 0.0}, threading.Event()):
        first = first or time.perf_counter() - begun
        said.append(text)
    return {"outcome": "answered", "answer": "".join(said).strip(), "first": first}


def _report(
    title: str, rows: Sequence[Row], answers: Sequence[Row], judge: Callable[[Row, Row], str], show: str | None
) -> None:
    answerable, others, seconds = Counter[str](), Counter[str](), sorted(one["first"] for one in answers)
    for row, answer in zip(rows, answers, strict=True):
        verdict = judge(row, answer)
        (answerable if _answerable(row) else others)[verdict] += 1
        if verdict == show:
            print(f"- {row['question']}\n    {answer['answer'][:300]}")
    said = answerable["right"] + answerable["wrong"]
    print(f"\n{title}")
    print(
        f"  answered by the documents  {sum(answerable.values()):4}: " + _counted(answerable, ("right", "wrong", "withheld"))
    )
    print(f"  not answered by them       {sum(others.values()):4}: " + _counted(others, ("right", "invented")))
    print(f"  selective accuracy {answerable['right'] / said if said else 0:.2f}")
    print(f"  first words p50 {seconds[len(seconds) // 2]:.2f} s")


def _answerable(row: Row) -> bool:
    return bool(row.get("must_contain") or row.get("answer"))


def _curve(told: Sequence[tuple[float, str, bool]], plot: Path) -> None:
    """Of what would be answered at each bar: how many of the answerable ones are right, and what share of all is not."""
    import matplotlib.pyplot as plt

    bars = [step / 50 for step in range(1, 50)]
    answerable = sum(known for _, _, known in told)
    points = []
    for bar in bars:
        said = [(verdict, known) for chance, verdict, known in told if chance >= bar and verdict != "withheld"]
        said = [(verdict, known) for verdict, known in said if known or verdict == "invented"]
        right = sum(verdict == "right" for verdict, _ in said)
        points.append((bar, right / max(1, answerable), 1 - right / len(said) if said else 0.0))
    for bar, coverage, risk in points[4::5]:
        print(f"  bar {bar:.2f}: {coverage:.0%} of the answerable are answered right, {risk:.0%} of all that is said is not")
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot([100 * coverage for _, coverage, _ in points], [100 * risk for _, _, risk in points], marker=".")
    for bar, coverage, risk in points[4::5]:
        axes.annotate(f"{bar:.1f}", (100 * coverage, 100 * risk), textcoords="offset points", xytext=(4, 4))
    axes.set_xlabel("answerable questions answered right, %")
    axes.set_ylabel("wrong or invented among what is said, %")
    axes.set_title("What each bar of answers.sure gives")
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(plot, metadata={"Date": None})


def _keep(path: Path, rows: Sequence[Row], answers: Sequence[Row], judge: Callable[[Row, Row], str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = zip(rows, answers, strict=True)
    kept = [{**row, **answer, "gold": row.get("answer"), "verdict": judge(row, answer)} for row, answer in pairs]
    path.write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in kept), "utf-8")


def _counted(verdicts: Counter[str], names: Sequence[str]) -> str:
    return ", ".join(f"{verdicts[name]} {name}" for name in names)


if __name__ == "__main__":
    main()
