"""How many questions about tables with text are answered without a model: right, wrong, withheld.

    python benchmarks/answers_tatqa.py --data DIR --scorer score_answers.py            both halves
    python benchmarks/answers_tatqa.py … --fit                            fit the confidence on the development half first
    python benchmarks/answers_tatqa.py … --show wrong --half development               the answers themselves

DIR holds contexts (ctxNNN.md) and questions.jsonl as of TAT-QA's development set; each context is a view of its own. The
contexts are split by a hash of their names: rules are looked over and confidence is fitted on the development half alone, by
five folds over contexts; the other half is only counted. "foreign" are questions put to another context, to be withheld.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from retrieval.documents.parse import parse
from retrieval.evidence.answer import THRESHOLD, is_prose, prose_plan_of
from retrieval.evidence.confidence import chance, expanded, fitted, most
from retrieval.evidence.look_up.carry_out import carry_out
from retrieval.evidence.look_up.resolve import Scope
from retrieval.evidence.look_up.signs import names, signs
from retrieval.evidence.plans.plan import told
from retrieval.evidence.plans.planner import plans
from retrieval.evidence.wording.spans import find_spans
from retrieval.evidence.wording.templates import worded
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.view import GraphView

FOLDS = 5
THRESHOLDS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
Judge = Callable[[dict[str, Any], dict[str, Any]], str]


@dataclass(frozen=True)
class Said:
    """One thing that could be said to a question, whether it is right, and the signs it is trusted by."""

    family: str
    signs: dict[str, float]
    right: bool
    text: str
    plan: str


@dataclass(frozen=True)
class Case:
    row: dict[str, Any]
    said: tuple[Said, ...]
    foreign: bool


def is_development(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def fold(name: str) -> int:
    return hashlib.sha256(f"fold {name}".encode()).digest()[0] % FOLDS


def load_judge(path: Path) -> Judge:
    spec = importlib.util.spec_from_file_location("scorer", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: cannot be loaded as Python; give the scorer's path by --scorer")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.judge  # type: ignore[no-any-return]


class Contexts:
    """Views by context, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views: dict[str, GraphView] = {}

    def view(self, name: str) -> GraphView:
        if name not in self._views:
            path = self._folder / f"{name}.md"
            parsed = parse(path)
            self._views[name] = GraphView([graph_of(path.name, name, parsed.title, parsed)])
        return self._views[name]


def said_to(row: dict[str, Any], view: GraphView, judge: Judge, foreign: bool) -> Case:
    planned = plans(row["question"])
    found: list[Said] = []

    def add(family: str, features: dict[str, float], text: str, plan: str) -> None:
        right = not foreign and judge(row, {"outcome": "answered", "answer": text}) == "right"
        found.append(Said(family, features, right, text, plan))

    for one in planned:
        for outcome in carry_out(one, view, Scope(None, names(row["question"])))[:1]:
            add("figures", signs(row["question"], outcome, view, is_prose(planned[0].plan)), worded(outcome), told(one.plan))
    prose = prose_plan_of(planned)
    for span in find_spans(row["question"], prose, view):
        add("prose", span.signs, f"{span.quote} [1]", told(prose.plan))
    return Case(row, tuple(found), foreign)


def cases(rows: Sequence[dict[str, Any]], contexts: Contexts, judge: Judge) -> list[Case]:
    """Each question on its own context, and once on a foreign one of the same half."""
    names = sorted({row["doc"] for row in rows})
    out = []
    for place, row in enumerate(rows):
        out.append(said_to(row, contexts.view(row["doc"]), judge, False))
        other = names[(names.index(row["doc"]) + 1 + place % (len(names) - 1)) % len(names)]
        out.append(said_to(row, contexts.view(other), judge, True))
    return out


def fit(chosen: Sequence[Case]) -> dict[str, dict[str, float]]:
    weights = {}
    for family in ("figures", "prose"):
        taken = [(one, case.foreign) for case in chosen for one in case.said if one.family == family]
        weights[family] = fitted(
            [one.signs for one, _ in taken], [one.right for one, _ in taken], [0.5 if f else 1.0 for _, f in taken], 2.0
        )
    return weights


def best(case: Case, weights: dict[str, dict[str, float]] | None) -> tuple[float, Said] | None:
    import math

    scored = []
    for one in case.said:
        if weights is None:
            p = chance(one.family, one.signs)  # type: ignore[arg-type]
        else:
            total = sum(weights[one.family].get(name, 0.0) * value for name, value in expanded(one.signs).items())
            p = min(most(one.signs), 1 / (1 + math.exp(-max(-30.0, min(30.0, total)))))
        scored.append((p, one))
    return max(scored, key=lambda pair: pair[0], default=None)


