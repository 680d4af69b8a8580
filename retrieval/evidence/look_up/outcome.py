"""What carrying out a plan comes to, and what all plans need for it: operands, periods, arithmetic.

Invariant: an outcome names every cell that it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from retrieval.evidence.look_up import compute as arithmetic
from retrieval.evidence.look_up.compute import CannotCompute, Result
from retrieval.evidence.look_up.resolve import Match, Scope, margin, pick, resolve
from retrieval.evidence.plans.plan import Lookup, Plan, Planned
from retrieval.graph.reading.figures import Figure
from retrieval.graph.reading.periods import Period
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
    survivors)."""

    planned: Planned
    found: tuple[Found, ...]
    result: Result | None = None
    chosen: tuple[tuple[Line, Point], ...] = ()
    working: tuple[tuple[str, tuple[Figure, ...]], ...] = ()
    assumed: bool = False
    parts: tuple[Result, ...] = field(default=())

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
            if p.period and p.period.year and first <= p.period.year <= last and not p.period.end
        ]
        years = {p.period.year for p in inside if p.period}
        if not {first, last} <= years or (not ends and len(years) < last - first + 1):
            return None
        out += inside
    return list(dict.fromkeys(out))


def computed(op: str, figures: Sequence[Figure]) -> tuple[Result, tuple[Result, ...]]:
    match op:
        case "change" | "difference":
            return arithmetic.difference(figures[0], figures[1]), ()
        case "change_pct":
            return arithmetic.change_pct(figures[0], figures[1]), ()
        case "average":
            return arithmetic.average(figures), ()
        case "sum":
            return arithmetic.total(figures), ()
        case "difference_of_averages":
            later, earlier = arithmetic.average(figures[:2]), arithmetic.average(figures[1:3])
            return Result(later.value - earlier.value, later.kind, later.currency, later.scale, later.places), (
                later,
                earlier,
            )
        case "ratio":
            return arithmetic.ratio(figures[0], figures[1]), ()
        case "share":
            return arithmetic.share(figures[0], figures[1]), ()
        case "product":
            return arithmetic.product(figures[0], figures[1]), ()
        case _:
            raise CannotCompute(f"the operation {op} is not known")


def as_figure(result: Result) -> Figure:
    return Figure(result.value, result.kind, result.currency, result.scale)
