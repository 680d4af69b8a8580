"""Plans carried out on a view: cells picked, results computed, with the signs by which the outcome is trusted.

Invariant: an outcome names every cell that it rests on; a plan that cannot be carried out whole gives no outcome at all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrieval.evidence import compute as arithmetic
from retrieval.evidence.compute import CannotCompute, Result
from retrieval.evidence.listing import Listing, list_rows, rank_rows
from retrieval.evidence.plan import Compute, Count, Filter, Lookup, Plan, Planned, Rank, Rows
from retrieval.evidence.resolve import ANYWHERE, Match, Scope, asked_stems, margin, pick, resolve
from retrieval.graph.figures import Figure
from retrieval.graph.periods import Period
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
    """What a plan came to. `chosen` are the points that the answer names first (a ranking's winner, a filter's survivors)."""

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


def carry_out(planned: Planned, view: GraphView, scope: Scope = ANYWHERE) -> list[Outcome]:
    """The outcomes of one plan, the best match's first; [] where it cannot be carried out."""
    try:
        match planned.plan:
            case Lookup():
                return _look_up(planned, planned.plan, view, scope)
            case Compute(op="list"):
                return _list(planned, planned.plan, view, scope)
            case Compute(operands=(_,)):
                return _over_periods(planned, planned.plan, view, scope)
            case Compute():
                return _several(planned, planned.plan, view, scope)
            case Rank(over="periods") | Filter(over="periods"):
                return _compare(planned, planned.plan, view, scope)
            case Rows(of="periods"):
                return _periods(planned, planned.plan, view, scope)
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


def _operands(lookup: Lookup, view: GraphView, scope: Scope) -> list[tuple[Match, float, str]]:
    matches = resolve(lookup, view, scope)
    return [(match, margin(matches[place:]), _named(matches, place)) for place, match in enumerate(matches[:2])]


def _named(matches: Sequence[Match], place: int) -> str:
    return matches[place + 1].line.series.label if place + 1 < len(matches) else ""


def _wanted(match: Match, periods: Sequence[Period], ends: bool = False) -> list[Point] | None:
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


def _look_up(planned: Planned, plan: Lookup, view: GraphView, scope: Scope) -> list[Outcome]:
    out = []
    for match, gap, second in _operands(plan, view, scope):
        points = match.line.series.points
        if (
            not match.named
            and len({line.series.label for line in view.lines_of(match.line.document, match.line.series.table.number)}) > 1
        ):
            continue  # the column is asked for, and no row of it
        assumed = False
        if plan.periods:
            wanted = _wanted(match, plan.periods)
            if wanted is None and len(points) == 1 and points[0].period is None:
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
        best = next(iter(_operands(operand, view, scope)), None)
        if best is None:
            return []
        match, gap, second = best
        points = _wanted(match, operand.periods) if operand.periods else list(match.line.series.points)
        if not points or any(one.match.line.number == match.line.number for one in found):
            return []
        assumed = assumed or (not operand.periods and len(points) > 1)
        found.append(Found(match, tuple(points), gap, second))
    chosen = tuple((one.match.line, point) for one in found for point in one.points)
    return [Outcome(planned, tuple(found), chosen=chosen, assumed=assumed)]


def _over_periods(planned: Planned, plan: Compute, view: GraphView, scope: Scope) -> list[Outcome]:
    out = []
    for match, gap, second in _operands(plan.operands[0], view, scope):
        picked = _span(plan, match)
        if picked is None:
            continue
        points, assumed = picked
        figures = [p.cell.figure for p in points]
        if any(f is None for f in figures):
            continue
        found = Found(match, tuple(points), gap, second)
        real = [f for f in figures if f is not None]
        result, parts = _computed(plan.op, real)
        out.append(Outcome(planned, (found,), result, tuple((match.line, p) for p in points), assumed=assumed, parts=parts))
    return out


def _span(plan: Compute, match: Match) -> tuple[list[Point], bool] | None:
    """The points that an operation over time needs, latest first, and whether their choice was assumed."""
    points = [p for p in in_time(match.line.series.points) if p.cell.figure]
    asked = _wanted(match, plan.periods, plan.op in ("change", "change_pct")) if plan.periods else []
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


