"""How many questions are answered right, wrong, withheld or invented, beside the same model with a plain prompt.

    python benchmarks/answers.py --scorer score_answers.py                             samples/questions.jsonl
    python benchmarks/answers.py --scorer score_answers.py --questions FILE [FILE …]   others about the same documents
    python benchmarks/answers.py … --peer 40                                           the peer on 40 of them

A line of a FILE is {"id", "question", "must_contain": [texts] or "answer"; neither: the documents do not answer it}. The
sample documents are read into a home of its own. The peer is what most retrieval libraries do by default: the four best
passages and "answer from the context", to the same chat model, in the same run. SCORER is imported unchanged.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.progress import track
from uuid_utils import uuid7

from app.settings import load_settings
from app.wiring.running import Running
from app.wiring.service import Service
from orchestrator.journey.outgoing import Answer, RefusalOut, SegmentOut
from orchestrator.types import Query

GROUPS = frozenset({"public"})
Row = dict[str, Any]
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
    options.add_argument("--show", choices=("right", "wrong", "withheld", "invented"), help="print these answers")
    chosen = options.parse_args()
    judge = _judge(chosen.scorer)
    with tempfile.TemporaryDirectory() as home:
        settings = load_settings(home=Path(home))
        with Service.open(settings) as service:
            running = service.warm()
            running.library.ingest([HOME / "samples" / "documents"], GROUPS)
            for path in chosen.questions:
                rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
                ours = _asked(rows, lambda row: _ours(running, settings.tenant, row), path.name)
                _report(f"{path.name}, Countersign", rows, ours, judge, chosen.show)
                if chosen.peer:
                    some = random.Random(7).sample(rows, min(chosen.peer, len(rows)))
                    theirs = _asked(some, lambda row: _plain(running, row), f"{path.name}, plain prompt")
                    _report(f"{path.name}, plain prompt, {len(some)} of them", some, theirs, judge, None)


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


def _ours(running: Running, tenant: str, row: Row) -> Row:
    query = Query(
        f"q_{uuid7().hex}", f"c_{uuid7().hex}", tenant, "benchmark", "benchmark", GROUPS, row["question"], fresh=True
    )
    begun, first, said, outcome = time.perf_counter(), 0.0, [], "failed"
    for out in running.pipeline.answer(query, {"max_tokens": 256, "temperature": 0.0}):
        match out:
            case SegmentOut(_, text):
                first = first or time.perf_counter() - begun
                said.append(text)
            case RefusalOut(message):
                said.append(message)
            case Answer(outcome=ended):
                outcome = ended.value
    return {"outcome": outcome, "answer": "".join(said).strip(), "first": first or time.perf_counter() - begun}


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
        (answerable if row.get("must_contain") or row.get("answer") else others)[verdict] += 1
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


def _counted(verdicts: Counter[str], names: Sequence[str]) -> str:
    return ", ".join(f"{verdicts[name]} {name}" for name in names)


if __name__ == "__main__":
    main()
