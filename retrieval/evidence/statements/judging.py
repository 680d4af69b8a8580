"""Yes or no where a ratio is a judgement: whether a company is capital-intensive, whether its liquidity covers what is due.

By thresholds that textbooks give, and said with the figures. Invariant: between the thresholds nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from retrieval.evidence.statements.values import Books, NoMeaning, NoValue, Value
from retrieval.evidence.statements.vocabulary import ratios
from retrieval.evidence.statements.vocabulary.formulas import Item, Joined
from retrieval.evidence.statements.vocabulary.ratios import BY_NAME as RATIO
from retrieval.evidence.statements.vocabulary.ratios import Form
from retrieval.evidence.statements.vocabulary.terms import BY_NAME as TERM

_COVERED = frozenset({"quick ratio", "current ratio", "cash ratio"})
_SPENDS, _SPARES = Decimal("0.10"), Decimal("0.06")  # capital expenditures over revenue: much, little
_HEAVY, _LIGHT = Decimal("0.40"), Decimal("0.30")  # property, plant and equipment over total assets


@dataclass(frozen=True)
class Judged:
    """beside: further measures that the judgement rests on, by name. ground: the rule, in words."""

    yes: bool
    ground: str
    sure: float
    beside: tuple[tuple[str, Value], ...] = ()


def judged(measure: str, value: Value, books: Books, year: int) -> Judged | None:
    """None for a measure that no rule judges, and for one between the thresholds."""
    if measure in _COVERED:
        yes = value.amount >= 1
        covers = "covers" if yes else "does not cover"
        return Judged(yes, f"at {'1 or more' if yes else 'less than 1'} it {covers} the current liabilities", 0.8)
    if measure != "capital intensity":
        return None
    node = Joined("/", Item(TERM["property, plant and equipment"]), Item(TERM["total assets"]))
    beside: list[tuple[str, Value]] = []
    try:
        heavy = books.value(node, year)
        beside.append(("property, plant and equipment to total assets", heavy))
    except (NoValue, NoMeaning):
        return None
    with suppress(NoValue, NoMeaning):
        beside.append(("return on assets", books.value(ratios.tree(RATIO["return on assets"]), year)))
    if value.amount >= _SPENDS or heavy.amount >= _HEAVY:
        return Judged(True, "it spends or ties up much in fixed assets", 0.85, tuple(beside))
    if value.amount <= _SPARES and heavy.amount <= _LIGHT:
        return Judged(False, "it spends and ties up little in fixed assets", 0.85, tuple(beside))
    return None


def steady(values: Sequence[Value], form: Form, limit: int | None) -> Judged | None:
    """Whether a measure moves little from year to year: a ratio by so many points, an amount by so many per cent of itself.

    limit: as the question says; 2 points and 10 per cent where it does not. None for a single year."""
    if len(values) < 2:
        return None
    relative = form != "percent"
    most = Decimal(limit if limit is not None else 10 if relative else 2)
    moves = [
        abs(later.amount - earlier.amount) * 100 / (abs(earlier.amount) if relative else 1)
        for later, earlier in pairwise(values)
        if earlier.amount or not relative
    ]
    yes = all(move <= most for move in moves)
    unit = "%" if relative else " percentage points"
    return Judged(yes, f"from year to year it moved by {'at most' if yes else 'more than'} {most}{unit}", 0.85)