def _computed(op: str, figures: Sequence[Figure]) -> tuple[Result, tuple[Result, ...]]:
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


def _several(planned: Planned, plan: Compute, view: GraphView, scope: Scope) -> list[Outcome]:
    """Two or more measures, each at the asked period (or at the latest that all have)."""
    best: list[tuple[Match, float, str]] = []
    tables: set[tuple[int, int]] = set()
    for operand in plan.operands:
        options = resolve(operand, view, scope)
        if not options:
            return []
        used = {match.line.number for match, _, _ in best}
        if len({one.periods for one in plan.operands}) == 1:
            options = [o for o in options if o.line.number not in used]
        if not options:
            return []
        if tables:  # operands of one question stand in one table more often than not
            same = [o for o in options if (o.line.document, o.line.series.table.number) in tables]
            if same and same[0].score >= options[0].score - 0.08:
                options = same
        if best and plan.op in ("share", "ratio", "difference", "sum"):
            options = _in_same_column(options, best[-1][0])
        best.append((options[0], margin(options), options[1].line.series.label if len(options) > 1 else ""))
        tables.add((options[0].line.document, options[0].line.series.table.number))
    picked = _aligned(plan, [match for match, _, _ in best])
    if picked is None:
        return []
    points, assumed = picked
    found = tuple(Found(match, tuple(ps), gap, second) for (match, gap, second), ps in zip(best, points, strict=True))
    chosen = tuple((one.match.line, p) for one in found for p in one.points)
    columns = [[p.cell.figure for p in one.points] for one in found]
    if any(f is None for column in columns for f in column):
        return []
    real = [[f for f in column if f is not None] for column in columns]
    if plan.op in ("ratio", "share") and all(len(column) == 2 for column in real):
        values = [_computed(plan.op, [column[i] for column in real])[0] for i in (0, 1)]
        later, earlier = values if _later(found[0].points[0], found[0].points[1]) else reversed(values)
        kind = "points" if later.kind == "percent" else later.kind
        result = Result(later.value - earlier.value, kind, "", 0, 2)
        return [Outcome(planned, found, result, chosen, assumed=assumed, parts=(later, earlier))]
    if plan.op == "difference_of_averages":
        averages = tuple(arithmetic.average(column) for column in real)
        if len(averages) != 2:
            return []
        gap = arithmetic.difference(_as_figure(averages[0]), _as_figure(averages[1]))
        return [
            Outcome(
                planned,
                found,
                Result(gap.value, gap.kind, gap.currency, gap.scale, averages[0].places),
                chosen,
                assumed=assumed,
                parts=averages,
            )
        ]
    if (
        plan.op in ("share", "difference", "sum", "average")
        and len({(p.cell.unit, bool(p.cell.figure and p.cell.figure.currency)) for _, p in chosen}) > 1
    ):
        return []
    flat = list(itertools.chain.from_iterable(real))
    if plan.op in ("ratio", "share", "difference", "product") and len(flat) != 2:
        return []
    result, parts = _computed(plan.op, flat)
    return [Outcome(planned, found, result, chosen, assumed=assumed, parts=parts)]


def _in_same_column(options: list[Match], other: Match) -> list[Match]:
    """'X due in one year as a share of the total': the total of the same column, where the best row has one there."""
    best = options[0]
    if best.line.series.head == other.line.series.head or not other.line.series.head:
        return options
    sisters = [
        o
        for o in options
        if o.line.series.table is best.line.series.table
        and (o.line.series.label, o.line.series.path) == (best.line.series.label, best.line.series.path)
        and o.line.series.head == other.line.series.head
        and o.score >= best.score - 0.2
    ]
    return [sisters[0], *(o for o in options if o is not sisters[0])] if sisters else options


def _as_figure(result: Result) -> Figure:
    return Figure(result.value, result.kind, result.currency, result.scale)


def _later(one: Point, other: Point) -> bool:
    return bool(one.period and other.period and one.period.order > other.period.order)


