"""What a question's words say of the operation: then code applies it, and the model only chose the figures.

Invariant: applied to two figures of the text alone; with a figure that the question gives, the model's own expression
stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.evidence.prose.arithmetic.expressions import Computed
from retrieval.evidence.prose.arithmetic.operands import QUESTION, Operand

_POINTS = re.compile(r"\bpercentage points?\b|\bpoints?\b.*\b(?:higher|lower|more|less|rise|fall)", re.IGNORECASE)
_CHANGE = re.compile(
    r"\bby (?:how many|what) per ?cent(?:age)?\b|\b(?:percentage|per ?cent) (?:change|increase|decrease|growth|rise|fall)\b"
    r"|\bhow many per ?cent\b.*\b(?:grow|grew|rise|rose|fall|fell|drop|shrink|shrank|increase|decrease|climb)",
    re.IGNORECASE,
)
_SHARE = re.compile(
    r"\b(?:what|which) (?:share|proportion|percentage|per ?cent|fraction)\b(?! (?:point|change))", re.IGNORECASE
)
_DIFFERENCE = re.compile(
    r"\bby how (?:much|many)\b|\b(?:difference|gap)\b"
    r"|\bhow (?:much|many)\b.*\b(?:more|less|fewer|longer|shorter|higher|lower|earlier|later|cheaper|dearer)\b"
    r"|\bhow (?:much|many)\b.*\b(?:between|rise|rose|grow|grew|fall|fell|drop|dropped|gain|gained|lose|lost)\b",
    re.IGNORECASE,
)
_AVERAGE = re.compile(r"\b(?:average|mean)\b", re.IGNORECASE)


def corrected(question: str, found: Computed) -> str:
    """The expression over the same two figures that the question's words ask for; empty where they do not say."""
    two = list(dict.fromkeys(found.used))
    if len(two) != 2 or any(one.line == QUESTION for one in two):
        return ""
    percents = [one.figure.kind == "percent" for one in two]
    if _POINTS.search(question) or (all(percents) and _DIFFERENCE.search(question)):
        return _larger_first(two) if all(percents) else ""
    if any(percents):
        return ""
    if _CHANGE.search(question):
        new, old = _new_and_old(found, two)
        return f"({new} - {old}) / {old} * 100"
    if _SHARE.search(question):
        small, large = sorted(two, key=lambda one: one.figure.full)
        return f"{small.written} / {large.written} * 100"
    if _DIFFERENCE.search(question) and not _AVERAGE.search(question):
        return _larger_first(two)
    return ""


def _larger_first(two: Sequence[Operand]) -> str:
    large, small = sorted(two, key=lambda one: -one.figure.full)
    return f"{large.written} - {small.written}"


def _new_and_old(found: Computed, two: Sequence[Operand]) -> tuple[str, str]:
    """As the model subtracted them; else in the order of the text."""
    if "−" in found.working:
        return two[0].written, two[1].written
    first, second = sorted(two, key=lambda one: (one.line, one.figure.start))
    return second.written, first.written
