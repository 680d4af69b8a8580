"""A computation as a value: an operation and the operands that it is over, carried out now or again from a record.

Invariant: what comes out depends on the formula and its operands alone, so that whoever holds both computes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from retrieval.evidence.look_up import compute as arithmetic
from retrieval.evidence.look_up.compute import CannotCompute, Result
from retrieval.graph.reading.figures import Figure

_OF_TWO: dict[str, Callable[[Figure, Figure], Result]] = {
    "change": arithmetic.difference,
    "difference": arithmetic.difference,
    "change_pct": arithmetic.change_pct,
    "ratio": arithmetic.ratio,
    "share": arithmetic.share,
    "product": arithmetic.product,
}
_OF_ALL: dict[str, Callable[[Sequence[Figure]], Result]] = {"sum": arithmetic.total, "average": arithmetic.average}
_OF_AVERAGES = "difference_of_averages"
_WRITTEN = {
    "change": "{0} − {1}",
    "difference": "{0} − {1}",
    "change_pct": "({0} − {1}) ÷ {1} × 100",
    "ratio": "{0} ÷ {1}",
    "share": "{0} ÷ {1} × 100",
    "product": "{0} × {1}",
}


@dataclass(frozen=True)
class Formula:
    """`groups` hold the places of the operands, from 0. With two groups the operation is carried out on each, and the
    second result is taken from the first."""

    operation: str
    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Comparison:
    """`relation` highest or lowest keeps the first `n`; above, below or equal keeps all that stand so to `bound` times ten
    to the `scale`."""

    relation: str
    n: int = 1
    bound: Decimal = Decimal(0)
    scale: int = 0


def over(operation: str, n: int) -> Formula:
    """The formula of one operation over `n` operands, the latest first. Raises CannotCompute."""
    if operation == _OF_AVERAGES and n >= 3:  # of three years in a row: the mean of each two neighbours
        return Formula(operation, ((0, 1), (1, 2)))
    if operation == "share" and n > 2:  # of several parts together, the whole last
        return Formula(operation, (tuple(range(n)),))
    if operation in _OF_TWO and n >= 2:
        return Formula(operation, ((0, 1),))
    if operation in _OF_ALL and n:
        return Formula(operation, (tuple(range(n)),))
    raise CannotCompute(f"the operation {operation} is not known for {n} operands")


def carried_out(formula: Formula, figures: Sequence[Figure]) -> tuple[Result, tuple[Result, ...]]:
    """What the formula comes to, and the two results that it was taken from where it has two groups. Raises
    CannotCompute."""
    try:
        picked = [[figures[place] for place in group] for group in formula.groups]
    except IndexError:
        raise CannotCompute("the formula names an operand that is not there") from None
    operation = "average" if formula.operation == _OF_AVERAGES else formula.operation
    match picked:
        case [group]:
            return _once(operation, group), ()
        case [first, second]:
            later, earlier = _once(operation, first), _once(operation, second)
            gap = arithmetic.difference(_as_figure(later), _as_figure(earlier))
            return Result(gap.value, gap.kind, gap.currency, gap.scale, later.places), (later, earlier)
        case _:
            raise CannotCompute(f"a formula has one group of operands or two, not {len(picked)}")


def kept(comparison: Comparison, figures: Sequence[Figure]) -> tuple[int, ...]:
    """The places of the figures that the comparison keeps: ranked ones the first one first, others in their order. Raises
    CannotCompute."""
    match comparison.relation:
        case "highest" | "lowest":
            highest = comparison.relation == "highest"
            ranked = sorted(range(len(figures)), key=lambda place: figures[place].full, reverse=highest)
            return tuple(ranked[: comparison.n])
        case "above" | "below" | "equal":
            return tuple(place for place, figure in enumerate(figures) if _stands(comparison, figure))
        case _:
            raise CannotCompute(f"the relation {comparison.relation} is not known")


def written(formula: Formula, operands: Sequence[str]) -> str:
    """The formula as a reader writes it: '(A − B) ÷ B × 100'."""
    operation = "average" if formula.operation == _OF_AVERAGES else formula.operation
    parts = [_written(operation, [operands[place] for place in group]) for group in formula.groups]
    return parts[0] if len(parts) == 1 else " − ".join(f"({part})" for part in parts)


def _once(operation: str, figures: Sequence[Figure]) -> Result:
    if operation in _OF_ALL and figures:
        return _OF_ALL[operation](figures)
    if operation == "share" and len(figures) > 2:
        return arithmetic.share(_as_figure(arithmetic.total(figures[:-1])), figures[-1])
    if operation in _OF_TWO and len(figures) == 2:
        return _OF_TWO[operation](figures[0], figures[1])
    raise CannotCompute(f"the operation {operation} is not known for {len(figures)} operands")


def _as_figure(result: Result) -> Figure:
    return Figure(result.value, result.kind, result.currency, result.scale)


def _stands(comparison: Comparison, figure: Figure) -> bool:
    """Compared in full where the question names a scale, else with the figure as written."""
    scaled = comparison.scale or (figure.scale and comparison.bound >= 10**figure.scale)
    value = figure.full if scaled else figure.value
    asked = comparison.bound.scaleb(comparison.scale)
    if comparison.scale and not figure.scale:  # the table does not state its scale: the question's is taken for it
        value = figure.value.scaleb(comparison.scale)
    return {"above": value > asked, "below": value < asked, "equal": value == asked}[comparison.relation]


def _written(operation: str, operands: Sequence[str]) -> str:
    if operation in _OF_ALL:
        total = " + ".join(operands)
        return f"({total}) ÷ {len(operands)}" if operation == "average" else total
    if len(operands) > 2:
        return _WRITTEN[operation].format(f"({' + '.join(operands[:-1])})", operands[-1])
    return _WRITTEN[operation].format(*operands)
