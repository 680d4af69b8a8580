"""A claim weighed against the sentences of the passages that it cites.

Embeddings hardly tell 1.25% from 1.52%, "rose" from "fell" or one year from the next; this does, in a fraction of their
time. Invariant: the score depends on the two texts and the weights below alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from moderation.grounding.figures import Figure, same_figure
from moderation.grounding.opposites import turned
from moderation.grounding.sentence import Read, prepared, read
from moderation.grounding.words import share

FEATURES = (
    "words in the sentence", "word pairs in the sentence", "words in the passage", "figures that stand nowhere",
    "figures that stand elsewhere", "figures in other company", "names that stand nowhere", "names that stand elsewhere",
    "denial", "direction",
)  # fmt: skip
# Logistic weights over FEATURES, and the bias: fitted by benchmarks/groundedness.py.
WEIGHTS: tuple[float, ...] = (7.159, 0.136, -2.055, -5.3, -4.121, -3.419, -6.155, -1.421, -6.429, -5.747)
BIAS = -2.225
_QUOTED = 4
"""Words from which on a text counts as a quotation: a single "no" stands in every passage."""
_MARK = re.compile(r"\s*\[\d+(?:\s*[,;]\s*\d+)*\]")


@dataclass(frozen=True)
class Weighed:
    """How likely a claim is supported, and by what it suffers most (in words, without the texts)."""

    probability: float
    reason: str


def weigh(claim: str, evidence: Sequence[str]) -> Weighed:
    """The claim against the sentence of the passages that supports it best. Marks like [1] are no part of it."""
    said = read_claim(claim)
    if not said.words and not said.figures:
        return Weighed(1.0, "claims nothing")
    if any(stands_in(claim, text) for text in evidence):
        return Weighed(1.0, "stands there word for word")
    best, why = 0.0, "no passage is cited"
    for text in evidence:
        for features in compared(said, prepared(text)):
            score = BIAS + sum(w * f for w, f in zip(WEIGHTS, features, strict=True))
            probability = 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, score))))
            if probability >= best:
                best, why = probability, _reason(features)
    return Weighed(best, why)


def stands_in(claim: str, text: str) -> bool:
    """Whether a claim of several words is the evidence's own text, whatever its marks, blanks and lines."""
    said, written = (" ".join(_MARK.sub("", one).split()).strip(" .:-*•") for one in (claim, text))
    if len(said.split()) < _QUOTED:
        return False
    return re.search(rf"(?<![\w.,]){re.escape(said)}(?![\w]|[.,]\d)", written) is not None


def compared(claim: Read, units: tuple[Read, ...]) -> Iterator[tuple[float, ...]]:
    """The FEATURES of a claim beside each unit of one text; the text as a whole is its last unit."""
    if not units:
        return
    *sentences, whole = units
    names_nowhere = len(claim.names - whole.words)
    figures_nowhere = _missing(claim.figures, whole)
    known = share(claim.words, whole.words)
    for unit in sentences:
        figures_here, names_here = _missing(claim.figures, unit), len(claim.names - unit.words)
        # a denial or a direction next door must not excuse the sentence that the claim is about
        about = max(unit.parts, key=lambda part: share(claim.words, part.words), default=unit)
        yield (
            share(claim.words, unit.words),
            share(claim.pairs, unit.pairs),
            known,
            float(min(2, figures_nowhere)),
            float(min(2, figures_here - figures_nowhere)),
            float(min(2, _displaced(claim.figures, unit))),
            float(min(2, names_nowhere)),
            float(min(2, names_here - names_nowhere)),
            float(claim.denies != about.denies),
            float(turned(claim.text, about.text)),
        )


def read_claim(text: str) -> Read:
    """A claim as the comparison sees it, without its marks."""
    return read(_MARK.sub("", text).strip())


def _missing(figures: Sequence[Figure], unit: Read) -> int:
    return sum(not any(same_figure(one, other) for other in unit.figures) for one in figures)


def _displaced(figures: Sequence[Figure], unit: Read) -> int:
    """Figures that stand in the unit, but beside other words: another line of a table, another year's."""
    found = 0
    for one in figures:
        places = [other.beside for other in unit.figures if same_figure(one, other)]
        found += bool(places) and bool(one.beside) and max(share(one.beside, place) for place in places) < 0.34
    return found


def _reason(features: Sequence[float]) -> str:
    for at in (3, 6, 8, 9, 4, 5, 7):
        if features[at]:
            return f"differs from the nearest sentence in: {FEATURES[at]}"
    return f"{round(100 * features[0])}% of its words stand in the nearest sentence"
