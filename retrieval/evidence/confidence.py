"""One number for an answer: the chance that it is right.

Logistic over the signs of `signs` (figures and lists) or of `spans` (quotations); the weights were fitted on
questions whose documents
the reported figures leave out (see the record in data/confidence.json). Invariant: equal signs give an equal chance;
nothing is random.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from typing import Literal

Family = Literal["figures", "prose"]
SQUARES = ("coverage", "uncovered", "precision", "around")
STEPS = (("margin", 0.05), ("margin", 0.12), ("uncovered", 0.15))  # (sign, where it stops counting)
PRODUCTS = (
    ("coverage", "precision"),
    ("exact", "head"),
    ("assumed", "look_up"),
    ("several", "coverage"),
    ("several", "margin"),
    ("rows_list", "coverage"),
    ("rows_list", "margin"),
    ("define", "defined_by_rule"),
    ("define", "coverage"),
    ("reason", "cue"),
    ("reason", "coverage"),
    ("amount", "cue"),
    ("amount", "coverage"),
    ("other", "coverage"),
    ("margin", "coverage"),
)


def expanded(signs: Mapping[str, float]) -> dict[str, float]:
    """The signs with the squares, steps and products that the logistic also weighs; "one" is its constant."""
    out = dict(signs)
    for name in SQUARES:
        if name in signs:
            out[f"{name}^2"] = signs[name] ** 2
    for name, stop in STEPS:
        if name in signs:
            out[f"{name}<{stop}"] = min(signs[name], stop)
    for one, other in PRODUCTS:
        if one in signs and other in signs:
            out[f"{one}*{other}"] = signs[one] * signs[other]
    if "spare_words" in signs:
        out["spare>0"] = float(signs["spare_words"] > 0)
        out["spare>1"] = float(signs["spare_words"] > 1)
    out["one"] = 1.0
    return out


@lru_cache(maxsize=1)
def _weights() -> dict[str, dict[str, float]]:
    stored = json.loads((resources.files("retrieval.evidence") / "data" / "confidence.json").read_text("utf-8"))
    return {family: dict(stored[family]["weights"]) for family in ("figures", "prose")}


def chance(family: Family, signs: Mapping[str, float]) -> float:
    """The chance, 0 to 1, that an answer with these signs is right."""
    weights = _weights()[family]
    total = sum(weights.get(name, 0.0) * value for name, value in expanded(signs).items())
    return min(most(signs), 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total)))))


def most(signs: Mapping[str, float]) -> float:
    """The highest chance that these signs allow, whatever the logistic says.

    Questions without an answer are rare where the weights were fitted, and common elsewhere: a name that nothing accounts
    for, or a word of the question that a whole list ignores, withholds the answer at every sensible threshold.
    """
    if signs.get("open_name"):
        return 0.3
    if signs.get("spare_words"):
        whole = signs.get("rows_list") or signs.get("aggregate") or signs.get("compare")
        return 0.4 if whole else 0.7
    return 1.0


def fitted(
    rows: Sequence[Mapping[str, float]], right: Sequence[bool], amount: Sequence[float], shrink: float = 1.0
) -> dict[str, float]:
    """Weights of a logistic by Newton's method with a ridge; `amount` is how much each row counts."""
    import numpy as np

    names = sorted({name for row in rows for name in expanded(row)})
    x = np.array([[expanded(row).get(name, 0.0) for name in names] for row in rows])
    y, w = np.array(right, float), np.array(amount, float)
    ridge = np.array([0.0 if name == "one" else shrink for name in names])
    weights = np.zeros(len(names))
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (w * (y - p)) - ridge * weights
        bend = (x * (w * p * (1 - p))[:, None]).T @ x + np.diag(ridge + 1e-6)
        step = np.linalg.solve(bend, slope)
        weights = weights + step
        if float(np.abs(step).max()) < 1e-6:
            break
    return {name: round(float(value), 4) for name, value in zip(names, weights, strict=True)}
