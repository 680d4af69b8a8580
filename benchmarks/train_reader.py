"""Trains the head that reads passages with understanding (retrieval/evidence/data/reader.safetensors), and measures it.

    python benchmarks/train_reader.py --tatqa DIR                   about a quarter of an hour on two quiet cores
    python benchmarks/train_reader.py --tatqa DIR --write           and write the head
    python benchmarks/train_reader.py --tatqa DIR --limit 60        a trial

The default chat model is asked of each passage whether it answers exactly the question; a logistic head learns from
its logits.
Passages and questions: benchmarks/data/reader (written for Countersign: half of the questions are not answered, most of them
nearly), the same passages with the answering sentence taken out, and spans of TAT-QA's development set (DIR; MIT) with and
without their sentence. Folds are over documents. docs/model-cards/reader.md has the figures of the head that is shipped.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

HOME = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME))

from rich.progress import track
from safetensors.numpy import save_file

from app.adapters.answering import likeness_by
from app.settings import load_settings
from app.wiring.chat_model import open_chat
from app.wiring.parts import open_encoder
from inference.store.model_store import ModelStore
from inference.types import Message, Prompt
from orchestrator.understanding.language import language_of
from retrieval.documents.chunk import Chunk, chunk
from retrieval.documents.parse import parse
from retrieval.documents.sentences import sentences
from retrieval.evidence.quotations import Likeness, nearest
from retrieval.evidence.reader import messages, signs

OWN = HOME / "benchmarks" / "data" / "reader"
HEAD = HOME / "retrieval" / "evidence" / "data" / "reader.safetensors"
TOKENS, COMPONENTS, RIDGE, FOLDS, SPANS = 2048, 80, 10.0, 6, 160
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One question and one passage; `answers` is what the head learns. source: own, cut, tat, tatcut."""

    source: str
    document: str
    question: str
    heading: str
    passage: str
    answers: bool


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tatqa", type=Path, help="folder with ctxNNN.md and questions.jsonl; without it, our rows alone")
    options.add_argument("--limit", type=int, default=0)
    options.add_argument("--write", action="store_true", help=f"write {HEAD.relative_to(HOME)}")
    chosen = options.parse_args()
    settings = load_settings()
    models = ModelStore(settings.models_dir)
    likeness = likeness_by(open_encoder(settings, models).embed)
    pairs = [*_own(likeness), *(_tatqa(chosen.tatqa) if chosen.tatqa else ())]
    random.Random(3).shuffle(pairs)
    pairs = pairs[: chosen.limit or None]
    engine = open_chat(settings, models)
    tokens = np.sort(np.random.RandomState(0).choice(151_000, TOKENS, replace=False)).astype(np.int32)
    asked = (Prompt(tuple(Message(*one) for one in messages(p.question, p.heading, p.passage))) for p in pairs)
    rows = [engine.first_logits(prompt)[tokens] for prompt in track(asked, "asking the model", total=len(pairs))]
    logits = np.stack(rows).astype(np.float64)
    logits -= logits.mean(axis=1, keepdims=True)
    seen = np.array(
        [signs(p.question, p.heading, p.passage, nearest(p.question, p.heading, p.passage, likeness)) for p in pairs]
    )
    _measure(pairs, logits, seen)
    if chosen.write:
        weights, own, bias = _fit(logits, seen, np.array([p.answers for p in pairs], float))
        told = {"bias": repr(bias), "model": engine.digest, "made_by": "benchmarks/train_reader.py"}
        parts = {"tokens": tokens, "weights": weights.astype(np.float32), "signs": own.astype(np.float32)}
        save_file(parts, HEAD, told)
        print(f"written: {HEAD}")


