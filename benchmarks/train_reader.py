"""Trains the heads that read lines with understanding (retrieval/evidence/data/reader.safetensors), and measures them.

    python benchmarks/train_reader.py                               about an hour and a quarter on two quiet cores
    python benchmarks/train_reader.py --easy 1300 --write           and write the heads, made with 1,300 of the easier rows
    python benchmarks/train_reader.py --limit 60                    a trial
    python benchmarks/train_reader.py --tatqa DIR                   TAT-QA's spans too

The default chat model is asked of the lines that are nearest to a question whether they answer exactly it. Where the
question's words look says which line would be quoted (the pointer), and logistic heads learn from that, from what a middle
layer makes of the prompt and from what can be seen without a model whether the quotation answers. Questions and documents:
benchmarks/data/reader (the easier ones) and reader_more (written for Countersign by people who had not seen the rules: two
fifths of the questions are not answered, most of them nearly), the same with the answering lines taken out, and spans of
TAT-QA's development set (DIR; MIT), with and without theirs. Folds are over documents. docs/model-cards/reader.md has the
figures of the heads that are shipped.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.progress import track
from safetensors.numpy import save_file
from scipy.optimize import minimize

from app.adapters.reading import Nearness
from app.settings import load_settings
from app.wiring.chat_model import open_chat
from app.wiring.parts import open_encoder
from inference.engine.chat import ChatEngine
from inference.store.model_store import ModelStore
from inference.types import Gaze, Looked, Message, Prompt
from orchestrator.understanding.language import language_of
from retrieval.documents.chunk import chunk
from retrieval.documents.parse import parse
from retrieval.evidence.prose.digest import Likeness, Line, as_read, digest
from retrieval.evidence.prose.pointer import FEATURES, HEADS, features, glances, line_chances, pointed
from retrieval.evidence.prose.quotations import quoted
from retrieval.evidence.prose.reader import marked, messages
from retrieval.evidence.prose.signs import NAMES, signs

EASY = HOME / "benchmarks" / "data" / "reader"
HARD = HOME / "benchmarks" / "data" / "reader_more"
HEADS_FILE = HOME / "retrieval" / "evidence" / "data" / "reader.safetensors"
LAYERS, COMPONENTS, FOLDS, SPANS, CUT, OTHER = (18,), 300, 8, 130, 0.2, 0.23
STATES_RIDGE, SIGNS_RIDGE, GLANCES_RIDGE, POINTER_RIDGE = 100.0, 20.0, 3.0, 20.0
WHOLE = ("comparison", "list")
"""Kinds of question that only all of the evidence answers."""
Array = npt.NDArray[np.float64]
Passages = list[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """A question and the lines that are read for it. source: own, cut, other, tat, tatcut. hard: of reader_more. evidence:
    what answers it. right: which lines hold some of it. answers: whether the lines do; holds: whether all of it is there."""

    source: str
    hard: bool
    document: str
    question: str
    lines: tuple[Line, ...]
    passages: Passages
    evidence: tuple[str, ...]
    right: tuple[bool, ...]
    kind: str
    answers: bool
    holds: bool

    def quoted_right(self, lines: Sequence[Line]) -> bool:
        """Whether what would be quoted of the lines, ranked, answers: of a comparison or a list all of it."""
        if not self.answers:
            return False
        said = " ".join(_flat(part.text) for part in quoted(lines, self.question))
        there = [
            _flat(one)[:60] in said or any(_in(one, line) and _flat(line.unit.text)[:60] in said for line in lines)
            for one in self.evidence
        ]
        return all(there) if self.kind in WHOLE else any(there)


@dataclass(frozen=True)
class Asked:
    """What the model made of a row. weighed: float64[lines, FEATURES], of the pointer."""

    row: Row
    looked: Looked
    weighed: Array


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tatqa", type=Path, help="folder with ctxNNN.md and questions.jsonl; without it, our rows alone")
    options.add_argument("--easy", type=int, metavar="N", help="that many rows of the easier questions; all where not given")
    options.add_argument("--limit", type=int, default=0)
    options.add_argument("--write", action="store_true", help=f"write {HEADS_FILE.relative_to(HOME)}")
    chosen = options.parse_args()
    settings = load_settings()
    models = ModelStore(settings.models_dir)
    likeness = Nearness(open_encoder(settings, models).embed)
    easy = list(_own(EASY, likeness))
    random.Random(3).shuffle(easy)
    more = [*_own(HARD, likeness), *(_tatqa(chosen.tatqa, likeness) if chosen.tatqa else ())]
    rows = [*easy[: chosen.easy], *more]
    random.Random(3).shuffle(rows)
    rows = rows[: chosen.limit or None]
    engine = open_chat(settings, models)
    asked = [ask(engine, row) for row in track(rows, "asking the model")]
    measure(asked)
    if chosen.write:
        write(asked, engine.digest, easy[chosen.easy :] if chosen.easy is not None else ())


def ask(engine: ChatEngine, row: Row) -> Asked:
    prompt = Prompt(tuple(Message(*one) for one in messages(row.question, as_read(row.lines, row.passages))))
    looked = engine.look(prompt, LAYERS, Gaze(HEADS, tuple(marked(row.lines)), row.question))
    return Asked(row, looked, features(row.lines, looked.attention))


def write(asked: Sequence[Asked], model: str, unread: Sequence[Row]) -> None:
    """unread: rows that only the heads without a model learn from."""
    pointer = fit_pointer(asked)
    states = np.stack([one.looked.state for one in asked]).astype(np.float64)
    seen, wanted = told(asked, pointer)
    weights, own, bias = zip(*(fit(states, seen, column) for column in wanted.T), strict=True)
    rows = [*(one.row for one in asked), *unread]
    plain = np.array([signs(row.question, row.lines, row.passages) for row in rows])
    plainly = np.array([[row.quoted_right(row.lines), row.holds] for row in rows], float)
    parts = {
        "weights": np.stack(weights),
        "signs": np.stack(own),
        "bias": np.array(bias),
        "pointer": pointer,
        "alone": np.stack([unaided(plain, column) for column in plainly.T]),
    }
    saved = {name: np.ascontiguousarray(part, np.float32) for name, part in parts.items()}
    save_file(
        saved, HEADS_FILE, {"layers": ",".join(map(str, LAYERS)), "model": model, "made_by": "benchmarks/train_reader.py"}
    )
    print(f"written: {HEADS_FILE}")


def told(asked: Sequence[Asked], pointer: Array) -> tuple[Array, Array]:
    """What the heads see beside the state, float64[rows, signs + glances], and what they are to say, float64[rows, 2]:
    whether the quotation answers, and whether the lines hold all that answers."""
    seen, wanted = [], []
    for one in asked:
        row, scores = one.row, one.weighed @ pointer
        lines = pointed(row.lines, scores)
        seen.append([*signs(row.question, lines, row.passages), *glances(lines, scores, one.looked.attention)])
        wanted.append([row.quoted_right(lines), row.holds])
    return np.array(seen), np.array(wanted, float)


def fit_pointer(asked: Sequence[Asked]) -> Array:
    """Weights of a line's features, by which the answering lines are likeliest among those of their question."""
    rows = [
        (one.weighed, np.array(one.row.right, float))
        for one in asked
        if any(one.row.right) and not all(one.row.right) and one.row.source not in ("cut", "other", "tatcut")
    ]

    def loss(weights: Array) -> tuple[float, Array]:
        total, slope = POINTER_RIDGE * weights @ weights / 2, POINTER_RIDGE * weights
        for weighed, right in rows:
            chances = line_chances(weighed @ weights)
            held = chances * right / (chances @ right + 1e-12)
            total -= np.log(chances @ right + 1e-12)
            slope = slope + weighed.T @ (chances - held)
        return float(total), slope

    found: Array = minimize(loss, np.zeros(FEATURES), jac=True, method="L-BFGS-B").x
    return found


