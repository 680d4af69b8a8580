"""Train the head that recognises harmless requests for the closed book, and write its figures into the model card.

    python benchmarks/train_request_head.py --data DIR --encoder DIR

Rows: benchmarks/data/closed_book/requests.txt (families of training), the development half of the closed book's test cases,
CLINC150 (CC BY 3.0) and Banking77 (CC BY 4.0) by intent, and questions of TAT-QA (MIT). Families are held back whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rooms, before scripts of the same names here

import numpy as np
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack

from inference.encoder import SentenceEncoder
from orchestrator.closed_book.general_notions import row as words_of
from orchestrator.closed_book.request_forms import Forms, forms, in_languages, plain
from orchestrator.closed_book.request_head import BUCKETS, KINDS, Outside, features, outside, softmax
from orchestrator.closed_book.ruling import SURE, SURE_EMBEDDED, ClosedBook, Kind, Probabilities, learned

ROOT = Path(__file__).parent.parent
CARD = ROOT / "docs" / "model-cards" / "request-head.md"
WEIGHTS = ROOT / "orchestrator" / "data" / "request_head.safetensors"
REQUESTS = ROOT / "benchmarks" / "data" / "closed_book" / "requests.txt"
CASES = ROOT / "tests" / "orchestrator" / "closed_book" / "cases.yaml"
_INTENTS = {
    "small_talk": "greeting goodbye thank_you yes no maybe are_you_a_bot what_is_your_name who_made_you how_old_are_you"
    " what_are_your_hobbies do_you_have_pets where_are_you_from what_can_i_ask_you tell_joke repeat fun_fact",
    "language_task": "translate spelling",
    "concept": "definition",
}
_DROPPED = (
    "meaning_of_life flip_coin roll_dice calculator measurement_conversion tire_change jump_start oil_change_how recipe"
)
_EACH_INTENT, _OF_TATQA, _EACH_HARMLESS = 12, 150, 40
_WEIGHT = {"requests": 1.0, "cases": 1.0}
_OTHER_WEIGHT = 0.3
_EMBEDDED = 3.0  # length of an embedding beside groups of length one
_FOLDS = 6
_STRENGTH = 2e-4  # of the ridge; of five tried, on families left out in turn


@dataclass(frozen=True)
class Row:
    text: str
    kind: str
    language: str
    family: str
    split: str
    source: str


def requests() -> Iterator[Row]:
    """The requests written for the head."""
    family = split = kind = ""
    for line in REQUESTS.read_text("utf-8").splitlines():
        if line.startswith("== "):
            family, split, kind = (part.strip() for part in line[3:].split("|"))
        elif line and not line.startswith("#"):
            yield Row(line[4:], kind, line[:2], family, split, "requests")


def cases() -> Iterator[Row]:
    """The development half of the test cases; `harmless` is told by no kind and left out where forms do not tell it."""
    for family in yaml.safe_load(CASES.read_text("utf-8"))["families"]:
        if family["half"] == "dev" and not family.get("history"):
            for language, texts in family["texts"].items():
                yield from (Row(text, family["kind"], language, family["name"], "train", "cases") for text in texts)


def intents(data: Path) -> Iterator[Row]:
    """Some requests of every intent of CLINC150 and Banking77, and some questions of TAT-QA."""
    kinds = {intent: kind for kind, names in _INTENTS.items() for intent in names.split()}
    for name in ("clinc", "banking"):
        by_label: dict[str, list[str]] = {}
        for line in (data / f"intents_{name}.jsonl").open(encoding="utf-8"):
            one = json.loads(line)
            if one["label"] not in {*_DROPPED.split(), "oos"}:
                by_label.setdefault(one["label"], []).append(one["text"])
        for label, texts in sorted(by_label.items()):
            kind = kinds.get(label, "factual")
            random.Random(3).shuffle(texts)
            some = texts[: _EACH_HARMLESS if kind != "factual" else _EACH_INTENT]
            yield from (Row(text, kind, "en", label, "train", name) for text in some)
    asked = [json.loads(line)["question"] for line in (data / "tatqa" / "questions.jsonl").open(encoding="utf-8")]
    for text in random.Random(3).sample(asked, _OF_TATQA):
        yield Row(text, "factual", "en", "tatqa", "train", "tatqa")


def matrix(rows: Sequence[Row]) -> tuple[csr_matrix, NDArray[np.int64]]:
    """Features of rows, and which row each reading of a message belongs to."""
    by_language = forms()
    indices, values, ends, owner = [], [], [0], []
    for at, row in enumerate(rows):
        message = plain(row.text)
        readings = outside(message, in_languages(message, by_language))
        for reading in readings if row.kind != "language_task" else readings[:1]:
            found, value = features(reading, in_languages(reading.words or message, by_language))
            indices.append(found)
            values.append(value)
            ends.append(ends[-1] + len(found))
            owner.append(at)
    return csr_matrix((np.concatenate(values), np.concatenate(indices), ends), (len(owner), BUCKETS)), np.array(owner)


def labels_of(rows: Sequence[Row]) -> NDArray[np.float64]:
    """float64[rows, kinds]; `harmless` is any kind but factual, shared alike."""
    shares = {kind: np.eye(len(KINDS))[at] for at, kind in enumerate(KINDS)} | {"harmless": np.array([0, 1, 1, 1]) / 3}
    return np.array([shares[row.kind] for row in rows])


def fit(
    x: csr_matrix, y: NDArray[np.float64], weight: NDArray[np.float64], strength: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights float32[columns, kinds] and bias of a softmax with a ridge."""
    k, columns = len(KINDS), x.shape[1]
    weight = weight / weight.sum()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w, bias = flat[:-k].reshape(columns, k), flat[-k:]
        logits = x @ w + bias
        logits -= logits.max(axis=1, keepdims=True)
        log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        error = (np.exp(log) - y) * weight[:, None]
        slope = np.concatenate([(x.T @ error + strength * w).ravel(), error.sum(axis=0)])
        return float(-(y * log * weight[:, None]).sum() + 0.5 * strength * (w * w).sum()), slope

    found = minimize(loss, np.zeros(columns * k + k), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return found.x[:-k].reshape(columns, k).astype(np.float32), found.x[-k:].astype(np.float32)


@dataclass(frozen=True)
class Head:
    """A head before it is written: hashed float32[BUCKETS, kinds], embedded float32[384, kinds], bias float32[kinds]."""

    hashed: NDArray[np.float32]
    embedded: NDArray[np.float32]
    bias: NDArray[np.float32]

    def probabilities(self, embedding: NDArray[np.float32] | None) -> Probabilities:
        def odds(request: Outside, languages: tuple[Forms, ...]) -> Mapping[str, float]:
            indices, values = features(request, languages)
            logits = values @ self.hashed[indices] + self.bias
            if embedding is not None and not request.given:
                logits = logits + embedding @ self.embedded
            return dict(zip(KINDS, softmax(logits).tolist(), strict=True))

        return odds


class Training:
    """The rows with their features, and heads fitted to some of them."""

    def __init__(self, rows: Sequence[Row], encoder: SentenceEncoder) -> None:
        self.rows = rows
        self.x, self.owner = matrix(rows)
        english = [row.language == "en" for row in rows]
        self.vectors = np.zeros((len(rows), 384), np.float32)
        self.vectors[english] = encoder.embed([row.text for row in rows if row.language == "en"])
        self.y = labels_of(rows)
        self.weight = np.array([_WEIGHT.get(row.source, _OTHER_WEIGHT) for row in rows])
        self.names = frozenset(words_of(name) for name in yaml.safe_load(CASES.read_text("utf-8"))["own_names"])
        book = ClosedBook()
        self.formed = [
            book.claimed(row.text, own_names=OWN).kind != "factual" if row.source in _WEIGHT else False for row in rows
        ]

    def head(self, chosen: NDArray[np.bool_], *, embedded: bool) -> Head:
        some = chosen[self.owner]
        x = self.x[some]
        if embedded:
            x = hstack([x, csr_matrix(self.vectors[self.owner][some] * _EMBEDDED)]).tocsr()
        w, bias = fit(x, self.y[self.owner][some], self.weight[self.owner][some], _STRENGTH)
        beside = w[BUCKETS:] * _EMBEDDED if embedded else np.zeros((384, len(KINDS)), np.float32)
        scale = scale_of(w[:BUCKETS])  # rounded as it is written, so that the figures are those of what is shipped
        return Head(
            np.rint(w[:BUCKETS] / scale).astype(np.float32) * scale, beside.astype(np.float16).astype(np.float32), bias
        )

    def judged(self, at: int, any_head: Head, english: Head | None, sure: Mapping[Kind, float]) -> tuple[str, float] | None:
        """The kind and score that the head alone gives a row."""
        row = self.rows[at]
        seen = english is not None and row.language == "en"
        head = english if seen and english else any_head
        ruling = learned(plain(row.text), self.names, forms(), head.probabilities(self.vectors[at] if seen else None), sure)
        return (ruling.kind, ruling.score) if ruling else None

    def held(self) -> dict[int, tuple[str, float] | None]:
        """What heads fitted to the families of training and development say of those held back."""
        return left_out(self, [row.split for row in self.rows], np.array([row.split == "held" for row in self.rows]))


OWN = yaml.safe_load(CASES.read_text("utf-8"))["own_names"]
_LOW: Mapping[Kind, float] = {"concept": 0.5, "language_task": 0.5, "small_talk": 0.5}


def left_out(training: Training, group: Sequence[str], test: NDArray[np.bool_]) -> dict[int, tuple[str, float] | None]:
    """What heads say of test rows when each group of rows is left out in turn."""
    found: dict[int, tuple[str, float] | None] = {}
    names = np.array(group)
    kept = np.array([row.split != "held" for row in training.rows])
    for name in sorted(set(names[test])):
        chosen = kept & (names != name)
        heads = training.head(chosen, embedded=False), training.head(chosen, embedded=True)
        for at in np.flatnonzero((names == name) & test):
            found[int(at)] = None if training.formed[at] else training.judged(int(at), *heads, _LOW)
    return found


def table(
    training: Training, found: Mapping[int, tuple[str, float] | None], bars: Sequence[Mapping[Kind, float]]
) -> list[str]:
    """Lines of a table: English and the others, by bars, with what forms and head together let through."""
    lines = []
    for bar in bars:
        cells = []
        for english in (True, False):
            for factual in (False, True):
                some = [at for at in found if (training.rows[at].language == "en") == english
                        and (training.rows[at].kind == "factual") == factual]  # fmt: skip
                by_form = sum(training.formed[at] for at in some)
                by_head = sum(bool((one := found[at]) and one[1] >= bar[one[0]]) for at in some)  # type: ignore[index]
                cells.append(f"{by_form} + {by_head} of {len(some)}")
        lines.append(f"| {' / '.join(f'{bar[kind]:.2f}' for kind in _LOW)} | {' | '.join(cells)} |")
    return lines


def shown(training: Training, found: Mapping[int, tuple[str, float] | None]) -> str:
    """A table of the bars that are shipped and of some beside them."""
    some: list[Mapping[Kind, float]] = [SURE, SURE_EMBEDDED]
    some += [{"concept": bar, "language_task": bar, "small_talk": bar} for bar in (0.6, 0.8, 0.9)]
    head = ("| concept / language task / small talk | English harmless | English factual | others: harmless | factual |\n"
            "|---|---|---|---|---|\n")  # fmt: skip
    return head + "\n".join(table(training, found, some))


def scale_of(hashed: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[kinds]: what one step of the eight-bit weights of a kind is worth."""
    return np.asarray(np.abs(hashed).max(axis=0) / 127, np.float32)


def write(heads: Mapping[str, Head]) -> None:
    """The heads as eight-bit weights with one scale for each kind."""
    tensors: dict[str, NDArray[np.generic]] = {}
    for name, head in heads.items():
        scale = scale_of(head.hashed)
        tensors |= {
            f"{name}.hashed": np.rint(head.hashed / scale).astype(np.int8),
            f"{name}.scale": scale,
            f"{name}.embedded": head.embedded.astype(np.float16),
            f"{name}.bias": head.bias.astype(np.float32),
        }
    save_file(tensors, WEIGHTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the training sets")
    parser.add_argument("--encoder", type=Path, required=True, help="the folder of all-minilm-l6-v2")
    given = parser.parse_args()
    training = Training([*requests(), *cases(), *intents(given.data)], SentenceEncoder.load(given.encoder))
    rows = training.rows
    kept = np.array([row.split != "held" for row in rows])
    write({"any": training.head(kept, embedded=False), "english": training.head(kept, embedded=True)})
    ours = kept & np.array([row.source in _WEIGHT for row in rows])
    figures = {
        "held": training.held(),
        "families": left_out(training, [str(zlib.crc32(row.family.encode()) % _FOLDS) for row in rows], ours),
        "languages": left_out(training, [row.language for row in rows], ours),
        "sources": left_out(training, [row.source for row in rows], ours),
    }
    tables = {name: shown(training, found) for name, found in figures.items()}
    count = sum(row.source == "requests" for row in rows)
    CARD.write_text(_CARD.format(rows=len(rows), requests=count, size=WEIGHTS.stat().st_size,
                                 digest=hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(), **tables), "utf-8")  # fmt: skip
    print(CARD.read_text("utf-8"))


_CARD = """# What kind of request

Two softmax heads over hashed features (words, shapes of a request, groups of letters, signs that all languages share):
whether a request asks for a fact, for a general notion, for work on language, or is small talk. The second also reads the
MiniLM embedding and is asked where a question is English and the first of its conversation. The closed book asks them
where no form claims a request; what is objected to (a name, a figure, a thing of the firm, an event, …) stays closed
whatever they say.
`python benchmarks/train_request_head.py --data DIR --encoder DIR` makes the weights and this card; it names its sources.

Rows: {rows}, of which {requests} were written for Countersign (benchmarks/data/closed_book/requests.txt): half of them
harmless in unusual words, half questions for facts that look like them. File: {size} bytes,
SHA-256 `{digest}`.

In the tables a cell is "by form + by head of all". The first two bars are those shipped without and with an embedding.

## Families held back whole

No weight and no bar was fitted to these. Their texts were seen, though, while objections were written, and one objection (an
essay about the firm's fund) was added because of them: the "by form" of factual requests was 18 of 116 before it.

{held}

## Each sixth of the families left out in turn

{families}

## Each language left out in turn

{languages}

## Each source left out in turn

{sources}

What falls short: a family of wordings that training has never seen is recognised less than half the time outside English:
only the embedding carries over from one wording to another. Present-tense questions about the state of the world without a
word of time ("Sinkt die Inflation?", "What rights does a tenant have?") are the factual ones that come nearest to the bars.
"""

if __name__ == "__main__":
    main()
