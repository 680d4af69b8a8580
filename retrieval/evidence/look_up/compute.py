"""Decimal arithmetic over cells: scales brought together, currencies and units kept apart.

Invariant: a result depends on its operands alone, so that it can be computed again from their cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from retrieval.graph.reading.figures import Figure, Kind

_CONTEXT = Context(prec=34, rounding=ROUND_HALF_UP)


class CannotCompute(ValueError):
    """Operands that do not go together, or a division by zero; the message is the reason."""


@dataclass(frozen=True)
class Result:
    """`value` in `scale`; `kind`, `currency` and `scale` as of the operands, or per cent, points or a plain number."""

    value: Decimal
    kind: Kind
    currency: str
    scale: int
    places: int


def together(figures: Sequence[Figure]) -> tuple[list[Decimal], Figure]:
    """Values in the scale of the first, and a figure that tells their common kind and currency. Raises CannotCompute."""
    first = figures[0]
    currencies = {one.currency for one in figures if one.currency}
    if len(currencies) > 1:
        raise CannotCompute(f"amounts in different currencies ({', '.join(sorted(currencies))}) cannot be put together")
    relative = [one.kind in ("percent", "points", "basis points") for one in figures]
    if any(relative) and not all(relative):
        raise CannotCompute("a percentage and an amount cannot be put together")
    if len({one.kind for one in figures if one.kind in ("percent", "points", "basis points")}) > 1:
        raise CannotCompute("percentages and basis points cannot be put together")
    return [one.value.scaleb(one.scale - first.scale) for one in figures], first


def places(figures: Sequence[Figure]) -> int:
    """Decimal places of the most exact operand as written."""
    return max(max(0, -_exponent(one.value)) for one in figures)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def difference(later: Figure, earlier: Figure) -> Result:
    (a, b), first = together((later, earlier))
    kind: Kind = "points" if first.kind == "percent" else first.kind
    return Result(a - b, kind, first.currency, first.scale, places((later, earlier)))


def change_pct(later: Figure, earlier: Figure) -> Result:
    """(later - earlier) / earlier in per cent, by the sign of the earlier value as accountants write it."""
    (a, b), _ = together((later, earlier))
    return Result(_divide((a - b) * 100, b), "percent", "", 0, 2)


def ratio(a: Figure, b: Figure) -> Result:
    (x, y), _ = together((a, b))
    return Result(_divide(x, y), "number", "", 0, 2)


def share(a: Figure, b: Figure) -> Result:
    (x, y), _ = together((a, b))
    return Result(_divide(x * 100, y), "percent", "", 0, 2)


def total(figures: Sequence[Figure]) -> Result:
    values, first = together(figures)
    return Result(sum(values, Decimal(0)), first.kind, first.currency, first.scale, places(figures))


def average(figures: Sequence[Figure]) -> Result:
    values, first = together(figures)
    exact = _divide(sum(values, Decimal(0)), Decimal(len(values)))
    return Result(exact, first.kind, first.currency, first.scale, places(figures) + 1 if places(figures) else 2)


def product(a: Figure, b: Figure) -> Result:
    """Of an amount and a percentage, or of two numbers; two amounts of money have no product."""
    if a.currency and b.currency:
        raise CannotCompute("two amounts of money cannot be multiplied")
    money = a if a.currency else b
    value = a.value * b.value
    for one in (a, b):
        if one.kind == "percent":
            value = _divide(value, Decimal(100))
    return Result(value, money.kind if money.currency else "number", money.currency, a.scale + b.scale, places((a, b)) + 1)


def _divide(a: Decimal, b: Decimal) -> Decimal:
    if not b:
        raise CannotCompute("the figure to divide by is zero")
    with localcontext(_CONTEXT):
        return a / b


def rounded(value: Decimal, digits: int) -> Decimal:
    """Half up, at `digits` decimal places, closing zeros of a fraction off; never an exponent."""
    out = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP, context=_CONTEXT)
    text = format(out, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return Decimal(text if text not in ("-0", "") else "0")
