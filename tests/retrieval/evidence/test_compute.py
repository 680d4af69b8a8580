"""Decimal arithmetic over cells."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evidence.look_up import compute
from retrieval.evidence.look_up.compute import CannotCompute, rounded
from retrieval.evidence.look_up.formula import carried_out, over
from retrieval.graph.reading.figures import Figure

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=2, allow_nan=False)
SCALES = st.sampled_from([0, 3, 6, 9])


def amount(value: str | Decimal, scale: int = 0, currency: str = "USD") -> Figure:
    return Figure(Decimal(value), "amount", currency, scale, str(value))


@given(AMOUNTS, AMOUNTS, SCALES, SCALES)
def test_scales_are_brought_together_before_anything_is_added(a: Decimal, b: Decimal, one: int, other: int) -> None:
    result = compute.total([amount(a, one), amount(b, other)])
    assert result.value.scaleb(result.scale) == a.scaleb(one) + b.scaleb(other)


@given(AMOUNTS, AMOUNTS, SCALES)
def test_a_difference_turned_round_changes_only_its_sign(a: Decimal, b: Decimal, scale: int) -> None:
    forth, back = compute.difference(amount(a, scale), amount(b)), compute.difference(amount(b), amount(a, scale))
    assert forth.value.scaleb(forth.scale) == -back.value.scaleb(back.scale)


@given(AMOUNTS.filter(bool), SCALES)
def test_a_change_in_per_cent_does_not_depend_on_the_scale(a: Decimal, scale: int) -> None:
    same = compute.change_pct(amount(a, scale), amount(a.scaleb(scale)))
    assert same.value == 0
    assert same.kind == "percent"


@given(st.lists(AMOUNTS, min_size=1, max_size=6))
def test_an_average_lies_between_its_operands(values: list[Decimal]) -> None:
    mean = compute.average([amount(v) for v in values]).value
    assert min(values) - Decimal("1e-20") <= mean <= max(values) + Decimal("1e-20")


def test_decimals_are_exact() -> None:
    assert compute.total([amount("0.1"), amount("0.2")]).value == Decimal("0.3")


def test_different_currencies_are_refused_with_the_reason() -> None:
    with pytest.raises(CannotCompute, match=r"different currencies \(EUR, USD\)"):
        compute.total([amount("1"), amount("1", currency="EUR")])


def test_a_percentage_and_an_amount_are_refused() -> None:
    with pytest.raises(CannotCompute, match="percentage and an amount"):
        compute.difference(amount("1"), Figure(Decimal(1), "percent"))


def test_division_by_zero_is_refused() -> None:
    with pytest.raises(CannotCompute, match="zero"):
        compute.ratio(amount("1"), amount("0"))


def test_the_difference_of_two_percentages_is_in_percentage_points() -> None:
    result = compute.difference(Figure(Decimal("1.25"), "percent"), Figure(Decimal("0.65"), "percent"))
    assert (result.value, result.kind) == (Decimal("0.60"), "points")


@pytest.mark.parametrize(
    ("value", "digits", "said"), [("0.605", 2, "0.61"), ("-0.5", 0, "-1"), ("1200", 2, "1200"), ("-0.001", 2, "0")]
)
def test_rounding_is_half_up_and_never_writes_an_exponent(value: str, digits: int, said: str) -> None:
    assert format(rounded(Decimal(value), digits), "f") == said


def test_the_change_of_an_average_of_percentages_is_in_percentage_points() -> None:
    margins = [Figure(Decimal(value), "percent") for value in ("4", "3", "1")]
    result, (later, earlier) = carried_out(over("difference_of_averages", 3), margins)
    assert (later.value, earlier.value) == (Decimal("3.5"), Decimal(2))
    assert (result.value, result.kind) == (Decimal("1.5"), "points")


@pytest.mark.parametrize(("operation", "n"), [("ratio", 1), ("sum", 0), ("difference_of_averages", 2), ("root", 2)])
def test_an_operation_without_its_operands_is_refused(operation: str, n: int) -> None:
    with pytest.raises(CannotCompute, match=operation):
        over(operation, n)
