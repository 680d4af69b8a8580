"""CSV and TSV in the dialects that spreadsheet programs of several countries write."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.documents.formats import csv as reading
from retrieval.documents.parse import parse

_ROWS = (("Fund", "Exit charge", "Note"), ("Larch", "0,75 %", "waived; after five years"), ("Oak", "0,30 %", ""))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('Fund;Exit charge;Note\nLarch;0,75 %;"waived; after five years"\nOak;0,30 %;\n', "semicolon.csv"),
        ('sep=;\r\nFund;Exit charge;Note\r\nLarch;0,75 %;"waived; after five years"\r\nOak;0,30 %;\r\n', "sep.csv"),
        ("Fund\tExit charge\tNote\nLarch\t0,75 %\twaived; after five years\nOak\t0,30 %\t\n", "tabs.tsv"),
        ('Fund,Exit charge,Note\nLarch,"0,75 %","waived; after five years"\nOak,"0,30 %",\n', "comma.csv"),
        ("Fund|Exit charge|Note\nLarch|0,75 %|waived; after five years\nOak|0,30 %|\n", "bar.csv"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_dialect_and_encoding_gives_the_same_table(tmp_path: Path, text: str, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    (grid,) = parse(path).grids
    assert grid.rows == _ROWS


def test_lines_above_the_heads_are_the_tables_caption(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Charges in EUR million\n\nFund,Exit\nLarch,1\nOak,2\n")
    (grid,) = parse(path).grids
    assert (grid.caption, grid.rows[0]) == ("Charges in EUR million", ("Fund", "Exit"))


def test_a_line_break_inside_quotes_parts_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('Fund,Note\nLarch,"first\nsecond"\nOak,none\n')
    assert parse(path).grids[0].rows[1] == ("Larch", "first second")


def test_rows_beyond_the_bound_are_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    path = tmp_path / "a.csv"
    path.write_text("Fund,Exit\n" + "Larch,1\n" * 9)
    parsed = parse(path)
    assert len(parsed.grids[0].rows) == 3
    assert parsed.notes == ("more than 3 rows; the rest was left out: split it",)
