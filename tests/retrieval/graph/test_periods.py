"""Periods in questions and in the heads of columns."""

import pytest

from retrieval.graph.reading.periods import Period, find_periods, fits, joined


def said(text: str) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return [(p.year, p.end, p.quarter, p.month) for p in find_periods(text)]


@pytest.mark.parametrize(
    ("text", "periods"),
    [
        ("As of December 31, 2019 and 2018", [(2019, None, None, 12), (2018, None, None, None)]),
        ("Q4 2019", [(2019, None, 4, None)]),
        ("the first quarter of 2020", [(2020, None, 1, None)]),
        ("from 2017 to 2019", [(2017, 2019, None, None)]),
        ("fiscal years 2019 to 2017", [(2017, 2019, None, None)]),
        ("2017,2018 and 2019", [(2017, None, None, None), (2018, None, None, None), (2019, None, None, None)]),
        ("FY19 and F18", [(2019, None, None, None), (2018, None, None, None)]),
        ("15 July 2025", [(2025, None, None, 7)]),
        ("am 31. Dezember 2024", [(2024, None, None, 12)]),
        ("2 0 1 8", [(2018, None, None, None)]),
        ("$2,019 and 2019.5 and 20190", []),
    ],
)
def test_periods_are_found_in_text(text: str, periods: list[tuple[int | None, int | None, int | None, int | None]]) -> None:
    assert said(text) == periods


def test_heads_of_one_column_are_read_together() -> None:
    period = joined(["Years Ended December 31,", "2019"])
    assert period is not None
    assert (period.year, period.month, period.day) == (2019, 12, 31)
    assert joined(["Domestic", "Amount"]) is None


def test_a_year_fits_its_column_and_no_other() -> None:
    asked = find_periods("2019")[0]
    assert fits(asked, Period(2019, month=12, day=31)) > 0.9
    assert fits(asked, Period(2018)) == 0
    assert fits(asked, None) == 0
    assert 0 < fits(asked, Period(2019, quarter=4)) < 0.5  # a quarter is not the year


def test_a_range_fits_only_the_same_range() -> None:
    asked = find_periods("2021-2022")[0]
    assert fits(asked, Period(2021, end=2022)) == 1
    assert fits(asked, Period(2021)) == 0


def test_a_year_that_ends_in_the_first_days_of_january_may_be_the_year_before() -> None:
    asked = find_periods("fiscal 2019")[0]
    assert fits(asked, Period(2020, month=1, day=3)) > 0.5
    assert fits(asked, Period(2020, month=6, day=30)) == 0
