"""What the text of a PDF holds: nothing lost, nothing made up, in the order of reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.documents.blocks import Parsed
from retrieval.documents.parse import parse
from retrieval.documents.pdf.letters import Letters
from retrieval.types import UnreadableDocument
from tests.retrieval.documents.made import Text, form, pdf, width


def said(parsed: Parsed) -> str:
    return " ".join(block.text for block in parsed.blocks)


def test_a_last_line_that_differs_by_its_figures_is_content_and_stays(tmp_path: Path) -> None:
    pages = [
        [
            Text(50, 800, "Statement of account"),
            Text(50, 700, "Payments of the month to suppliers of timber and transport."),
            Text(50, 60, f"Closing balance {900 + 31 * n}.10 crowns"),
            Text(50, 40, f"Page {n + 1} of 6"),
        ]
        for n in range(6)
    ]
    parsed = parse(pdf(tmp_path / "statement.pdf", *pages))
    assert "Closing balance 962.10 crowns" in said(parsed)
    assert "Page 3" not in said(parsed)
    assert "Statement of account" not in said(parsed)


def test_a_running_head_is_dropped_only_where_it_stands_at_one_place(tmp_path: Path) -> None:
    pages = [
        [
            Text(50, 800, "Halden annual report"),
            Text(50, 700 - 40 * n, "Nothing changed in the year."),
            Text(50, 400, f"Note {n}x"),
        ]
        for n in range(6)
    ]
    text = said(parse(pdf(tmp_path / "report.pdf", *pages)))
    assert "Halden annual report" not in text
    assert text.count("Nothing changed in the year.") == 6


def test_a_page_number_is_dropped_and_a_lone_figure_is_not(tmp_path: Path) -> None:
    pages = [
        [Text(50, 700, f"The fund number {n} earned this many crowns:"), Text(50, 60, str(4700 - 611 * n))] for n in range(3)
    ]
    assert "4089" in said(parse(pdf(tmp_path / "figures.pdf", *pages)))
    pages = [[Text(50, 700, "The fund earned much."), Text(50, 60, str(n + 12))] for n in range(3)]
    assert "13" not in said(parse(pdf(tmp_path / "numbers.pdf", *pages)))


def test_a_form_of_nothing_but_running_lines_is_refused_in_words(tmp_path: Path) -> None:
    pages = [[Text(50, 800, "Application form"), Text(50, 60, "Halden Asset Management")] for _ in range(5)]
    with pytest.raises(UnreadableDocument, match="blank form"):
        parse(pdf(tmp_path / "form.pdf", *pages))


@pytest.mark.parametrize(("mark", "written"), [("1", "450 ¹ crowns"), ("(2)", "450 ⁽²⁾ crowns")])
def test_a_raised_mark_does_not_grow_onto_its_figure(tmp_path: Path, mark: str, written: str) -> None:
    start = "The minimum holding of the fund is 450"
    end = 50 + width(start, 10)
    page = [Text(50, 700, start), Text(end, 703.5, mark, 6), Text(end + 12, 700, "crowns for all.")]
    assert written in said(parse(pdf(tmp_path / "mark.pdf", page)))


def test_an_ordinal_stays_one_word(tmp_path: Path) -> None:
    page = [Text(50, 700, "Due on the 4"), Text(50 + width("Due on the 4", 10), 703.5, "th", 6), Text(130, 700, "of May.")]
    assert "4th" in said(parse(pdf(tmp_path / "ordinal.pdf", page)))


@pytest.mark.parametrize("ink", ["3 Tr", "1 1 1 rg"])
def test_text_that_nobody_can_see_is_left_out_and_told(tmp_path: Path, ink: str) -> None:
    page = [Text(50, 700, "The exit charge is 0.75 percent."), Text(50, 680, "The exit charge is 9.99 percent.", ink=ink)]
    parsed = parse(pdf(tmp_path / "hidden.pdf", page))
    assert "0.75" in said(parsed)
    assert "9.99" not in said(parsed)
    assert parsed.notes == ("page 1 with text that nobody can see; it was left out",)


def test_white_text_on_a_dark_ground_is_read(tmp_path: Path) -> None:
    ground = Text(0, 0, "", ink="0 0 0.4 rg 40 690 400 30 re f")
    parsed = parse(pdf(tmp_path / "dark.pdf", [ground, Text(50, 700, "Net sales of the year 2025", ink="1 1 1 rg")]))
    assert "Net sales" in said(parsed)


LEFT = [
    "The Larch Fund invests in timber",
    "companies of the northern",
    "countries and in certificates",
    "on forests, and redeems at",
]
RIGHT = [
    "The Maple Fund invests in sugar",
    "producers and in shipping",
    "companies of the eastern",
    "seaboard, and borrows up to",
]
LEFT, RIGHT = [*LEFT, "noon of every dealing day."], [*RIGHT, "a quarter of its net assets."]


def test_columns_that_the_file_writes_line_by_line_are_read_one_after_the_other(tmp_path: Path) -> None:
    page = [
        Text(x, 700 - 14 * n, line)
        for n, pair in enumerate(zip(LEFT, RIGHT, strict=True))
        for x, line in zip((50, 300), pair, strict=True)
    ]
    assert said(parse(pdf(tmp_path / "columns.pdf", page))) == f"{' '.join(LEFT)} {' '.join(RIGHT)}"


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_turned_text_is_read_from_its_own_top(tmp_path: Path, turn: int) -> None:
    starts = {90: (100, 100, 14, 0), 180: (500, 100, 0, 14), 270: (500, 700, -14, 0)}
    x, y, right, up = starts[turn]
    page = [Text(x + right * n, y + up * n, line, turn=turn) for n, line in enumerate(LEFT)]
    assert said(parse(pdf(tmp_path / "turned.pdf", page))) == " ".join(LEFT)


def test_a_page_shown_turned_is_read_in_the_order_of_its_text(tmp_path: Path) -> None:
    page = [Text(50, 700 - 14 * n, line) for n, line in enumerate(LEFT)]
    assert said(parse(pdf(tmp_path / "shown.pdf", page, rotate=90))) == " ".join(LEFT)


def test_letters_set_apart_for_looks_are_words(tmp_path: Path) -> None:
    page = [
        Text(50, 700, "R E D E M P T I O N   G A T E"),
        Text(50, 680, "It is ten percent of net assets on a dealing day."),
    ]
    assert "REDEMPTION GATE" in said(parse(pdf(tmp_path / "spaced.pdf", page)))


def test_a_damaged_page_costs_itself_alone(tmp_path: Path) -> None:
    path = pdf(tmp_path / "half.pdf", [Text(50, 700, "The first page can be read.")], [Text(50, 700, "The second cannot.")])
    path.write_bytes(path.read_bytes().replace(b"/Kids [6 0 R 8 0 R]", b"/Kids [6 0 R 1 0 R]"))
    parsed = parse(path)
    assert said(parsed) == "The first page can be read."
    assert parsed.notes == ("page 2 damaged and left out; export the file again",)


def test_pages_without_text_are_told_beside_pages_of_text(tmp_path: Path) -> None:
    parsed = parse(pdf(tmp_path / "mixed.pdf", [Text(50, 700, "Signed version follows.")], [], []))
    assert parsed.notes == ("pages 2, 3 without text",)
    assert parsed.empty == (2, 3)


def test_a_letter_that_its_font_does_not_name_is_found_by_the_words_it_stands_in(tmp_path: Path) -> None:
    page = [
        Text(50, 700, "The con\x03ict of interest is not signi\x04cant, says the o\x05cer."),
        Text(50, 680, "In\x03ation and bene\x04ts: the e\x05ect is told apart."),
    ]
    path = pdf(tmp_path / "letters.pdf", page, differences="3 /g03 /g04 /g05")
    text = said(parse(path))
    assert "conflict" in text
    assert "significant" in text
    assert "Inflation and benefits" in text


def test_what_was_filled_into_a_form_is_read_beside_its_label(tmp_path: Path) -> None:
    parsed = parse(form(tmp_path / "form.pdf", "Minimum holding:", "4,500 crowns", "Agreed on 3 May"))
    assert "Minimum holding: 4,500 crowns" in said(parsed)
    assert "Agreed on 3 May" in said(parsed)


def broken(left: str, right: str) -> str:
    return f"{left}\ufffe{right}"


@pytest.mark.parametrize(
    ("elsewhere", "left", "right", "whole"),
    [
        ("an off-balance sheet item", "off", "balance", "off-balance"),
        ("the depositary", "depos", "itary", "depositary"),
        ("", "non", "transferable", "non-transferable"),
        ("", "non", "GAAP", "non-GAAP"),
        ("", "indem", "nification", "indemnification"),
        ("the highly skilled are highly paid and skilled", "highly", "skilled", "highly-skilled"),
    ],
)
def test_a_word_broken_at_a_lines_end_keeps_the_hyphen_of_a_compound(
    elsewhere: str, left: str, right: str, whole: str
) -> None:
    line = f"It is {broken(left, right)} here."
    assert Letters([elsewhere, line]).mend(line) == f"It is {whole} here."