def _aligned(plan: Compute, matches: Sequence[Match]) -> tuple[list[list[Point]], bool] | None:
    """For each match its points at the asked periods; where none is asked, the single one, or the latest that all share."""
    out: list[list[Point]] = []
    assumed = False
    for match, operand in zip(matches, plan.operands, strict=True):
        points = list(match.line.series.points)
        if plan.op == "difference_of_averages":
            picked = _span(Compute("average", (operand,), operand.periods), match)
            if picked is None:
                return None
            out.append(picked[0])
            continue
        if operand.periods:
            wanted = _wanted(match, operand.periods)
            if wanted is None and len(points) == 1 and points[0].period is None:
                wanted = points
            if not wanted:
                return None
            out.append(wanted)
        elif len(points) == 1:
            out.append(points)
        else:
            timed = in_time(points)
            out.append([timed[-1]] if timed else points[:1])
            assumed = True
    return out, assumed


def _compare(planned: Planned, plan: Rank | Filter, view: GraphView, scope: Scope) -> list[Outcome]:
    out = []
    for match, gap, second in _operands(Lookup(plan.measure), view, scope):
        points = [p for p in match.line.series.points if p.cell.figure and p.period]
        if plan.periods:
            wanted = _wanted(match, plan.periods)
            points = [p for p in wanted or [] if p.cell.figure]
        if len(points) < 2:
            continue
        if isinstance(plan, Rank):
            ordered = sorted(
                points, key=lambda p: p.cell.figure.full if p.cell.figure else 0, reverse=plan.direction == "highest"
            )
            kept = ordered[: plan.n]
        else:
            kept = [p for p in points if _stands(plan, p.cell.figure)]
        out.append(
            Outcome(planned, (Found(match, tuple(points), gap, second),), chosen=tuple((match.line, p) for p in kept))
        )
    return out


def _listed(planned: Planned, listing: Listing | None, condition: Rank | Filter | None) -> list[Outcome]:
    """A listing as an outcome; ranked or filtered where a condition is given."""
    if listing is None:
        return []
    pairs = list(zip(listing.lines, listing.points, strict=True))
    kept = pairs
    if condition is not None:
        pairs = [pair for pair in pairs if pair[1].cell.figure]
        if len(pairs) < 2:
            return []
        if isinstance(condition, Rank):
            kept = sorted(
                pairs,
                key=lambda pair: pair[1].cell.figure.full if pair[1].cell.figure else 0,
                reverse=condition.direction == "highest",
            )
            kept = kept[: condition.n]
        else:
            kept = [pair for pair in pairs if _stands(condition, pair[1].cell.figure)]
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
    return [Outcome(planned, found, chosen=tuple(kept), assumed=assumed and condition is not None)]


def _stands(plan: Filter, figure: Figure | None) -> bool:
    """Compared in full where the question names a scale, else with the figure as written."""
    if figure is None:
        return False
    value = figure.full if plan.scale or (figure.scale and plan.value >= 10**figure.scale) else figure.value
    asked = plan.value.scaleb(plan.scale)
    if plan.scale and not figure.scale:  # the table does not state its scale: the question's is taken for it
        value = figure.value.scaleb(plan.scale)
    return {"above": value > asked, "below": value < asked, "equal": value == asked}[plan.relation]


def _periods(planned: Planned, plan: Rows, view: GraphView, scope: Scope) -> list[Outcome]:
    """Which periods a series (or the only table at hand) speaks of."""
    for match, gap, second in _operands(Lookup(plan.measure), view, scope):
        points = tuple(p for p in match.line.series.points if p.period)
        if len(points) >= 2:
            return [Outcome(planned, (Found(match, points, gap, second),), chosen=tuple((match.line, p) for p in points))]
    tables = {(line.document, line.series.table.number) for line in view.lines}
    if len(tables) == 1 and not [s for s in asked_stems(plan.measure) if view.kin(s)]:
        line = max(view.lines, key=lambda one: len(one.series.periods), default=None)
        if line and len(line.series.periods) >= 2:
            match = Match(line, 0.5, 0.5, 0.5, False, frozenset(), 1.0)
            points = tuple(p for p in line.series.points if p.period)
            return [Outcome(planned, (Found(match, points, 1.0),), chosen=tuple((line, p) for p in points))]
    return []
