"""Figures as documents write them, in cells and in running text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.graph.reading.figures import (
    decimal,
    find_figures,
    is_nil,
    read_cell,
    read_currency,
    read_scale,
    writes_comma_decimals,
)


@pytest.mark.parametrize(
    ("cell", "value", "kind", "currency"),
    [
        ("$  1,452.4", "1452.4", "amount", "USD"),
        ("(29,817)", "-29817", "number", ""),
        ("$(5,149)", "-5149", "amount", "USD"),
        ("4.7 %", "4.7", "percent", ""),
        ("(4.1)%", "-4.1", "percent", ""),
        ("(16) bps", "-16", "basis points", ""),
        ("10.1pts", "10.1", "points", ""),
        ("EUR 1,000", "1000", "amount", "EUR"),
        ("1.234,56", "1234.56", "number", ""),
        ("1'234.50", "1234.50", "number", ""),
        ("12.3x", "12.3", "multiple", ""),
        ("18,111(1)", "18111", "number", ""),
    ],
)
def test_a_cell_is_read_with_sign_kind_and_currency(cell: str, value: str, kind: str, currency: str) -> None:
    figure = read_cell(cell)
    assert figure is not None
    assert (figure.value, figure.kind, figure.currency) == (Decimal(value), kind, currency)


@pytest.mark.parametrize("cell", ["", "3-5", "12:00 noon", "T+3", "12 days before", "1.2.3", "Note 4", "2027 or indefinite"])
def test_what_is_no_figure_is_not_read_as_one(cell: str) -> None:
    assert read_cell(cell) is None


@pytest.mark.parametrize("cell", ["—", "-", "- - %", "$-", "n/a", "N.M.", "nil"])
def test_a_dash_is_nil_and_not_zero(cell: str) -> None:
    assert is_nil(cell)
    assert read_cell(cell) is None


@given(st.decimals(min_value=0, max_value=10**9, places=2, allow_nan=False))
def test_every_way_to_group_thousands_reads_the_same(value: Decimal) -> None:
    english = f"{value:,.2f}"
    for written in (
        english,
        english.translate(str.maketrans(",.", ".,")),
        english.replace(",", "'"),
        english.replace(",", " "),
    ):
        assert decimal(written, comma_decimal=written != english and "," in written) == value


@given(st.integers(min_value=0, max_value=10**12))
def test_parentheses_negate_and_change_nothing_else(number: int) -> None:
    plain, negative = read_cell(f"{number:,}"), read_cell(f"({number:,})")
    assert plain is not None
    assert negative is not None
    assert negative.value == -plain.value


@given(st.text(max_size=40))
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    read_cell(text)
    for figure in find_figures(text):
        assert text[figure.start : figure.end].strip() == figure.text.strip()


def test_prose_gives_its_figures_and_leaves_times_and_codes() -> None:
    text = "Sales were $731 million and (12.5)% lower (2018: 4%); orders by 14:00, T+3, Class A2."
    assert [(f.text, f.kind) for f in find_figures(text) if f.kind != "number"] == [
        ("$731 million", "amount"),
        ("(12.5)%", "percent"),
        ("4%", "percent"),
    ]
    assert all(f.text not in ("14", "00", "3", "2") for f in find_figures(text))


@pytest.mark.parametrize(
    ("text", "scale", "currency"),
    [
        ("(In thousands)", 3, ""),
        ("2019 €m", 6, "EUR"),
        ("US$’000", 3, "USD"),
        ("(in millions of €)", 6, "EUR"),
        ("U.S. $ in thousands, except per share", 3, "USD"),
        ("in Mio. EUR", 6, "EUR"),
        ("(Millions, except per share)", 6, ""),
        ("Millions of dollars", 6, "USD"),
        ("en milliers d’euros", 3, "EUR"),
        ("Year ended December 31", None, ""),
    ],
)
def test_a_head_states_scale_and_currency(text: str, scale: int | None, currency: str) -> None:
    assert (read_scale(text), read_currency(text)) == (scale, currency)


def test_a_documents_own_habit_decides_what_a_lone_comma_means() -> None:
    assert writes_comma_decimals("Die Rendite betrug 3,25 % und der Umsatz 1.234,5 Mio. EUR, zuvor 2,75 %.")
    assert not writes_comma_decimals("The yield was 3.25% and revenue $1,234.5 million.")
    assert decimal("1,234", comma_decimal=False) == 1234
    assert decimal("1,234", comma_decimal=True) == Decimal("1.234")
