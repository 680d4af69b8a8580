"""Plans over the periods of one series: changes, averages, sums, the highest year, the years above a bound.

Invariant: a period that the question names and the series lacks ends the attempt; none is put in its place.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.evidence.look_up.formula import Comparison, carried_out, kept, over
from retrieval.evidence.look_up.outcome import Found, Outcome, operands_of, points_at
from retrieval.evidence.look_up.resolve import Match, Scope, asked_stems
from retrieval.evidence.plans.plan import Compute, Filter, Lookup, Planned, Rank, Rows
from retrieval.graph.reading.periods import Period
from retrieval.graph.series import Point, in_time
from retrieval.graph.view import GraphView


def over_periods(planned: Planned, plan: Compute, view: GraphView, scope: Scope) -> list[Outcome]:
    out = []
    for match, gap, second in operands_of(plan.operands[0], view, scope):
        picked = span(plan, match)
        if picked is None:
            continue
        points, assumed = picked
        figures = [p.cell.figure for p in points]
        if any(f is None for f in figures):
            continue
        found = Found(match, tuple(points), gap, second)
        real = [f for f in figures if f is not None]
        formula = over(plan.op, len(real))
        result, parts = carried_out(formula, real)
        beside = None
        if plan.op == "change" and result.kind in ("amount", "number") and min(real[0].value, real[1].value) > 0:
            relative = over("change_pct", len(real))
            beside = relative, carried_out(relative, real)[0]
        chosen = tuple((match.line, p) for p in points)
        out.append(Outcome(planned, (found,), result, chosen, assumed, parts, formula, beside))
    return out


def span(plan: Compute, match: Match) -> tuple[list[Point], bool] | None:
    """The points that an operation over time needs, latest first, and whether their choice was assumed."""
    points = [p for p in in_time(match.line.series.points) if p.cell.figure]
    asked = points_at(match, plan.periods, plan.op in ("change", "change_pct")) if plan.periods else []
    if asked is None:
        return None
    asked = in_time(asked)
    if plan.op in ("change", "change_pct"):
        if len(asked) >= 2:
            return [asked[-1], asked[0]], len(asked) > 2 and not _is_range(plan.periods)
        if len(asked) == 1:
            earlier = [p for p in points if p.period and asked[0].period and p.period.order < asked[0].period.order]
            return ([asked[0], earlier[-1]], True) if earlier else None
        return ([points[-1], points[-2]], len(points) > 2) if len(points) >= 2 else None
    if plan.op == "difference_of_averages":
        if len(asked) == 3 and _is_range(plan.periods):  # 2017-2018 and 2018-2019
            return list(reversed(asked)), False
        if len(asked) == 2:
            earlier = [p for p in points if p.period and asked[0].period and p.period.order < asked[0].period.order]
            return ([asked[1], asked[0], earlier[-1]], False) if earlier else None
        return None
    if len(asked) >= 2:
        return list(reversed(asked)), False
    if len(asked) == 1 and plan.op == "average":
        earlier = [p for p in points if p.period and asked[0].period and p.period.order < asked[0].period.order]
        return ([asked[0], earlier[-1]], False) if earlier else None
    return (list(reversed(points)), not plan.periods and plan.op == "sum") if len(points) >= 2 and not plan.periods else None


def _is_range(periods: Sequence[Period]) -> bool:
    return any(one.end for one in periods)


def compare(planned: Planned, plan: Rank | Filter, view: GraphView, scope: Scope) -> list[Outcome]:
    out = []
    for match, gap, second in operands_of(Lookup(plan.measure), view, scope):
        points = [p for p in match.line.series.points if p.cell.figure and p.period]
        if plan.periods:
            wanted = points_at(match, plan.periods)
            points = [p for p in wanted or [] if p.cell.figure]
        if len(points) < 2:
            continue
        figures = [p.cell.figure for p in points if p.cell.figure]
        chosen = tuple((match.line, points[place]) for place in kept(comparison(plan), figures))
        out.append(Outcome(planned, (Found(match, tuple(points), gap, second),), chosen=chosen))
    return out


def comparison(plan: Rank | Filter) -> Comparison:
    """What a ranking or a filter does with the figures that it is over."""
    if isinstance(plan, Rank):
        return Comparison(plan.direction, plan.n)
    return Comparison(plan.relation, bound=plan.value, scale=plan.scale)


def periods_of(planned: Planned, plan: Rows, view: GraphView, scope: Scope) -> list[Outcome]:
    """Which periods a series (or the only table at hand) speaks of."""
    for match, gap, second in operands_of(Lookup(plan.measure), view, scope):
        points = tuple(p for p in match.line.series.points if p.period)
        if len(points) >= 2:
            return [Outcome(planned, (Found(match, points, gap, second),), chosen=tuple((match.line, p) for p in points))]
    tables = {(line.document, line.series.table.number) for line in view.lines}
    asked = dict.fromkeys(asked_stems(plan.measure))
    if len(tables) == 1 and not any(view.kin(stem) for stem in asked):  # no row is asked for: the table itself is meant
        line = max(view.lines, key=lambda one: len(one.series.periods), default=None)
        if line and len(line.series.periods) >= 2:
            known = frozenset(stem for stem in asked if stem in line.context)
            share = len(known) / len(asked) if asked else 1.0
            match = Match(line, share, share, share, False, known, 1.0, named=False)
            points = tuple(p for p in line.series.points if p.period)
            return [Outcome(planned, (Found(match, points, 1.0),), chosen=tuple((line, p) for p in points))]
    return []
