"""What carrying out a plan comes to, and what all plans need for it: operands and periods.

Invariant: an outcome names every cell that it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.evidence.look_up.compute import Result
from retrieval.evidence.look_up.formula import Formula
from retrieval.evidence.look_up.resolve import Match, Scope, margin, pick, resolve
from retrieval.evidence.plans.plan import Lookup, Plan, Planned
from retrieval.graph.reading.periods import Period, years_called
from retrieval.graph.series import Point, in_time
from retrieval.graph.view import GraphView, Line


@dataclass(frozen=True)
class Found:
    """One operand: the match and the points that were picked of it."""

    match: Match
    points: tuple[Point, ...]
    margin: float
    runner_up: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a plan came to. `chosen` are the points that the answer names first (a ranking's winner, a filter's
    survivors). `result` is what `formula` makes of their figures, and `parts` the two results that it was taken from.
    `beside` is said beside the result, over the same figures: a change in per cent."""

    planned: Planned
    found: tuple[Found, ...]
    result: Result | None = None
    chosen: tuple[tuple[Line, Point], ...] = ()
    assumed: bool = False
    parts: tuple[Result, ...] = ()
    formula: Formula | None = None
    beside: tuple[Formula, Result] | None = None

    @property
    def plan(self) -> Plan:
        return self.planned.plan


def operands_of(lookup: Lookup, view: GraphView, scope: Scope) -> list[tuple[Match, float, str]]:
    matches = resolve(lookup, view, scope)
    return [(match, margin(matches[place:]), named_next(matches, place)) for place, match in enumerate(matches[:2])]


def named_next(matches: Sequence[Match], place: int) -> str:
    return matches[place + 1].line.series.label if place + 1 < len(matches) else ""


def points_at(match: Match, periods: Sequence[Period], ends: bool = False) -> list[Point] | None:
    """One point for each asked period, a range spread over the series (or its two ends); None where one is missing."""
    out: list[Point] = []
    for period in periods:
        point = pick(match, period)
        if point is not None:
            out.append(point)
            continue
        first, last = period.year, period.end
        if first is None or last is None:
            return None
        inside = [
            p
            for p in in_time(match.line.series.points)
            if p.period and not p.period.end and any(first <= year <= last for year in years_called(p.period))
        ]
        years = {p.period.year for p in inside if p.period}
        called = {year for p in inside if p.period for year in years_called(p.period)}
        if not {first, last} <= called or (not ends and len(years) < last - first + 1):
            return None
        out += inside
    return list(dict.fromkeys(out))
