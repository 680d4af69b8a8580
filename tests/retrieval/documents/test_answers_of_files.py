"""Figures of tables in office files are answered by the evidence, with their unit, as those of pages are."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from docx import Document
from pptx import Presentation
from pptx.util import Inches

from retrieval.documents.parse import parse
from retrieval.evidence.answer import Answer, answer
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.view import GraphView

_ROWS = (
    ("Fund", "Entry charge", "Exit charge"),
    ("Larch Fund", "2.50%", "0.75%"),
    ("Maple Fund", "3.10%", "0.55%"),
    ("Cedar Fund", "1.20%", "0.15%"),
)


def _sheet(path: Path) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    page.title = "Charges"
    page.append(_ROWS[0])
    for name, *charges in _ROWS[1:]:
        page.append((name, *(float(one.rstrip("%")) / 100 for one in charges)))
    for row in page["B2:C4"]:
        for cell in row:
            cell.number_format = "0.00%"
    book.save(path)
    return path


def _words(path: Path) -> Path:
    document = Document()
    document.add_heading("Charges", 1)
    table = document.add_table(4, 3)
    for at, row in enumerate(_ROWS):
        for column, text in enumerate(row):
            table.cell(at, column).text = text
    document.save(str(path))
    return path


def _slides(path: Path) -> Path:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Charges"
    table = slide.shapes.add_table(4, 3, Inches(1), Inches(2), Inches(6), Inches(2)).table
    for at, row in enumerate(_ROWS):
        for column, text in enumerate(row):
            table.cell(at, column).text = text
    deck.save(str(path))
    return path


def _lines(path: Path) -> Path:
    path.write_text("\n".join(";".join(row) for row in _ROWS))
    return path


def _typed(path: Path) -> Path:
    rows = "".join(
        r"\trowd\cellx2000\cellx4000\cellx6000\pard\intbl " + "".join(rf"{cell}\cell " for cell in row) + r"\row"
        for row in _ROWS
    )
    path.write_text(rf"{{\rtf1\ansi Charges\par {rows}\pard The end.\par}}")
    return path


@pytest.mark.parametrize(
    ("make", "suffix"), [(_sheet, "xlsx"), (_words, "docx"), (_slides, "pptx"), (_lines, "csv"), (_typed, "rtf")]
)
def test_a_figure_of_a_table_is_answered_with_its_unit(tmp_path: Path, make, suffix: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path / f"charges.{suffix}")
    parsed = parse(path)
    view = GraphView([graph_of(path.name, path.stem, "Charges", parsed)])
    for question, holds in (
        ("What is the entry charge of the Larch Fund?", "2.50%"),
        ("What is the exit charge of the Maple Fund?", "0.55%"),
    ):
        got = answer(question, view)
        assert isinstance(got, Answer), got
        assert holds in got.text
