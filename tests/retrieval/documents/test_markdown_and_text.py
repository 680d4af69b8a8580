"""Markdown and plain text: their tables as grids, their marks off the figures, their bytes never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.documents.formats.markdown import read_markdown
from retrieval.documents.formats.text import read_text
from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument

TABLE = "| Fund | Entry | Exit |\n|---|---|---|\n| Alder | 1.00% | 0.10% |\n"


def test_a_markdown_table_is_a_grid_under_its_section_with_the_sentence_above() -> None:
    (grid,) = read_markdown(f"# Charges\n\n## Funds\n\nIn per cent of the value:\n\n{TABLE}").grids
    assert grid.rows == (("Fund", "Entry", "Exit"), ("Alder", "1.00%", "0.10%"))
    assert (grid.heads, grid.caption, grid.section) == (1, "In per cent of the value:", ("Charges", "Funds"))


def test_a_row_apart_from_its_table_belongs_to_it() -> None:
    parsed = read_markdown(f"# Charges\n\n{TABLE}\nNotes apply.\n\n| Birch | 3.00% | 0.30% |\n")
    assert parsed.grids[0].rows[-1] == ("Birch", "3.00%", "0.30%")
    assert [block.text for block in parsed.blocks][-3:] == ["Notes apply.", "Fund | Entry | Exit", "Birch | 3.00% | 0.30%"]


def test_footnotes_in_markdown_stay_off_figures() -> None:
    parsed = read_markdown("It is 450[^2] and 0.75%<sup>1</sup> of 10<sup>6</sup>.\n\n[^2]: Waived\n")
    assert [block.text for block in parsed.blocks] == ["It is 450 ² and 0.75% ¹ of 10⁶.", "² Waived"]


def test_a_table_in_html_inside_markdown_is_read_as_one() -> None:
    parsed = read_markdown("# T\n\n<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n")
    assert parsed.grids[0].rows == (("a", "b"), ("1", "2"))


def test_invisible_characters_and_ligatures_do_not_break_words() -> None:
    (block,) = read_markdown("Re\u00addemption, Nordhaven\u2060Bank, o\ufb03cial \ufb02oat").blocks
    assert block.text == "Redemption, NordhavenBank, official float"


def test_aligned_columns_of_a_text_file_keep_an_empty_cell_empty() -> None:
    parsed = read_text(
        "All charges in EUR thousands:\n\n"
        "                  Year ended 31 December\n"
        "Fund              2025       2024      2023\n"
        "-------------------------------------------\n"
        "Alder Fund       1,200        985       n/a\n"
        "Birch Fund          12                   33\n"
    )
    (grid,) = parsed.grids
    assert grid.rows == (
        ("", *["Year ended 31 December"] * 3),
        ("Fund", "2025", "2024", "2023"),
        ("Alder Fund", "1,200", "985", "n/a"),
        ("Birch Fund", "12", "", "33"),
    )
    assert (grid.heads, grid.caption) == (2, "All charges in EUR thousands:")


def test_bars_between_cells_of_a_text_file_make_a_table() -> None:
    (grid,) = read_text("Charges:\n\nEntry charge | 2.50%\nCustodian | Nordhaven Bank\n").grids
    assert grid.rows == (("Entry charge", "2.50%"), ("Custodian", "Nordhaven Bank"))
    assert grid.caption == "Charges:"


def test_what_is_text_of_no_code_page_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(bytes(range(128, 256)) * 3)
    with pytest.raises(UnreadableDocument, match="save it as UTF-8"):
        parse(tmp_path / "note.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_texts_of_known_encodings_are_read_whole(tmp_path: Path, encoding: str) -> None:
    text = "Les frais de sortie s’élèvent à 0,75 % – payés en € à l’échéance."
    (tmp_path / "note.txt").write_bytes(text.encode(encoding))
    assert parse(tmp_path / "note.txt").blocks[0].text == text


def test_one_bad_byte_does_not_spoil_a_file(tmp_path: Path) -> None:
    content = ("Le fonds Mélèze prélève 0,75 % à la sortie. " * 20).encode()
    (tmp_path / "note.txt").write_bytes(content[:200] + b"\xff" + content[200:])
    text = parse(tmp_path / "note.txt").blocks[0].text
    assert text.count("\ufffd") == 1
    assert text.count("Mélèze") == 20


def test_bytes_after_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(b"text " * 2000 + b"\x00\x01\x02")
    with pytest.raises(UnreadableDocument, match="binary"):
        parse(tmp_path / "note.txt")


@pytest.mark.parametrize(
    ("name", "content"), [("a.md", "# Larch Fund\n"), ("a.html", "<h1>Larch Fund</h1>"), ("a.txt", "LARCH\n=====\n")]
)
def test_a_file_of_headings_alone_is_refused_in_words(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UnreadableDocument, match="headings alone"):
        parse(tmp_path / name)


@pytest.mark.parametrize(
    ("head", "below", "spread"),
    [
        ("|  |  | Years ended June 30, |  |", "|  | 2019 | 2018 | 2017 |", ("Years ended June 30,",) * 3),
        ("|  | 2019 |  | 2018 |  |", "|  | Men | Women | Men | Women |", ("2019", "2019", "2018", "2018")),
        ("|  |  | Weighted |  |", "|  | Shares | average | Price |", ("", "Weighted", "")),
        ("|  |  |  | 16 Weeks |", "|  | Spring | Summer | Autumn |", ("", "", "16 Weeks")),
    ],
)
def test_a_period_written_once_over_several_columns_stands_over_each(head: str, below: str, spread: tuple[str, ...]) -> None:
    columns = head.count("|") - 1
    rule, row = "|---" * columns + "|", "| Cash " + "| 1.5 " * (columns - 1) + "|"
    (grid,) = read_markdown(f"{head}\n{rule}\n{below}\n{row}\n").grids
    assert grid.heads == 2
    assert grid.rows[0][1:] == spread


def test_a_row_with_a_label_and_amounts_is_no_head() -> None:
    (grid,) = read_markdown("| a | 2019 |\n|---|---|\n| Cash | 5 |\n|  | (in millions) |\n").grids
    assert grid.heads == 1
