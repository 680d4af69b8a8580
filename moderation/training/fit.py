"""Train the heads: logistic regression over embedding and lexical features, cross-fitted and calibrated.

Invariant: every figure that is reported, and the calibration, come from a model that has not seen the row's group
(four folds by group). The shipped weights are then fitted on all rows. Training needs SciPy; the service does not.

    python -m moderation.training.fit --data ../shared/data --embeddings embeddings.npz
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray
from rich.progress import Progress
from safetensors.numpy import save_file

from moderation.heads.features import BUCKETS, VERSION
from moderation.heads.head import HEADS_PATH, lexical_parts
from moderation.training.corpora import ADVICE, FOLDS, TOXIC, Example, examples

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
Floats = NDArray[np.float32]

HEADS = {"injection": ("injection",), "toxicity": TOXIC, "topic": ("out_of_scope",), "advice": ADVICE}
# L2 strengths, of the embedding by rail: chosen for what a head says of corpora that it was not trained on.
RIDGE_EMBEDDING = {"injection": 1e-4, "toxicity": 5e-5, "topic": 1e-5, "advice": 3e-5}
RIDGE_WORDS = 4e-5
# The most negatives of one corpus per positive row: enough variety, without drowning the positives.
KEEP = {"banking": 2500, "clinc": 5000}
# What was left out comes back where the head takes it for an attack, or nearly: so many times over, from these log odds.
MINED, NEARLY = 2, -1.5


@dataclass(frozen=True)
class Table:
    """All rows as features. `words` has one row a window; `start[i]:start[i+1]` are the windows of text i."""

    rows: Sequence[Example]
    embedding: Floats
    words: Any  # scipy.sparse.csr_matrix
    start: NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    embedding: Floats
    words: Floats
    bias: float

    def logits(self, table: Table) -> Floats:
        """The worst window's logit of every row."""
        by_window = np.asarray(table.words @ self.words)
        worst = np.maximum.reduceat(by_window, table.start[:-1])
        return (table.embedding @ self.embedding + worst + self.bias).astype(np.float32)

    def scaled(self, slope: float, shift: float) -> Fit:
        return Fit(self.embedding * slope, self.words * slope, self.bias * slope + shift)


@dataclass(frozen=True)
class Trained:
    """A category's shipped weights and its cross-fitted, calibrated probability for every row."""

    category: str
    fit: Fit
    held_back: Floats
    slope: float
    shift: float


def tabulate(rows: Sequence[Example], embed: Embed, progress: Progress | None = None) -> Table:
    task = progress.add_task("features", total=len(rows)) if progress else None
    buckets, values, counts, windows = [], [], [], []
    for row in rows:
        parts = lexical_parts(row.text)
        windows.append(len(parts))
        for where, what in parts:
            buckets.append(where)
            values.append(what)
            counts.append(len(where))
        if progress and task is not None:
            progress.advance(task)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    words = scipy.sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(buckets), pointers), shape=(len(counts), BUCKETS)
    )
    start = np.concatenate([[0], np.cumsum(windows)])
    return Table(rows, embed([row.text for row in rows]), words, start)


def train_category(table: Table, category: str, advance: Callable[[], None] = lambda: None) -> Trained:
    labels, weights = _targets(table, category)
    folds = np.array([row.fold for row in table.rows])
    keep = _sampled(table.rows, labels)
    held_back = np.zeros(len(labels), dtype=np.float32)
    for fold in range(FOLDS):
        fit = _mined(table, category, keep & (folds != fold), folds != fold)
        held_back[folds == fold] = fit.logits(table)[folds == fold]
        advance()
    slope, shift = _platt(held_back, labels, weights * keep)
    whole = _mined(table, category, keep, np.ones(len(labels), dtype=bool))
    advance()
    return Trained(category, whole.scaled(slope, shift), _sigmoid(held_back * slope + shift), slope, shift)


def without(table: Table, one: Trained, left_out: NDArray[np.bool_]) -> Floats:
    """The calibrated probability of every left-out row from a head that saw none of them (cross-corpus figures)."""
    labels, _ = _targets(table, one.category)
    fit = _mined(table, one.category, _sampled(table.rows, labels) & ~left_out, ~left_out)
    return _sigmoid(fit.logits(table)[left_out] * one.slope + one.shift)


def save(trained: Sequence[Trained], folder: Path, provenance: dict[str, str]) -> None:
    """One safetensors file a rail, half precision, with where it came from in the metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    by_category = {one.category: one.fit for one in trained}
    for rail, categories in HEADS.items():
        fits = [by_category[category] for category in categories]
        tensors: dict[str, NDArray[Any]] = {
            "embedding": np.stack([fit.embedding for fit in fits]).astype(np.float16),
            "words": np.stack([fit.words for fit in fits]).astype(np.float16),
            "bias": np.array([fit.bias for fit in fits], dtype=np.float32),
        }
        about = {"categories": ",".join(categories), "features": str(VERSION), **provenance}
        save_file(tensors, str(folder / f"{rail}.safetensors"), metadata=about)


def train(data: Path, embed: Embed, folder: Path = HEADS_PATH) -> tuple[Table, list[Trained]]:
    """Read, fit, calibrate and save every head, with a progress bar."""
    rows = examples(data)
    categories = [category for kinds in HEADS.values() for category in kinds]
    with Progress() as progress:
        table = tabulate(rows, embed, progress)
        task = progress.add_task("heads", total=len(categories) * (FOLDS + 1))
        trained = [train_category(table, category, lambda: progress.advance(task)) for category in categories]
    rows_digest = hashlib.sha256("\0".join(sorted(row.text for row in rows)).encode()).hexdigest()
    save(trained, folder, {"rows": str(len(rows)), "rows_sha256": rows_digest})
    return table, trained


def balanced(table: Table, category: str) -> tuple[NDArray[np.int64], Floats]:
    """Labels, and weights as the calibration has them: attacks lifted half-way to balance, nought for rows left out."""
    labels, weights = _targets(table, category)
    weights = weights * _sampled(table.rows, labels)
    positive, negative = weights[labels == 1].sum(), weights[labels == 0].sum()
    weights[labels == 1] *= np.sqrt(negative / max(float(positive), 1e-9))
    return labels, weights


def _targets(table: Table, category: str) -> tuple[NDArray[np.int64], Floats]:
    """Each row's label (-1 where it is unknown) and weight."""
    labels = np.array([row.labels.get(category, -1) for row in table.rows])
    return labels, np.array([row.weight for row in table.rows], dtype=np.float32)


