"""Arithmetic over figures that are written: what may be spelt, what it comes to, and what does not go together."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.prose.arithmetic.expressions import NONE, computed, pattern
from retrieval.evidence.prose.arithmetic.operands import operands

QUESTION = "I put in 40,000 euros for three years; what do I pay?"
LINES = (
    "The entry charge is 1.50 % and custody costs EUR 25 a quarter.",
    "In 2023 the fund paid USD 1.40 a unit.",
    "Notice is 30 days, for savings books three months.",
    "We voted at 97% of the meetings and against 14% of the resolutions.",
)


def value(expression: str) -> tuple[Decimal, str, str]:
    found = computed(expression, operands(QUESTION, LINES)).value
    return found.number, found.kind, found.currency or found.noun


@pytest.mark.parametrize(
    ("expression", "number", "kind", "unit"),
    [
        ("40000 * 1.5%", "600", "money", "EUR"),
        ("40000 - 40000 * 1.5%", "39400", "money", "EUR"),
        ("25 * 4 * 3", "300", "money", "EUR"),
        ("40000 * (1 - 1.5%)", "39400", "money", "EUR"),
        ("40000 / 25", "1600", "ratio", ""),
        ("25 / 40000 * 100", "0.0625", "percent", ""),
        ("30 / 2", "15", "count", "days"),
        ("1.5% / 2", "0.75", "percent", ""),
    ],
)
def test_an_expression_has_its_value_with_its_unit(expression: str, number: str, kind: str, unit: str) -> None:
    assert value(expression) == (Decimal(number), kind, unit)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("40000 + 1.4", "different currencies"),
        ("40000 * 25", "amounts of money"),
        ("40000 + 1.5%", "cannot be put together"),
        ("40000 / (30 - 30)", "zero"),
        ("97% + 14%", "more than a whole"),
        ("40000 * 17", "stands where a figure should"),
        ("30 * (12 - 1", "not closed"),
        ("40000 times 3", "no expression"),
    ],
)
def test_what_does_not_go_together_has_no_value_and_says_why(expression: str, reason: str) -> None:
    with pytest.raises(CannotCompute, match=reason):
        value(expression)


def test_a_figure_that_stands_in_two_units_is_taken_in_the_one_that_fits() -> None:
    found = computed("9000 * 1.5% * 3", operands("GBP 9,000 over 3 years", ("1.5 % a year", "GBP 3 a letter")))
    assert found.value.number == Decimal("405")
    assert operands("3 years", ("GBP 3",))[0].figure.currency == "GBP"


def test_the_working_shows_the_figures_as_they_were_written() -> None:
    found = computed("40000 * 1.5%", operands(QUESTION, LINES))
    assert found.working == "40,000 euros × 1.50 %"
    assert [one.line for one in found.used] == [-1, 0]


def test_only_figures_of_the_lines_the_question_and_constants_can_be_spelt() -> None:
    allowed = re.compile(pattern(operands(QUESTION, LINES)))
    for spelt in ("40000 * 1.5%", "(40000 - 25) / 12", NONE):
        assert allowed.fullmatch(spelt), spelt
    for invented in ("40000 * 2.5%", "41000 - 25", "40000", "25 quarters"):
        assert not allowed.fullmatch(invented), invented


@given(st.lists(st.decimals("0.01", "99999", places=2), min_size=2, max_size=5, unique=True), st.data())
def test_sums_and_differences_of_amounts_are_exact(amounts: list[Decimal], data: st.DataObject) -> None:
    lines = [f"It costs EUR {amount}." for amount in amounts]
    known = operands("What is it in all?", lines)
    signs = data.draw(st.lists(st.sampled_from("+-"), min_size=len(amounts) - 1, max_size=len(amounts) - 1))
    spelt, wanted = known[0].written, amounts[0]
    for sign, operand, amount in zip(signs, known[1:], amounts[1:], strict=False):
        spelt += f" {sign} {operand.written}"
        wanted = wanted + amount if sign == "+" else wanted - amount
    assert computed(spelt, known).value.number == wanted