def _own(folder: Path, likeness: Likeness) -> Iterator[Row]:
    """folder: EASY or HARD. Each English question with its lines, and a part of the answered ones once more without the
    lines that answer."""
    hard = folder != EASY
    documents: dict[str, Passages] = {}
    for path in sorted((folder / "docs").glob("*.md")):
        if language_of(path.read_text("utf-8")[:2000]) == "en":
            parsed = parse(path)
            documents[path.stem] = [(one.section or parsed.title, one.text) for one in chunk(parsed, parsed.title)]
    draws = random.Random(5)
    for line in (folder / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        name = next((one for one in documents if one.startswith(row["doc"].removesuffix(".md"))), None)
        if name is None or language_of(row["question"]) != "en":
            continue
        yield _row("own", hard, name, row, documents[name], likeness, row["evidence"])
        if row["evidence"] and draws.random() < CUT:
            yield _row("cut", hard, name, row, _without(documents[name], row["evidence"]), likeness, row["evidence"])
        if draws.random() < OTHER:
            elsewhere = draws.sample(sorted(documents.keys() - {name}), 2)
            yield _row("other", hard, name, row, [part for one in elsewhere for part in documents[one]], likeness, [])


def _tatqa(folder: Path, likeness: Likeness) -> Iterator[Row]:
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    spans = [row for row in rows if row["type"] == "span" and row["from"] == "text"]
    draws = random.Random(3)
    draws.shuffle(spans)
    for row in spans[:SPANS]:
        answer = row["answer"][0] if isinstance(row["answer"], list) else str(row["answer"])
        if len(answer) < 4:
            continue
        parsed = parse(folder / f"{row['doc']}.md")
        passages = [(one.section or parsed.title, one.text) for one in chunk(parsed, parsed.title)]
        yield _row("tat", False, row["doc"], row, passages, likeness, [answer])
        if draws.random() < 0.5:
            yield _row("tatcut", False, row["doc"], row, _without(passages, [answer]), likeness, [answer])


def _row(
    source: str,
    hard: bool,
    document: str,
    row: dict[str, Any],
    passages: Passages,
    likeness: Likeness,
    evidence: Sequence[str],
) -> Row:
    """Answered: any of the evidence is among the lines, of a comparison or a list all of it; a computed answer is in
    none."""
    lines = tuple(digest(row["question"], passages, likeness))
    there = [any(_in(one, line) for line in lines) for one in evidence]
    kind = "computed" if "formula" in row else row.get("kind", "span")
    whole = bool(there) and all(there)
    answers = kind != "computed" and (whole if kind in WHOLE else any(there))
    right = tuple(any(_in(one, line) for one in evidence) for line in lines)
    return Row(source, hard, document, row["question"], lines, passages, tuple(evidence), right, kind, answers, whole)


def _without(passages: Passages, evidence: Sequence[str]) -> Passages:
    """The passages without the paragraphs' sentences, or the rows, that hold the evidence."""
    marks = [_flat(one)[:60] for one in evidence]
    kept = []
    for heading, text in passages:
        parts = re.split(r"(?<=[.!?:])\s+|\n", text)
        kept.append((heading, "\n".join(part for part in parts if not any(mark in _flat(part) for mark in marks))))
    return kept


def _in(evidence: str, line: Line) -> bool:
    return _flat(evidence)[:60] in _flat(line.unit.text)


def _flat(text: str) -> str:
    return " ".join(re.sub(r"[|\-*•]", " ", text).split())


def fit(states: Array, seen: Array, wanted: Array) -> tuple[Array, Array, float]:
    """Logistic regression with a ridge on the principal components of the states and on what is seen, folded back: weights
    of the states and of what is seen, and the bias."""
    centre = states.mean(axis=0)
    _, spread, axes = np.linalg.svd(states - centre, full_matrices=False)
    count = min(COMPONENTS, len(spread) - 1)
    back = axes[:count].T / (spread[:count] / np.sqrt(len(states)) + 1e-9)
    middle, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    rows = np.c_[np.ones(len(states)), (states - centre) @ back, (seen - middle) / scale]
    held = np.full(seen.shape[1], SIGNS_RIDGE)
    held[len(NAMES) :] = GLANCES_RIDGE
    ridge = np.diag(np.r_[1e-6, np.full(count, STATES_RIDGE), held])
    found = np.zeros(rows.shape[1])
    for _ in range(40):
        chance = _chance(rows @ found)
        slope = rows.T @ (chance - wanted) + ridge @ found
        step = np.linalg.solve((rows * (chance * (1 - chance))[:, None]).T @ rows + ridge, slope)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    own = found[1 + count :] / scale
    weights = back @ found[1 : 1 + count]
    return weights, own, float(found[0] - centre @ weights - middle @ own)


def unaided(seen: Array, wanted: Array) -> Array:
    """Weights of the signs and their bias, where there are no states."""
    _, own, bias = fit(np.zeros((len(seen), 1)), seen, wanted)
    return np.append(own, bias)


def crossed(asked: Sequence[Asked]) -> tuple[Array, Array, Array]:
    """Every row judged by a pointer and heads that never saw its document: chances and what they should be, float64[rows,
    2], and the pointer's best line, int64[rows]."""
    documents = np.array([one.row.document for one in asked])
    states = np.stack([one.looked.state for one in asked]).astype(np.float64)
    chances, wanted, best = np.zeros((len(asked), 2)), np.zeros((len(asked), 2)), np.zeros(len(asked), int)
    folds = np.array_split(np.random.RandomState(1).permutation(sorted(set(documents))), FOLDS)
    for left_out in track(folds, "folds"):
        held = np.isin(documents, left_out)
        pointer = fit_pointer([one for one, out in zip(asked, held, strict=True) if not out])
        seen, wants = told(asked, pointer)
        wanted[held] = wants[held]
        best[held] = [int(np.argmax(one.weighed @ pointer)) for one, out in zip(asked, held, strict=True) if out]
        for column in range(2):
            weights, own, bias = fit(states[~held], seen[~held], wants[~held][:, column])
            chances[held, column] = _chance(states[held] @ weights + seen[held] @ own + bias)
    return chances, wanted, best


def measure(asked: Sequence[Asked]) -> None:
    rows = [one.row for one in asked]
    print(f"{len(rows)} rows, {len({row.document for row in rows})} documents; heads judge those that they did not see")
    chances, wanted, best = crossed(asked)
    for name, hard in (("reader_more", True), ("the easier ones, and TAT-QA", False)):
        these = np.array([row.hard is hard for row in rows])
        if these.any():
            kept = [row for row, one in zip(rows, these, strict=True) if one]
            print(f"{name}: {len(kept)} rows")
            _tell(kept, chances[these], wanted[these], best[these])


def _tell(rows: Sequence[Row], chances: Array, wanted: Array, best: npt.NDArray[np.int64]) -> None:
    answered = [(row, at) for row, at in zip(rows, best, strict=True) if any(row.right) and row.source in ("own", "tat")]
    looked = np.mean([row.right[at] for row, at in answered])
    near = np.mean([row.right[int(np.argmax([line.near for line in row.lines]))] for row, _ in answered])
    print(f"  holds what answers: the line looked at {looked:.2f}, the nearest {near:.2f} of {len(answered)}")
    sources, right = np.array([row.source for row in rows]), wanted[:, 0] == 1
    lines = np.array([row.answers for row in rows])
    kinds = np.array([row.kind for row in rows])
    for bar in (0.4, 0.5, 0.6, 0.7, 0.8):
        said = chances[:, 0] >= bar
        parts = [f"own {_of(said, right & (sources == 'own'))} right of {int((lines & (sources == 'own')).sum())}"]
        parts += [f"{_of(said, ~right & lines & (sources == 'own'))} by another line"]
        parts += [f"{_of(said, ~lines & (sources == 'own'))} not answered said"]
        parts += [f"{name} {_of(said, (sources == name) & ~lines)} said" for name in ("cut", "other", "tatcut")]
        parts += [f"tat {_of(said, right & (sources == 'tat'))} right"]
        print(f"  chance >= {bar}: " + "; ".join(parts))
    ordered = right[np.argsort(-chances[:, 0])]
    before = {wrong: int(ordered[: np.searchsorted(np.cumsum(~ordered), wrong)].sum()) for wrong in (10, 20, 30, 50)}
    print(f"  right ones said before so many wrong ones are: {before}")
    print(f"  area under the curve: {_area(wanted[:, 0], chances[:, 0]):.3f}")
    shares = [f"{mid:.1f}: {right[np.abs(chances[:, 0] - mid - 0.05) < 0.05].mean():.2f}" for mid in np.arange(0, 1, 0.1)]
    print("  share right by chance said: " + ", ".join(shares))
    for bar in (0.3, 0.5, 0.7):
        said = chances[:, 1] >= bar
        needed, others = (kinds == "computed") & (wanted[:, 1] == 1), (wanted[:, 1] == 0) & (sources == "own")
        print(f"  holds >= {bar}: computed {_of(said, needed)}; others {_of(said, others)}")


def _area(wanted: Array, chances: Array) -> float:
    """Under the curve of true by false alarms: how often a right one's chance is above a wrong one's."""
    ranks = np.argsort(np.argsort(chances)) + 1
    right = wanted.sum()
    return float((ranks[wanted == 1].sum() - right * (right + 1) / 2) / max(right * (len(wanted) - right), 1))


def _of(said: npt.NDArray[np.bool_], these: npt.NDArray[np.bool_]) -> str:
    return f"{int((said & these).sum())} of {int(these.sum())}"


def _chance(score: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(score, -30, 30))))


if __name__ == "__main__":
    main()
