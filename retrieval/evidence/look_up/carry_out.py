"""Plans carried out on a view: cells picked, results computed, with the signs by which the outcome is trusted.

Invariant: an outcome names every cell that it rests on; a plan that cannot be carried out whole gives no outcome at all.
"""

from __future__ import annotations

from dataclasses import replace

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.look_up.formula import carried_out, kept, over
from retrieval.evidence.look_up.listing import Listing, list_rows, part_rows, rank_rows
from retrieval.evidence.look_up.outcome import Found, Outcome, operands_of, points_at
from retrieval.evidence.look_up.over_periods import compare, comparison, over_periods, periods_of
from retrieval.evidence.look_up.over_series import over_series
from retrieval.evidence.look_up.resolve import ANYWHERE, Match, Scope, timeless
from retrieval.evidence.plans.plan import Aggregate, Compute, Count, Filter, Lookup, Planned, Rank, Rows
from retrieval.graph.view import GraphView


def carry_out(planned: Planned, view: GraphView, scope: Scope = ANYWHERE) -> list[Outcome]:
    """The outcomes of one plan, the best match's first; [] where it cannot be carried out."""
    try:
        match planned.plan:
            case Lookup():
                return _look_up(planned, planned.plan, view, scope)
            case Compute(op="list"):
                return _list(planned, planned.plan, view, scope)
            case Compute(operands=(_,)):
                return over_periods(planned, planned.plan, view, scope)
            case Compute():
                return over_series(planned, planned.plan, view, scope)
            case Rank(over="periods") | Filter(over="periods"):
                return compare(planned, planned.plan, view, scope)
            case Rows(of="periods"):
                return periods_of(planned, planned.plan, view, scope)
            case Aggregate():
                return _aggregated(planned, planned.plan, view, scope)
            case Rows(of="column"):
                return _listed(planned, rank_rows(planned.plan, view, scope), None)
            case Rows() | Count():
                return _listed(planned, list_rows(planned.plan, view, scope), None)
            case Rank() | Filter():
                return _listed(planned, rank_rows(planned.plan, view, scope), planned.plan)
            case _:
                return []
    except CannotCompute:
        return []


def _look_up(planned: Planned, plan: Lookup, view: GraphView, scope: Scope) -> list[Outcome]:
    out = []
    for match, gap, second in operands_of(plan, view, scope):
        points = match.line.series.points
        if (
            not match.named
            and len({line.series.label for line in view.lines_of(match.line.document, match.line.series.table.number)}) > 1
        ):
            continue  # the column is asked for, and no row of it
        assumed = False
        if plan.periods:
            wanted = points_at(match, plan.periods)
            if wanted is None and len(points) == 1 and points[0].period is None and timeless(match.line, plan.periods):
                wanted, assumed = [points[0]], True
            if not wanted:
                continue
            chosen = tuple(wanted)
        else:
            chosen = points
            assumed = len(points) > 1
        if all(point.cell.nil for point in chosen):
            assumed = True
        out.append(
            Outcome(
                planned, (Found(match, chosen, gap, second),), chosen=tuple((match.line, p) for p in chosen), assumed=assumed
            )
        )
    return out


def _list(planned: Planned, plan: Compute, view: GraphView, scope: Scope) -> list[Outcome]:
    found: list[Found] = []
    assumed = False
    for operand in plan.operands:
        best = next(iter(operands_of(operand, view, scope)), None)
        if best is None:
            return []
        match, gap, second = best
        points = points_at(match, operand.periods) if operand.periods else list(match.line.series.points)
        if not points or any(one.match.line.number == match.line.number for one in found):
            return []
        assumed = assumed or (not operand.periods and len(points) > 1)
        found.append(Found(match, tuple(points), gap, second))
    chosen = tuple((one.match.line, point) for one in found for point in one.points)
    return [Outcome(planned, tuple(found), chosen=chosen, assumed=assumed)]


def _aggregated(planned: Planned, plan: Aggregate, view: GraphView, scope: Scope) -> list[Outcome]:
    """One figure over all rows of a column, totals left out, or over the rows that make up a measure without a row."""
    column = Rows(plan.measure, "column", plan.periods)
    for listing in (rank_rows(column, view, scope), part_rows(plan, view, scope)):
        if found := _over_rows(planned, plan, listing):
            return found
    return []


def _over_rows(planned: Planned, plan: Aggregate, listing: Listing | None) -> list[Outcome]:
    for outcome in _listed(planned, listing, None):
        figures = [point.cell.figure for _, point in outcome.chosen if point.cell.figure]
        if len(figures) < 2 or len(figures) < len(outcome.chosen):
            return []
        formula = over(plan.op, len(figures))
        return [replace(outcome, result=carried_out(formula, figures)[0], formula=formula)]
    return []


def _listed(planned: Planned, listing: Listing | None, condition: Rank | Filter | None) -> list[Outcome]:
    """A listing as an outcome; ranked or filtered where a condition is given."""
    if listing is None:
        return []
    pairs = list(zip(listing.lines, listing.points, strict=True))
    chosen = pairs
    if condition is not None:
        pairs = [pair for pair in pairs if pair[1].cell.figure]
        if len(pairs) < 2:
            return []
        figures = [point.cell.figure for _, point in pairs if point.cell.figure]
        chosen = [pairs[place] for place in kept(comparison(condition), figures)]
    found = tuple(
        Found(
            Match(line, listing.coverage, listing.coverage, 1.0, not listing.whole_table, listing.covered, 1.0),
            (point,),
            listing.margin,
        )
        for line, point in pairs
    )
    assumed = (
        bool(pairs) and not getattr(planned.plan, "periods", ()) and any(len(line.series.periods) > 1 for line, _ in pairs)
    )
    return [Outcome(planned, found, chosen=tuple(chosen), assumed=assumed and condition is not None)]
