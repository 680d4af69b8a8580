"""How far the heads' probabilities can be taken at their word.

Invariant: measured on cross-fitted scores, with the weights that the calibration was fitted with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.training.fit import Table, Trained, balanced

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """`said` and `seen`: mean probability and weighted share of attacks in each bin that has rows (`mass`: its weight)."""

    rows: int
    brier: float
    ece: float
    base: float
    said: NDArray[np.float64]
    seen: NDArray[np.float64]
    mass: NDArray[np.float64]


def reliability(table: Table, one: Trained) -> Reliability:
    """Brier score, expected calibration error (equal width bins; Guo and others 2017), and the bins of the diagram."""
    labels, weights = balanced(table, one.category)
    known = weights > 0
    truth = (labels[known] == 1).astype(np.float64)
    weight = weights[known].astype(np.float64) / weights[known].sum()
    chance = one.held_back[known].astype(np.float64)
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    mass = np.bincount(bins, weight, BINS).astype(np.float64)
    there = mass > 0
    said = np.bincount(bins, weight * chance, BINS)[there] / mass[there]
    seen = np.bincount(bins, weight * truth, BINS)[there] / mass[there]
    share = float(weight @ truth)
    return Reliability(
        rows=int(known.sum()),
        brier=float(weight @ (chance - truth) ** 2),
        ece=float(mass[there] @ np.abs(said - seen)),
        base=share * (1 - share),
        said=said,
        seen=seen,
        mass=mass[there],
    )
