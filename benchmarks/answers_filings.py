"""How many questions about companies' filings are answered without a model: right, wrong, withheld.

    python benchmarks/answers_filings.py --data DIR --scorer score_answers.py --cache FOLDER
    python benchmarks/answers_filings.py … --facts FACTS.jsonl          what a right answer must hold, by question
    python benchmarks/answers_filings.py … --questions FILE --show      other questions about the same filings

DIR holds filings (*.pdf) and questions.jsonl ({"id", "question", "answer"}), as FinanceBench has them. All filings are one
view, as they are for a caller who may read them all; a question is answered as the documents' bot has it answered, at the
policy's own bar, and what would need the reader's model is withheld. FOLDER keeps the filings' graphs, so that a second run
reads no PDF; a graph of older rules is built again. FACTS are {"id", "must_contain": [texts or figures; "a|b": either]}: a
gold answer that is a long sentence is matched word for word by nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.console import Console
from rich.progress import track

from app.adapters.answering import resolved
from moderation.policy.schema import AnswerPolicy
from retrieval.documents.parse import parse
from retrieval.graph.document import VERSION, DocumentGraph
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.stored import OtherVersion, decode, encode
from retrieval.graph.view import GraphView

Row = dict[str, Any]
Judge = Callable[[Row, Row], str]
_ERRORS = Console(stderr=True)


@dataclass(frozen=True)
class Said:
    """How one question went. `chance` and `plan` also of what was withheld."""

    row: Row
    verdict: str
    text: str
    plan: str
    chance: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of filings (*.pdf) and questions.jsonl")
    parser.add_argument("--scorer", type=Path, required=True, help="score_answers.py")
    parser.add_argument("--cache", type=Path, required=True, metavar="FOLDER", help="keeps the filings' graphs")
    parser.add_argument("--questions", type=Path, help="instead of DIR's own")
    parser.add_argument("--facts", type=Path, help="what a right answer must hold, a line for each id")
    parser.add_argument("--show", action="store_true", help="print what was said, and the gold answers")
    parser.add_argument("--bar", type=float, help="least chance to be right; the policy's own where none is given")
    options = parser.parse_args()
    bar = AnswerPolicy().sure if options.bar is None else options.bar
    rows = rows_of(options.questions or options.data / "questions.jsonl")
    wanted = {row["id"]: row["must_contain"] for row in rows_of(options.facts)} if options.facts else {}
    judge = load_judge(options.scorer)
    view = GraphView(graphs(options.data, options.cache))
    said = [
        ask({**row, "must_contain": wanted.get(row["id"], row.get("must_contain"))}, view, judge, bar)
        for row in track(rows, "answering", console=_ERRORS)
    ]
    report(said, bar, options.show)


def rows_of(path: Path) -> list[Row]:
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: cannot be read as lines of JSON ({error}); give a file with one object a line") from None


def load_judge(path: Path) -> Judge:
    spec = importlib.util.spec_from_file_location("scorer", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise SystemExit(f"{path}: no scorer; give the path of score_answers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    judge: Judge = module.judge
    return judge


def graphs(data: Path, cache: Path) -> list[DocumentGraph]:
    """Of every filing, from the cache where these very bytes were read by these rules."""
    cache.mkdir(parents=True, exist_ok=True)
    paths = sorted(data.glob("*.pdf"))
    if not paths:
        raise SystemExit(f"{data}: holds no *.pdf; give the folder of the filings")
    return [graph(path, cache) for path in track(paths, "reading filings", console=_ERRORS)]


def graph(path: Path, cache: Path) -> DocumentGraph:
    kept = cache / f"{path.stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}-{VERSION}.graph"
    with suppress(OSError, OtherVersion, ValueError):
        return decode(kept.read_bytes())
    parsed = parse(path)
    built = graph_of(path.name, path.stem, parsed.title, parsed)
    kept.write_bytes(encode(built))
    return built


def ask(row: Row, view: GraphView, judge: Judge, bar: float) -> Said:
    begun = time.perf_counter()
    worked = resolved(row["question"], view, None, "en")
    seconds = time.perf_counter() - begun
    if worked is None:
        return Said(row, judge(row, {"outcome": "abstained", "answer": ""}), "", "", 0.0, seconds)
    outcome = "answered" if worked.chance >= bar else "abstained"
    verdict = judge(row, {"outcome": outcome, "answer": worked.text if worked.chance >= bar else ""})
    return Said(row, verdict, worked.text, str(worked.plan.get("plan", "")), worked.chance, seconds)


def report(said: Sequence[Said], bar: float, show: bool) -> None:
    for one in said:
        print(f"{one.verdict:9} {one.chance:.2f}  {one.row['id']}  {one.row['question'][:110]}  < {one.plan[:90]}")
        if show:
            print(f"    gold {one.row.get('must_contain') or ''!s} {str(one.row.get('answer') or '')[:220]}")
            print("".join(f"    {line}\n" for line in one.text.splitlines()[:12]), end="")
    counts, times = Counter(one.verdict for one in said), sorted(one.seconds for one in said)
    answered = counts["right"] + counts["wrong"]
    print(f"\n{len(said)} questions at a chance of {bar:.2f} or more: ", end="")
    print(", ".join(f"{counts[kind]} {kind}" for kind in ("right", "wrong", "withheld", "invented") if counts[kind]))
    print(f"right of answered {counts['right'] / answered if answered else 0.0:.2f}", end="; ")
    print(f"p50 {times[len(times) // 2] * 1000:.0f} ms, slowest {times[-1] * 1000:.0f} ms")


if __name__ == "__main__":
    main()
