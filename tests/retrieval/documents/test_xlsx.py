"""Excel files, written by openpyxl and, for stored values of formulas, by XlsxWriter."""

from __future__ import annotations

import csv
from datetime import date, datetime, time, timedelta
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.styles import Font
from openpyxl.worksheet.table import Table

from retrieval.documents.office.number_formats import shown
from retrieval.documents.parse import Parsed, parse
from retrieval.types import UnreadableDocument


def _saved(book: openpyxl.Workbook, path: Path) -> Parsed:
    book.save(path)
    return parse(path)


def _filled(page: object, *rows: tuple[object, ...]) -> None:
    for row in rows:
        page.append(row)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (0.125, "0.0%", "12.5%"),
        (0.0075, "0.00%", "0.75%"),
        (1234, "#,##0", "1,234"),
        (-1234.5, "#,##0.00_);(#,##0.00)", "(1,234.50)"),
        (0, '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)', "-"),
        (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"),
        (1234.5, '#,##0.00 "€"', "1,234.50 €"),
        (2500000, '0.0,,"m"', "2.5m"),
        (1.5, "0.00x", "1.50x"),
        (1.005, "0.00", "1.01"),
        (0.005, "0.00", "0.01"),
        (-0.001, "0.00", "0.00"),
        (123456789, "000-00-0000", "123-45-6789"),
        (2.5, "# ?/?", "2 1/2"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.1 + 0.2, "General", "0.3"),
        (1234567890123, "General", "1234567890123"),
        (-5, '0" up";0" down"', "5 down"),
        (1500, '[>=1000]0.0,"k";0', "1.5k"),
        (3, "#.##", "3"),
        ("Larch", '"Fund: "@', "Fund: Larch"),
        ("Larch", "0.00", "Larch"),
        (True, "General", "TRUE"),
        (datetime(2023, 12, 31), "d mmmm yyyy", "31 December 2023"),
        (datetime(2023, 12, 31), "dd.mm.yyyy", "31.12.2023"),
        (datetime(2023, 12, 31), '"FY"yyyy', "FY2023"),
        (datetime(2023, 12, 31), "mmm-yy", "Dec-23"),
        (datetime(2023, 3, 4), "mm-dd-yy", "2023-03-04"),
        (date(2023, 3, 4), "mm-dd-yy", "2023-03-04"),
        (datetime(2023, 3, 4, 14, 5), "d/m/yyyy h:mm", "4/3/2023 14:05"),
        (time(14, 5), "h:mm AM/PM", "2:05 PM"),
        (timedelta(hours=30, minutes=5), "[h]:mm", "30:05"),
        (12, "", "12"),
        (7, ";;;", ""),
    ],
)
def test_a_cell_reads_as_its_program_shows_it(value: object, code: str, text: str) -> None:
    assert shown(value, code) == text  # type: ignore[arg-type]


def test_figures_read_as_another_program_shows_them() -> None:
    """files/number_formats.csv: code, value, and what LibreOffice 7.4 writes for it, left out what it rounds as binary."""
    with open(Path(__file__).parent / "files" / "number_formats.csv", encoding="utf-8", newline="") as file:
        told = {(code, value): "".join(text.split()) for code, value, text in csv.reader(file)}
    assert len(told) > 400
    read = {(code, value): "".join(shown(float(value), code).split()) for code, value in told}
    assert read == told


@settings(deadline=None)
@given(st.one_of(st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False)), st.text(max_size=20))
def test_no_format_however_odd_stops_a_sheet(value: float, code: str) -> None:
    assert isinstance(shown(value, code), str)


@settings(deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, places=2))
def test_grouping_and_rounding_keep_the_value(value: object) -> None:
    assert shown(value, "#,##0.00") == f"{value:,.2f}".replace("-0.00", "0.00")  # type: ignore[arg-type]