def _sampled(rows: Sequence[Example], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which labelled rows to train on: all positives, and at most KEEP rows of each large harmless corpus."""
    keep = labels >= 0
    for source, most in KEEP.items():
        here = np.array([row.source == source for row in rows])
        harmless = np.flatnonzero(here & (labels == 0))
        if len(harmless) > most and not (here & (labels == 1)).any():
            keep[np.random.default_rng(0).permutation(harmless)[most:]] = False
    return keep


def _mined(table: Table, category: str, keep: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> Fit:
    """A fit on the rows to keep, then again with those that were left out for their number and are taken for attacks.

    allowed: the rows that may be looked at at all (not the fold that is held back)."""
    labels, weights = _targets(table, category)
    ridge = next(RIDGE_EMBEDDING[rail] for rail, categories in HEADS.items() if category in categories)
    chosen, rest = keep.copy(), allowed & (labels == 0) & ~keep
    fit = _fit(table, labels, weights, np.flatnonzero(chosen), ridge)
    for _ in range(MINED):
        hard = rest & ~chosen & (fit.logits(table) > NEARLY)
        if not hard.any():
            break
        chosen |= hard
        fit = _fit(table, labels, weights, np.flatnonzero(chosen), ridge)
    return fit


def _fit(table: Table, labels: NDArray[np.int64], weights: Floats, chosen: NDArray[np.int64], ridge: float) -> Fit:
    """Weighted logistic regression; the rarer class is lifted half-way (by the square root) to balance.

    ridge: L2 strength on the embedding."""
    truth = labels[chosen].astype(np.float32)
    weight = weights[chosen].copy()
    positive, negative = weight[truth == 1].sum(), weight[truth == 0].sum()
    weight[truth == 1] *= np.sqrt(negative / positive)
    weight /= weight.sum()
    embedding = table.embedding[chosen]
    words = table.words[table.start[chosen]]
    across = words.T.tocsr()
    size = embedding.shape[1]
    signs = 2 * truth - 1

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        dense, sparse, bias = (part.astype(np.float32) for part in (theta[:size], theta[size:-1], theta[-1:]))
        margins = signs * (embedding @ dense + words @ sparse + bias)
        pull = -signs * weight / (1 + np.exp(np.clip(margins, -50, 50)))
        value = float(weight @ np.logaddexp(0, -margins))
        value += ridge / 2 * float(dense @ dense) + RIDGE_WORDS / 2 * float(sparse @ sparse)
        gradient = np.concatenate([embedding.T @ pull + ridge * dense, across @ pull + RIDGE_WORDS * sparse, [pull.sum()]])
        return value, gradient

    found = scipy.optimize.minimize(
        loss, np.zeros(size + BUCKETS + 1), jac=True, method="L-BFGS-B", options={"maxiter": 80, "maxcor": 8}
    ).x.astype(np.float32)
    return Fit(found[:size], found[size:-1], float(found[-1]))


def _platt(logits: Floats, labels: NDArray[np.int64], weights: Floats) -> tuple[float, float]:
    """Slope and shift that make sigmoid(slope * logit + shift) a probability (Platt 1999, smoothed targets)."""
    known = labels >= 0
    z, truth, weight = logits[known].astype(np.float64), labels[known], weights[known].astype(np.float64)
    positives, negatives = (truth == 1).sum(), (truth == 0).sum()
    weight[truth == 1] *= np.sqrt(weight[truth == 0].sum() / max(weight[truth == 1].sum(), 1e-9))
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(pair: NDArray[np.float64]) -> float:
        value = pair[0] * z + pair[1]
        return float(weight @ (np.logaddexp(0, value) - target * value)) / float(weight.sum())

    slope, shift = scipy.optimize.minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    return float(slope), float(shift)


def _sigmoid(values: Floats) -> Floats:
    return (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)


def embeddings_from(path: Path) -> Embed:
    """An `embed` that looks texts up in a file made by benchmarks/train_heads.py (digests, vectors)."""
    with np.load(path) as file:
        index = {digest: at for at, digest in enumerate(file["digests"].tolist())}
        vectors = file["vectors"]

    def embed(texts: Sequence[str]) -> Floats:
        found: Floats = vectors[[index[hashlib.sha256(text.encode()).hexdigest()] for text in texts]]
        return found

    return embed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--embeddings", type=Path, required=True)
    options.add_argument("--out", type=Path, default=HEADS_PATH)
    chosen = options.parse_args()
    train(chosen.data, embeddings_from(chosen.embeddings), chosen.out)


if __name__ == "__main__":
    main()
