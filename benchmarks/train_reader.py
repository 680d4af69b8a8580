"""Trains the heads that read lines with understanding (retrieval/evidence/data/reader.safetensors), and measures them.

    python benchmarks/train_reader.py --tatqa DIR                   about half an hour on two quiet cores
    python benchmarks/train_reader.py --tatqa DIR --write           and write the heads
    python benchmarks/train_reader.py --adjust --write              adjust the first heads to reader_more
    python benchmarks/train_reader.py --tatqa DIR --limit 60        a trial

The default chat model is asked of the lines that are nearest to a question whether they answer exactly it. Where the
question's words look says which line would be quoted (the pointer), and logistic heads learn from that, from what a middle
layer makes of the prompt and from what can be seen without a model whether the quotation answers. Questions and documents:
benchmarks/data/reader and reader_more (written for Countersign by people who had not seen the rules: a third of the
questions are not answered, most of them nearly), the same with the answering lines taken out, and spans of TAT-QA's
development set (DIR; MIT), with and without theirs. Folds are over documents. docs/model-cards/reader.md has the figures
of the heads that are shipped.
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
from safetensors.numpy import load_file, save_file
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

OWN = HOME / "benchmarks" / "data" / "reader"
MORE = HOME / "benchmarks" / "data" / "reader_more"
HEADS_FILE = HOME / "retrieval" / "evidence" / "data" / "reader.safetensors"
LAYERS, COMPONENTS, RIDGE, SIGNS_RIDGE, FOLDS, SPANS, CUT, OTHER = (18,), 80, 30.0, 10.0, 8, 130, 0.2, 0.23
ADJUSTED, SIGNS_ADJUSTED, GLANCES_RIDGE, POINTER_RIDGE = 200.0, 20.0, 3.0, 1.0
"""Ridges. Where heads are adjusted they are tight, so that what one kind of question teaches stays near what others
taught."""
WHOLE = ("comparison", "list")
"""Kinds of question that only all of the evidence answers."""
Array = npt.NDArray[np.float64]
Passages = list[tuple[str, str]]


@dataclass(frozen=True)
class Row:
    """A question and the lines that are read for it. source: own, cut, other, tat, tatcut. evidence: what answers it.
    right: which lines hold some of it. answers: whether the lines do; holds: whether they hold all of it."""

    source: str
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
    options.add_argument("--adjust", action="store_true", help="learn from reader_more, with the first heads as a start")
    options.add_argument("--limit", type=int, default=0)
    options.add_argument("--write", action="store_true", help=f"write {HEADS_FILE.relative_to(HOME)}")
    chosen = options.parse_args()
    settings = load_settings()
    models = ModelStore(settings.models_dir)
    likeness = Nearness(open_encoder(settings, models).embed)
    unread = list(_own(OWN, likeness)) if chosen.adjust else []
    more = [*_own(MORE, likeness), *(_tatqa(chosen.tatqa, likeness) if chosen.tatqa else ())]
    rows = more if chosen.adjust else [*_own(OWN, likeness), *more]
    random.Random(3).shuffle(rows)
    rows = rows[: chosen.limit or None]
    engine = open_chat(settings, models)
    asked = [ask(engine, row) for row in track(rows, "asking the model")]
    before = (
        load_file(HEADS_FILE)["first"].astype(np.float64) if chosen.adjust else np.zeros((2, asked[0].looked.state.size))
    )
    measure(asked, before)
    if chosen.write:
        write(asked, before, engine.digest, unread)


def ask(engine: ChatEngine, row: Row) -> Asked:
    prompt = Prompt(tuple(Message(*one) for one in messages(row.question, as_read(row.lines, row.passages))))
    looked = engine.look(prompt, LAYERS, Gaze(HEADS, tuple(marked(row.lines)), row.question))
    return Asked(row, looked, features(row.lines, looked.attention))


def write(asked: Sequence[Asked], before: Array, model: str, unread: Sequence[Row]) -> None:
    """unread: rows that only the heads without a model learn from."""
    pointer = fit_pointer(asked)
    states = np.stack([one.looked.state for one in asked]).astype(np.float64)
    seen, wanted = told(asked, pointer)
    weights, own, bias = zip(
        *(fit(states, seen, column, start) for column, start in zip(wanted.T, before, strict=True)), strict=True
    )
    without = [*unread, *(one.row for one in asked)]
    plain = np.array([signs(row.question, row.lines, row.passages) for row in without])
    plainly = np.array([[row.quoted_right(row.lines), row.holds] for row in without], float)
    alone = np.stack([unaided(plain, column) for column in plainly.T])
    parts = {
        "weights": np.stack(weights),
        "signs": np.stack(own),
        "bias": np.array(bias),
        "pointer": pointer,
        "alone": alone,
    }
    parts["first"] = before if before.any() else parts["weights"]
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
    """Each English question with its lines, and a part of the answered ones once more without the lines that answer."""
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
        yield _row("own", name, row, documents[name], likeness, row["evidence"])
        if row["evidence"] and draws.random() < CUT:
            yield _row("cut", name, row, _without(documents[name], row["evidence"]), likeness, row["evidence"])
        if draws.random() < OTHER:
            elsewhere = draws.sample(sorted(documents.keys() - {name}), 2)
            yield _row("other", name, row, [part for one in elsewhere for part in documents[one]], likeness, [])


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
        yield _row("tat", row["doc"], row, passages, likeness, [answer])
        if draws.random() < 0.5:
            yield _row("tatcut", row["doc"], row, _without(passages, [answer]), likeness, [answer])


def _row(
    source: str, document: str, row: dict[str, Any], passages: Passages, likeness: Likeness, evidence: Sequence[str]
) -> Row:
    """Answered: any of the evidence is among the lines, of a comparison or a list all of it; a computed answer is in
    none."""
    lines = tuple(digest(row["question"], passages, likeness))
    there = [any(_in(one, line) for line in lines) for one in evidence]
    kind = "computed" if "formula" in row else row.get("kind", "span")
    whole = bool(there) and all(there)
    answers = kind != "computed" and (whole if kind in WHOLE else any(there))
    right = tuple(any(_in(one, line) for one in evidence) for line in lines)
    return Row(source, document, row["question"], lines, passages, tuple(evidence), right, kind, answers, whole)


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


def fit(states: Array, seen: Array, wanted: Array, before: Array | None = None) -> tuple[Array, Array, float]:
    """Logistic regression with a ridge on the principal components of the states and on the signs, folded back.

    before: weights of the states that others were trained with. What they say is one more sign, and the components, held
    tighter, learn what it lacks.
    """
    start = np.zeros(states.shape[1]) if before is None else before
    centre = states.mean(axis=0)
    _, spread, axes = np.linalg.svd(states - centre, full_matrices=False)
    count = min(COMPONENTS, len(spread) - 1)
    back = axes[:count].T / (spread[:count] / np.sqrt(len(states)))
    told = states @ start
    seen_too = np.c_[seen, told]
    middle, scale = seen_too.mean(axis=0), seen_too.std(axis=0) + 1e-6
    rows = np.c_[np.ones(len(states)), (states - centre) @ back, (seen_too - middle) / scale]
    components, signs_too = (ADJUSTED, SIGNS_ADJUSTED) if start.any() else (RIDGE, SIGNS_RIDGE)
    held = np.full(seen.shape[1], signs_too)
    held[len(NAMES) :] = GLANCES_RIDGE
    ridge = np.diag(np.r_[1e-6, np.full(count, components), held, 1.0])
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
    bias = float(found[0] - centre @ weights - middle @ own)
    return weights + own[-1] * start, own[:-1], bias


def unaided(seen: Array, wanted: Array) -> Array:
    """Weights of the signs and their bias, where there are no states."""
    _, own, bias = fit(np.zeros((len(seen), 1)), seen, wanted)
    return np.append(own, bias)


def crossed(asked: Sequence[Asked], before: Array) -> tuple[Array, Array, Array]:
    """Every row judged by a pointer and heads that never saw its document: chances and what they should be, float64[rows,
    2], and whether the pointer's best line holds what answers, with whether the nearest does, float64[answered rows,
    2]."""
    documents = np.array([one.row.document for one in asked])
    states = np.stack([one.looked.state for one in asked]).astype(np.float64)
    chances, wanted = np.zeros((len(asked), 2)), np.zeros((len(asked), 2))
    best = []
    for left_out in np.array_split(np.random.RandomState(1).permutation(sorted(set(documents))), FOLDS):
        held = np.isin(documents, left_out)
        pointer = fit_pointer([one for one, out in zip(asked, held, strict=True) if not out])
        seen, wants = told(asked, pointer)
        wanted[held] = wants[held]
        for column, start in enumerate(before):
            weights, own, bias = fit(states[~held], seen[~held], wants[~held][:, column], start)
            chances[held, column] = _chance(states[held] @ weights + seen[held] @ own + bias)
        for one, out in zip(asked, held, strict=True):
            if out and any(one.row.right) and one.row.source in ("own", "tat"):
                nearest = int(np.argmax([line.near for line in one.row.lines]))
                best.append([one.row.right[int(np.argmax(one.weighed @ pointer))], one.row.right[nearest]])
    return chances, wanted, np.array(best, float)


def measure(asked: Sequence[Asked], before: Array) -> None:
    rows = [one.row for one in asked]
    print(f"{len(rows)} rows, {len({row.document for row in rows})} documents; heads judge those that they did not see")
    chances, wanted, best = crossed(asked, before)
    looked, near = best.mean(axis=0)
    print(f"  holds what answers: the line looked at {looked:.2f}, the nearest {near:.2f} of {len(best)}")
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
    print(f"  area under the curve: {_area(wanted[:, 0], chances[:, 0]):.3f}")
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
