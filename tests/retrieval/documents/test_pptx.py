"""PowerPoint files, written by python-pptx."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from retrieval.documents.parse import Parsed, parse
from retrieval.types import UnreadableDocument


def _saved(deck: object, path: Path) -> Parsed:
    deck.save(str(path))  # type: ignore[attr-defined]
    return parse(path)


def test_a_slide_is_a_page_and_a_section_with_its_points_and_notes(tmp_path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "Larch Fund"
    slide.placeholders[1].text_frame.text = "Daily dealing"
    slide.placeholders[1].text_frame.add_paragraph().text = "Noon"
    slide.notes_slide.notes_text_frame.text = "The gate is ten percent."
    parsed = _saved(deck, tmp_path / "a.pptx")
    assert [(block.kind, block.text, block.page) for block in parsed.blocks] == [
        ("heading", "Larch Fund", 1),
        ("item", "- Daily dealing", 1),
        ("item", "- Noon", 1),
        ("heading", "Notes", 1),
        ("prose", "The gate is ten percent.", 1),
    ]
    assert (parsed.title, parsed.pages) == ("Larch Fund", 1)


def test_tables_and_charts_are_tables_with_page_section_and_caption(tmp_path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Charges"
    table = slide.shapes.add_table(3, 3, Inches(1), Inches(3), Inches(6), Inches(1)).table
    for at, row in enumerate([("Fund", "Charge", ""), ("Larch", "2.50%", "0.75%"), ("", "3%", "1%")]):
        for column, text in enumerate(row):
            table.cell(at, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(1, 0).merge(table.cell(2, 0))
    above = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(3), Inches(0.5))
    above.text_frame.text = "In % of the value:"
    figures = CategoryChartData(number_format="0.0%")
    figures.categories = ["2024", "2025"]
    figures.add_series("Return", (0.125, 0.08))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(1), Inches(5), Inches(5), Inches(2), figures)
    first, second = _saved(deck, tmp_path / "a.pptx").grids
    assert first.rows == (("Fund", "Charge", "Charge"), ("Larch", "2.50%", "0.75%"), ("Larch", "3%", "1%"))
    assert (first.page, first.section, first.caption, first.heads) == (1, ("Charges",), "In % of the value:", 1)
    assert second.rows == (("", "Return"), ("2024", "12.5%"), ("2025", "8.0%"))


def test_hidden_slides_are_left_out_and_named_and_count_as_pages(tmp_path: Path) -> None:
    deck = Presentation()
    for title in ("First", "Hidden", "Third"):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = f"{title} words"
    deck.slides[1]._element.set("show", "0")
    parsed = _saved(deck, tmp_path / "a.pptx")
    assert [(block.text, block.page) for block in parsed.blocks if block.kind != "heading"] == [
        ("First words", 1),
        ("Third words", 3),
    ]
    assert parsed.notes == ("slide 2 hidden; left out",)


def test_shapes_of_no_layout_are_read_from_the_top_down(tmp_path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    for top, left, text in ((5, 1, "third"), (1, 5, "second"), (1, 1, "first")):
        slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1)).text_frame.text = text
    assert [block.text for block in _saved(deck, tmp_path / "a.pptx").blocks] == ["first", "second", "third"]


def test_a_broken_deck_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.pptx"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("_rels/.rels", "<Relationships/>")
    with pytest.raises(UnreadableDocument, match="no office document in this zip"):
        parse(path)