def _own(likeness: Likeness) -> Iterator[Pair]:
    """Each English question with the passage likeliest to answer it, with the one that does, and with that one cut."""
    documents: dict[str, list[Chunk]] = {}
    for path in sorted((OWN / "docs").glob("*.md")):
        if language_of(path.read_text("utf-8")[:2000]) == "en":
            parsed = parse(path)
            documents[path.stem] = chunk(parsed, parsed.title)
    for line in (OWN / "questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        question, name = row["question"], row["doc"]
        if name not in documents or language_of(question) != "en":
            continue
        evidence = [_bare(one) for one in row["evidence"]]
        passages = documents[name]
        best = max(passages, key=lambda one: nearest(question, one.section, one.text, likeness))
        gold = next((one for one in passages if evidence and _holds(one.text, evidence)), None)
        yield Pair("own", name, question, best.section, best.text, bool(evidence) and _holds(best.text, evidence))
        if gold is None:
            continue
        if gold is not best and not _holds(best.text, evidence):
            yield Pair("own", name, question, gold.section, gold.text, True)
        rest = gold.text
        for one in evidence:
            rest = rest.replace(one, "")
        if len(rest.split()) > 12 and rest != gold.text:
            yield Pair("cut", name, question, gold.section, rest, False)


def _tatqa(folder: Path) -> Iterator[Pair]:
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    spans = [row for row in rows if row["type"] == "span" and row["from"] == "text"]
    random.Random(3).shuffle(spans)
    taken = 0
    for row in spans:
        answer = row["answer"][0] if isinstance(row["answer"], list) else str(row["answer"])
        parsed = parse(folder / f"{row['doc']}.md")
        holding = [one for one in chunk(parsed, parsed.title) if answer in one.text]
        if len(answer) < 4 or len(holding) != 1 or taken == SPANS:
            continue
        taken += 1
        (one,) = holding
        text = one.text[:900]
        yield Pair("tat", row["doc"], row["question"], one.section, text, answer in text)
        rest = " ".join(part for part in sentences(one.text) if answer not in part)[:900]
        if len(rest.split()) > 15:
            yield Pair("tatcut", row["doc"], row["question"], one.section, rest, False)


def _bare(evidence: str) -> str:
    """A sentence, or a table's row, as a passage shows it."""
    return " ".join(evidence.strip().strip("|-*• ").split())


def _holds(passage: str, evidence: Sequence[str]) -> bool:
    text = " ".join(passage.split())
    return any(one[:60] in text for one in evidence)


def _fit(logits: Array, seen: Array, answers: Array) -> tuple[Array, Array, float]:
    """Logistic regression with a ridge on the principal components of the logits and on the signs, folded back."""
    centre = logits.mean(axis=0)
    _, spread, axes = np.linalg.svd(logits - centre, full_matrices=False)
    count = min(COMPONENTS, len(spread) - 1)
    back = axes[:count].T / (spread[:count] / np.sqrt(len(logits)))
    middle, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    rows = np.c_[np.ones(len(logits)), (logits - centre) @ back, (seen - middle) / scale]
    ridge = RIDGE * np.diag(np.r_[1e-6, np.ones(rows.shape[1] - 1)])
    found = np.zeros(rows.shape[1])
    for _ in range(40):
        chance = _chance(rows @ found)
        slope = rows.T @ (chance - answers) + ridge @ found
        step = np.linalg.solve((rows * (chance * (1 - chance))[:, None]).T @ rows + ridge, slope)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    weights, own = back @ found[1 : 1 + count], found[1 + count :] / scale
    return weights, own, float(found[0] - centre @ weights - middle @ own)


def _chance(score: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(score, -30, 30))))


def _measure(pairs: Sequence[Pair], logits: Array, seen: Array) -> None:
    """Every pair judged by a head that never saw its document."""
    documents = np.array([pair.document for pair in pairs])
    answers = np.array([pair.answers for pair in pairs], float)
    chances = np.zeros(len(pairs))
    names = np.random.RandomState(1).permutation(sorted(set(documents)))
    for left_out in np.array_split(names, FOLDS):
        held = np.isin(documents, left_out)
        weights, own, bias = _fit(logits[~held], seen[~held], answers[~held])
        chances[held] = _chance(logits[held] @ weights + seen[held] @ own + bias)
    sources = np.array([pair.source for pair in pairs])
    print(f"{len(pairs)} pairs, {len(names)} documents, each judged by a head that did not see its document")
    for bar in (0.4, 0.5, 0.6, 0.7, 0.8):
        parts = []
        for source in ("own", "cut", "tat", "tatcut"):
            said = (chances >= bar) & (sources == source)
            right, wrong = int((said & (answers == 1)).sum()), int((said & (answers == 0)).sum())
            able = int(((sources == source) & (answers == 1)).sum())
            parts.append(f"{source} {right}/{able} right, {wrong}/{int((sources == source).sum()) - able} wrong")
        print(f"  chance >= {bar}: " + "; ".join(parts))


if __name__ == "__main__":
    main()