def test_a_sheet_is_a_section_and_its_table_keeps_heads_and_caption(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Fees 2026"
    _filled(page, ("Charges in EUR million",), (), ("Fund", "Entry", "Exit"), ("Larch", 0.025, 0.0075), ("Oak", 0.01, 0.003))
    for row in page["B4:C5"]:
        for cell in row:
            cell.number_format = "0.00%"
    parsed = _saved(book, tmp_path / "a.xlsx")
    assert [block.text for block in parsed.blocks] == [
        "Fees 2026",
        "Charges in EUR million",
        "Fund | Entry | Exit",
        "Larch | 2.50% | 0.75%",
        "Oak | 1.00% | 0.30%",
    ]
    (grid,) = parsed.grids
    assert grid.section == ("Fees 2026",)
    assert grid.caption == "Charges in EUR million"
    assert grid.rows[1] == ("Larch", "2.50%", "0.75%")


def test_several_tables_of_one_sheet_are_told_apart(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    _filled(
        page,
        ("Fund", "Entry", None, "Country", "Weight", "Limit"),
        ("Larch", "1%", None, "Finland", "60%", "70%"),
        ("Oak", "2%", None, "Norway", "40%", "50%"),
        (),
        ("Bank", "Role"),
        ("Nordhaven", "Custodian"),
        (),
        ("As of 31 December 2025.",),
    )
    parsed = _saved(book, tmp_path / "a.xlsx")
    assert [grid.rows for grid in parsed.grids] == [
        (("Fund", "Entry"), ("Larch", "1%"), ("Oak", "2%")),
        (("Country", "Weight", "Limit"), ("Finland", "60%", "70%"), ("Norway", "40%", "50%")),
        (("Bank", "Role"), ("Nordhaven", "Custodian")),
    ]
    assert parsed.blocks[-1].text == "As of 31 December 2025."


def test_figures_set_apart_and_groups_of_rows_stay_one_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    _filled(
        book.active,
        ("in EUR million", None, 2025, None, 2024),
        ("Revenue", None, 120, None, 110),
        (),
        ("Costs",),
        ("Staff", None, 30, None, 28),
        (),
        ("Result", None, 90, None, 82),
    )
    (grid,) = _saved(book, tmp_path / "a.xlsx").grids
    assert grid.rows == (
        ("in EUR million", "2025", "2024"),
        ("Revenue", "120", "110"),
        ("Costs", "", ""),
        ("Staff", "30", "28"),
        ("Result", "90", "82"),
    )


def test_joined_heads_stand_over_each_of_their_columns_and_a_joined_title_is_the_caption(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    _filled(
        page,
        ("Charges by class", None, None, None, None),
        (None, "Retail", None, "Institutional", None),
        ("Fund", "Entry", "Exit", "Entry", "Exit"),
        ("Larch", "4%", "1%", "2%", "0%"),
        (None, "5%", "2%", "3%", "1%"),
    )
    for area in ("A1:E1", "B2:C2", "D2:E2", "A4:A5"):
        page.merge_cells(area)
    (grid,) = _saved(book, tmp_path / "a.xlsx").grids
    assert grid.caption == "Charges by class"
    assert grid.rows[0] == ("", "Retail", "Retail", "Institutional", "Institutional")
    assert [row[0] for row in grid.rows] == ["", "Fund", "Larch", "Larch"]


def test_hidden_sheets_rows_and_columns_are_left_out_and_named(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Shown"
    _filled(page, ("Fund", "Secret", "Exit"), ("Larch", "9.99%", "0.75%"), ("Old", "8.88%", "7.77%"))
    page.column_dimensions["B"].hidden = True
    page.row_dimensions[3].hidden = True
    _filled(book.create_sheet("Draft"), ("Larch", "6.66%"))
    book["Draft"].sheet_state = "hidden"
    parsed = _saved(book, tmp_path / "a.xlsx")
    assert parsed.grids[0].rows == (("Fund", "Exit"), ("Larch", "0.75%"))
    assert parsed.notes == ("1 hidden sheet left out: Draft", "sheet Shown: 1 hidden row and 1 hidden column; left out")


def test_formulas_give_the_value_that_is_stored_and_those_without_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet("Sum")
        page.write_row(0, 0, ["Fund", "Total"])
        page.write_string(1, 0, "Larch")
        page.write_formula(1, 1, "=1+2", book.add_format({"num_format": "0.00"}), 3)
    parsed = parse(path)
    assert parsed.grids[0].rows[1] == ("Larch", "3.00")
    assert parsed.notes == ()
    book2 = openpyxl.Workbook()
    _filled(book2.active, ("Fund", "Total", "Share"), ("Larch", "=1+2", "1%"))
    assert any(note.startswith("1 formulas without a stored value") for note in _saved(book2, tmp_path / "b.xlsx").notes)


def test_a_marked_table_has_its_first_row_as_heads_whatever_it_says(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    _filled(book.active, ("Year", "2024", "2025"), ("Larch", "1", "2"), ("Oak", "3", "4"), ("Note below", None, None))
    book.active.add_table(Table(displayName="T", ref="A1:C3"))
    parsed = _saved(book, tmp_path / "a.xlsx")
    assert parsed.grids[0].heads == 1
    assert len(parsed.grids[0].rows) == 3
    assert parsed.blocks[-1].text == "Note below"


def test_bold_rows_at_the_top_are_heads(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    _filled(book.active, ("Fund", "Custodian"), ("Larch", "Nordhaven Bank"), ("Oak", "Cobalt Bank"))
    for cell in book.active[1]:
        cell.font = Font(bold=True)
    assert _saved(book, tmp_path / "a.xlsx").grids[0].heads == 1


def test_a_cell_far_away_costs_nothing(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "near", "far"
    assert [block.text for block in _saved(book, tmp_path / "a.xlsx").blocks] == ["Sheet", "near", "far"]


def test_an_empty_or_broken_workbook_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="holds no text"):
        _saved(openpyxl.Workbook(), tmp_path / "a.xlsx")
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(UnreadableDocument, match="damaged"):
        parse(tmp_path / "b.xlsx")
