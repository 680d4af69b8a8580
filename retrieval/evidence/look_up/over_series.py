"""Plans over several series: differences, ratios, shares and sums of two measures or more.

Invariant: operands of different currency or unit are not put together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from retrieval.evidence.look_up.formula import Formula, carried_out, over
from retrieval.evidence.look_up.outcome import Found, Outcome, points_at
from retrieval.evidence.look_up.over_periods import span
from retrieval.evidence.look_up.resolve import Match, Scope, margin, resolve, timeless
from retrieval.evidence.plans.operation_words import FORMULAS
from retrieval.evidence.plans.plan import Compute, Planned
from retrieval.graph.reading.words import stems
from retrieval.graph.series import Point, in_time
from retrieval.graph.view import GraphView


def over_series(planned: Planned, plan: Compute, view: GraphView, scope: Scope) -> list[Outcome]:
    """Two or more measures, each at the asked period (or at the latest that all have)."""
    best: list[tuple[Match, float, str]] = []
    tables: set[tuple[int, int]] = set()
    for operand in plan.operands:
        options = resolve(operand, view, scope)
        if plan.formula:
            options = [one for one in options if _named_by_formula(plan.formula, len(best), one)]
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
    flat = list(itertools.chain.from_iterable(real))
    if plan.op in ("ratio", "share") and all(len(column) == 2 for column in real):
        at = ((0, 2), (1, 3))  # each measure's two periods stand beside one another
        formula = Formula(plan.op, at if _later(found[0].points[0], found[0].points[1]) else at[::-1])
        result, parts = carried_out(formula, flat)
        return [Outcome(planned, found, result, chosen, assumed, parts, formula)]
    if plan.op == "difference_of_averages":
        if len(real) != 2:
            return []
        first = len(real[0])
        formula = Formula(plan.op, (tuple(range(first)), tuple(range(first, len(flat)))))
        result, parts = carried_out(formula, flat)
        return [Outcome(planned, found, result, chosen, assumed, parts, formula)]
    if plan.op in ("share", "ratio", "difference") and len(chosen) == 2 and chosen[0][1].cell is chosen[1][1].cell:
        return []  # one cell set against itself
    relative = [p.cell.figure is not None and p.cell.figure.kind == "percent" for _, p in chosen]
    tables = {(line.document, line.series.table.number) for line, _ in chosen}
    if plan.op in ("share", "ratio") and all(relative) and len(tables) > 1:
        return []  # per cents of different wholes
    if (
        plan.op in ("share", "difference", "sum", "average")
        and len({(p.cell.unit, bool(p.cell.figure and p.cell.figure.currency)) for _, p in chosen}) > 1
    ):
        return []
    wanted = len(plan.operands) if plan.op == "share" else 2
    if plan.op in ("ratio", "share", "difference", "product") and len(flat) != wanted:
        return []
    formula = over(plan.op, len(flat))
    result, parts = carried_out(formula, flat)
    return [Outcome(planned, found, result, chosen, assumed, parts, formula)]


def _named_by_formula(formula: str, place: int, match: Match) -> bool:
    """Whether a match is named by all words of the formula's operand: a margin needs a row of gross profit, not one that
    only shares the question's other words."""
    known = next((one for one in FORMULAS if one.name == formula.removesuffix(" change")), None)
    if known is None:
        return True
    return any(set(stems(words)) - {"total"} <= match.covered for words in (known.a, known.b)[place])


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


def _later(one: Point, other: Point) -> bool:
    return bool(one.period and other.period and one.period.order > other.period.order)


def _aligned(plan: Compute, matches: Sequence[Match]) -> tuple[list[list[Point]], bool] | None:
    """For each match its points at the asked periods; where none is asked, the single one, or the latest that all share."""
    out: list[list[Point]] = []
    assumed = False
    for match, operand in zip(matches, plan.operands, strict=True):
        points = list(match.line.series.points)
        if plan.op == "difference_of_averages":
            picked = span(Compute("average", (operand,), operand.periods), match)
            if picked is None:
                return None
            out.append(picked[0])
            continue
        if operand.periods:
            wanted = points_at(match, operand.periods)
            if wanted is None and len(points) == 1 and points[0].period is None and timeless(match.line, operand.periods):
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