def report(name: str, chosen: Sequence[Case], choose: Callable[[Case], tuple[float, Said] | None]) -> None:
    own = [(case, choose(case)) for case in chosen if not case.foreign]
    foreign = [choose(case) for case in chosen if case.foreign]
    print(f"{name}: {len(own)} questions")
    for threshold in THRESHOLDS:
        answered = [pick[1].right for _, pick in own if pick and pick[0] >= threshold]
        astray = sum(1 for pick in foreign if pick and pick[0] >= threshold)
        print(
            f"  chance >= {threshold:.2f}: right {sum(answered) / len(own):.3f}"
            f"  selective {sum(answered) / max(1, len(answered)):.3f}"
            f"  answered {len(answered) / len(own):.3f}  foreign answered {astray / max(1, len(foreign)):.3f}"
        )
    by_type: dict[str, Counter[str]] = defaultdict(Counter)
    for case, pick in own:
        verdict = "withheld" if pick is None or pick[0] < THRESHOLD else "right" if pick[1].right else "wrong"
        by_type[f"{case.row['type']}, {case.row['from']}"][verdict] += 1
        by_type["all"][verdict] += 1
    for kind, counts in sorted(by_type.items()):
        print(f"    {kind:28} " + "  ".join(f"{verdict} {counts[verdict]}" for verdict in ("right", "wrong", "withheld")))
    for family in ("figures", "prose"):
        parts = []
        for threshold in THRESHOLDS[2:]:
            said = [pick[1].right for _, pick in own if pick and pick[1].family == family and pick[0] >= threshold]
            parts.append(f"{threshold:.2f}: {sum(said)} of {len(said)}")
        print(f"    {family:8} right of answered at chance " + "  ".join(parts))
    bins = [[0, 0] for _ in range(10)]
    for _, pick in own:
        if pick:
            bins[min(9, int(pick[0] * 10))][0] += 1
            bins[min(9, int(pick[0] * 10))][1] += pick[1].right
    print(
        "    said chance -> was right: "
        + "  ".join(f"{i / 10:.1f}: {r / n:.2f} ({n})" for i, (n, r) in enumerate(bins) if n)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--fit", action="store_true", help="fit the confidence on the development half and store it")
    parser.add_argument("--show", choices=("right", "wrong", "withheld"))
    parser.add_argument("--half", choices=("development", "held back"))
    options = parser.parse_args()
    rows = [json.loads(line) for line in (options.data / "questions.jsonl").read_text("utf-8").splitlines()]
    judge, contexts = load_judge(options.scorer), Contexts(options.data)
    began = time.perf_counter()
    halves = {
        "development": [r for r in rows if is_development(r["doc"])],
        "held back": [r for r in rows if not is_development(r["doc"])],
    }
    found = {
        name: cases(half, contexts, judge) for name, half in halves.items() if options.half in (None, name) or options.fit
    }
    print(f"{sum(map(len, found.values()))} answers tried in {time.perf_counter() - began:.1f} s")
    if options.fit:
        development = found["development"]
        folds = {number: fit([case for case in development if fold(case.row["doc"]) != number]) for number in range(FOLDS)}
        report("development, by folds over contexts", development, lambda case: best(case, folds[fold(case.row["doc"])]))
        store(fit(development), development)
    for name, chosen in found.items():
        if options.half in (None, name) and not (options.fit and name == "development"):
            report(name, chosen, lambda case: best(case, None))
        if options.show:
            show(chosen, options.show)


def store(weights: dict[str, dict[str, float]], development: Sequence[Case]) -> None:
    record = {
        "made_by": "benchmarks/answers_tatqa.py --fit",
        "data": "TAT-QA development set (MIT), the contexts whose name hashes to an even number; each also put to another",
        "questions": sum(not case.foreign for case in development),
        "method": "logistic regression by Newton's method, ridge 2.0, foreign questions weighted 0.5",
    }
    out: dict[str, Any] = {"record": record} | {family: {"weights": found} for family, found in weights.items()}
    path = HOME / "retrieval" / "evidence" / "data" / "confidence.json"
    path.write_text(json.dumps(out, indent=1, sort_keys=True) + "\n", "utf-8")
    print(f"wrote {path.relative_to(HOME)}")


def show(chosen: Sequence[Case], wanted: str) -> None:
    for case in chosen:
        pick = best(case, None)
        verdict = "withheld" if pick is None or pick[0] < THRESHOLD else "right" if pick[1].right else "wrong"
        if verdict == wanted and not case.foreign:
            print(f"{verdict} {case.row['doc']} {case.row['type']} {case.row['from']}: {case.row['question']}")
            print(f"    gold {str(case.row['answer'])[:160]} {case.row['scale']} {case.row['derivation'][:70]}")
            if pick:
                print(f"    {pick[0]:.2f} {pick[1].text[:260]!r} < {pick[1].plan[:110]}")


if __name__ == "__main__":
    main()
