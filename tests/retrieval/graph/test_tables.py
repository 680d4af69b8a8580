"""Tables read from their grids: heads, paths, totals, units and series."""

from decimal import Decimal

from retrieval.documents.grid import Grid
from retrieval.graph.series import Series, series_of
from retrieval.graph.tables import read_tables


def grid(text: str, caption: str = "") -> Grid:
    rows = [tuple(cell.strip() for cell in line.strip().strip("|").split("|")) for line in text.strip().splitlines()]
    width = max(map(len, rows))
    return Grid(tuple(row + ("",) * (width - len(row)) for row in rows), caption)


def found(text: str, label: str, head: str = "", caption: str = "") -> Series:
    for table in read_tables(grid(text, caption)):
        for series in series_of(table):
            if series.label == label and series.head == head:
                return series
    raise AssertionError(f"no series {label!r} {head!r}")


def values(series: Series) -> list[tuple[int | None, str]]:
    return [(p.period.year if p.period else None, p.cell.text) for p in series.points]


SEGMENTS = """
| | | Fiscal | |
| | 2019 | 2018 | 2017 |
| | | (in millions) | |
| Transportation: | | | |
| Automotive | $ 5,686 | $ 6,092 | $ 5,228 |
| Sensors | 914 | 918 | 814 |
| Total Transportation | 6,600 | 7,010 | 6,042 |
| Industrial: | | | |
| Energy | 699 | 712 | 685 |
| Total | $ 7,299 | $ 7,722 | $ 6,727 |
"""


def test_rows_of_heads_over_each_other_give_period_scale_and_currency() -> None:
    sensors = found(SEGMENTS, "Sensors")
    assert values(sensors) == [(2019, "914"), (2018, "918"), (2017, "814")]
    figure = sensors.points[0].cell.figure
    assert figure is not None
    assert (figure.value, figure.scale, figure.currency, figure.kind) == (Decimal(914), 6, "USD", "amount")


def test_a_label_without_cells_is_the_path_of_the_rows_below_it() -> None:
    assert found(SEGMENTS, "Sensors").path == ("Transportation",)
    assert found(SEGMENTS, "Energy").path == ("Industrial",)


def test_a_bare_total_that_sums_the_whole_table_stands_under_no_section() -> None:
    assert found(SEGMENTS, "Total").path == ()
    assert found(SEGMENTS, "Total Transportation").total


def test_heads_that_span_columns_tell_them_apart() -> None:
    text = """
    | | Domestic | | International | |
    | | 2019 | 2018 | 2019 | 2018 |
    | Discount rate | 4.00% | 3.75% | 1.90% | 2.80% |
    """
    assert values(found(text, "Discount rate", "International")) == [(2019, "1.90%"), (2018, "2.80%")]


def test_columns_whose_heads_differ_in_wording_alone_are_one_series() -> None:
    text = """
    | | F19 | F18 (3) | | CHANGE |
    | $ MILLION | 53 WEEKS | 52 WEEKS | CHANGE | NORMALISED |
    | Sales | 8,657 | 8,244 | 5.0% | 3.2% |
    """
    assert values(found(text, "Sales")) == [(2019, "8,657"), (2018, "8,244")]


def test_periods_in_rows_make_series_of_columns() -> None:
    text = """
    | Payment date | Class A, EUR per unit | Class I, EUR per unit |
    | 15 January 2026 | 0.412 | 0.437 |
    | 15 July 2025 | 0.655 | 0.689 |
    """
    series = found(text, "Class I, EUR per unit")
    assert values(series) == [(2026, "0.437"), (2025, "0.689")]
    assert series.points[0].cell.figure is not None
    assert series.points[0].cell.figure.currency == "EUR"


def test_periods_in_section_labels_join_the_sections() -> None:
    text = """
    | | Gross | Net |
    | December 31, 2019 | | |
    | Servicing | 6,868 | 6,800 |
    | December 31, 2018 | | |
    | Servicing | 864 | 860 |
    """
    assert values(found(text, "Servicing", "Net")) == [(2019, "6,800"), (2018, "860")]


def test_new_heads_in_mid_table_begin_another_table() -> None:
    text = """
    | Currency | Weight (%) | FY 2019 | FY 2018 |
    | USD | 53.6 | 70.07 | 64.49 |
    | Growth | FY 2019 (%) | FY 2018 (%) | |
    | Business | 11.4 | 6.7 | |
    """
    assert values(found(text, "Business")) == [(2019, "11.4"), (2018, "6.7")]


def test_per_share_rows_do_not_take_the_scale_of_the_table() -> None:
    text = """
    | (In thousands, except per share) | 2019 |
    | Net income | $ 53,330 |
    | Earnings per share | $ 2.41 |
    """
    income, each = (found(text, label).points[0].cell.figure for label in ("Net income", "Earnings per share"))
    assert income is not None
    assert each is not None
    assert (income.scale, each.scale) == (3, 0)


def test_one_per_cent_sign_at_the_top_of_a_column_speaks_for_it() -> None:
    text = """
    | | 2019 | 2018 |
    | Statutory rate | 21.0% | 21.0% |
    | State taxes | 3.7 | (1.6) |
    """
    figure = found(text, "State taxes").points[1].cell.figure
    assert figure is not None
    assert (figure.kind, figure.value) == ("percent", Decimal("-1.6"))


def test_a_year_of_maturity_is_no_amount() -> None:
    text = """
    | (in thousands) | Last year of expiration | Amount |
    | Federal | 2039 | $57,299 |
    """
    assert found(text, "Federal", "Last year of expiration").points[0].cell.figure is None


def test_a_grid_of_nothing_gives_no_table() -> None:
    assert read_tables(Grid(())) == []
    assert read_tables(Grid((("", ""), ("", "")))) == []
