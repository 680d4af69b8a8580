"""Tables made for a purpose: each shows one thing that pages do."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.grid import Grid, unmarked
from retrieval.documents.parse import parse
from retrieval.documents.pdf.columns import Piece, find_columns, pieces_of
from retrieval.documents.pdf.page_lines import prepared
from retrieval.documents.pdf.tables.find import find_tables
from retrieval.documents.pdf.tables.grids import plain_rows
from retrieval.documents.pdf.words import Word, lines_of
from tests.retrieval.documents.made import Rule, Text, pdf, row


def only_grid(path: Path) -> Grid:
    (grid,) = parse(path).grids
    return grid


def test_a_footnote_mark_is_never_part_of_its_figure(tmp_path: Path) -> None:
    page = [
        *row(700, "Fund", (300, "2025"), (400, "2024")),
        *row(685, "Minimum holding", (300, "450"), (400, "500")),
        Text(300.2, 688.5, "1", 5),
        *row(670, "Annual charge", (300, "1.2"), (400, "1.3")),
        Text(300.2, 673.5, "(2)", 5),
    ]
    grid = only_grid(pdf(tmp_path / "marks.pdf", page))
    assert grid.rows[1] == ("Minimum holding", "450 ¹", "500")
    assert [unmarked(row[1]) for row in grid.rows] == ["2025", "450", "1.2"]


def test_currency_signs_percents_and_parentheses_stay_with_their_figure(tmp_path: Path) -> None:
    page = [
        *row(700, "Year", (300, "2025"), (400, "2024")),
        *row(685, "Revenue", (300, "1,058"), (400, "815")),
        Text(250, 685, "$", 9),
        Text(350, 685, "$", 9),
        *row(670, "Loss", (303, "(3,547)"), (403, "(16)")),
        *row(655, "Margin", (300, "4.3"), (400, "3.8")),
        Text(304, 655, "%", 9),
        Text(404, 655, "%", 9),
    ]
    assert only_grid(pdf(tmp_path / "signs.pdf", page)).rows[1:] == (
        ("Revenue", "$ 1,058", "$ 815"),
        ("Loss", "(3,547)", "(16)"),
        ("Margin", "4.3 %", "3.8 %"),
    )


def test_a_label_of_two_lines_is_one_and_a_group_keeps_its_row_with_empty_cells(tmp_path: Path) -> None:
    page = [
        *row(700, "December 31,", (400, "2025"), (480, "2024")),
        *row(682, "Current assets:"),
        *row(664, "Cash", (400, "12"), (480, "11")),
        Text(50, 650, "Trade receivables, net of allowance for the losses that", 9),
        *row(640, "are expected", (400, "7"), (480, "9")),
        *row(622, "Liabilities:"),
        *row(604, "Debt", (400, "3"), (480, "4")),
    ]
    assert only_grid(pdf(tmp_path / "labels.pdf", page)).rows == (
        ("December 31,", "2025", "2024"),
        ("Current assets:", "", ""),
        ("Cash", "12", "11"),
        ("Trade receivables, net of allowance for the losses that are expected", "7", "9"),
        ("Liabilities:", "", ""),
        ("Debt", "3", "4"),
    )


def test_two_rows_with_figures_are_never_one_however_their_labels_read(tmp_path: Path) -> None:
    page = [
        *row(700, "Year", (400, "2025"), (480, "2024")),
        *row(689, "Trade receivables and", (400, "7"), (480, "9")),
        *row(678, "of these doubtful", (400, "1"), (480, "2")),
        *row(660, "Total", (400, "8"), (480, "11")),
    ]
    labels = [cells[0] for cells in only_grid(pdf(tmp_path / "tight.pdf", page)).rows]
    assert labels == ["Year", "Trade receivables and", "of these doubtful", "Total"]


def test_an_empty_cell_does_not_shift_its_row(tmp_path: Path) -> None:
    page = [
        *row(700, "", (300, "2025"), (380, "2024"), (460, "2023")),
        *row(685, "Fees", (300, "1"), (380, "2"), (460, "3")),
        *row(670, "Gain", (380, "20")),
        *row(655, "Loss", (460, "(30)")),
    ]
    assert only_grid(pdf(tmp_path / "empty.pdf", page)).rows[2:] == (("Gain", "", "20", ""), ("Loss", "", "", "(30)"))


def test_a_head_over_several_columns_stands_over_each_of_them(tmp_path: Path) -> None:
    page = [
        Text(232, 715, "Three months ended June 30,", 9),
        Text(412, 715, "Twelve months ended June 30,", 9),
        *row(700, "($ million)", (280, "2025"), (350, "2024"), (470, "2025"), (540, "2024")),
        *row(685, "Net sales", (280, "3,909"), (350, "3,673"), (470, "14,544"), (540, "14,694")),
        *row(670, "Costs", (280, "(35)"), (350, "(70)"), (470, "(135)"), (540, "(259)")),
    ]
    grid = only_grid(pdf(tmp_path / "spans.pdf", page))
    assert grid.heads == 2
    assert grid.rows[0] == ("", *["Three months ended June 30,"] * 2, *["Twelve months ended June 30,"] * 2)
    assert "($ million)" in grid.caption


def test_a_line_drawn_under_a_head_shows_its_columns_where_places_could_mean_two_things(tmp_path: Path) -> None:
    heads = [*row(700, "", (280, "2025"), (380, "2024"), (480, "2023"))]
    body = [
        *row(685, "Service cost", (280, "5"), (380, "6"), (480, "7")),
        *row(670, "Interest cost", (280, "1"), (380, "2"), (480, "3")),
    ]
    over = Text(358, 715, "June 30", 9)  # over the middle column alone, by its place
    ruled = only_grid(pdf(tmp_path / "ruled.pdf", [over, Rule(255, 711, 230), *heads, *body]))
    assert ruled.rows[0] == ("", "June 30", "June 30", "June 30")
    short = only_grid(pdf(tmp_path / "short.pdf", [Text(358, 715, "Pro forma", 9), Rule(350, 711, 40), *heads, *body]))
    assert short.rows[0] == ("", "", "Pro forma", "")


def test_a_second_row_of_years_begins_a_second_table(tmp_path: Path) -> None:
    page = [
        *row(700, "Income", (300, "2025"), (400, "2024")),
        *row(685, "Fees", (300, "1"), (400, "2")),
        *row(670, "Interest", (300, "3"), (400, "4")),
        *row(655, "Expenses", (300, "2025"), (400, "2024")),
        *row(640, "Staff", (300, "5"), (400, "6")),
        *row(625, "Rent", (300, "7"), (400, "8")),
    ]
    first, second = parse(pdf(tmp_path / "two.pdf", page)).grids
    assert first.rows[-1] == ("Interest", "3", "4")
    assert second.rows[0] == ("Expenses", "2025", "2024")
    assert second.heads == 1


def test_a_table_that_goes_on_over_the_page_keeps_its_heads(tmp_path: Path) -> None:
    first = [
        Text(50, 720, "Charges of the funds, in per cent:", 9),
        *row(700, "Fund", (300, "Entry"), (400, "Exit")),
        *[one for n in range(8) for one in row(685 - 15 * n, f"Fund number {n}", (300, f"{n}.10"), (400, f"{n}.20"))],
    ]
    second = [one for n in range(8, 12) for one in row(780 - 15 * n, f"Fund number {n}", (300, f"{n}.10"), (400, f"{n}.20"))]
    one, other = parse(pdf(tmp_path / "long.pdf", first, second)).grids
    assert (one.page, other.page) == (1, 2)
    assert other.rows[:2] == (("Fund", "Entry", "Exit"), ("Fund number 8", "8.10", "8.20"))
    assert other.heads == 1
    assert other.caption == one.caption == "Charges of the funds, in per cent:"


def test_other_columns_on_the_next_page_take_no_heads_over(tmp_path: Path) -> None:
    first = [
        one
        for n in range(4)
        for one in row(685 - 15 * n, "Fund" if n == 0 else f"Fund {n}", (300, "2025" if n == 0 else "7.5"))
    ]
    second = [one for n in range(4) for one in row(785 - 15 * n, f"Unit {n}", (480, f"{n}5.00"))]
    one, other = parse(pdf(tmp_path / "other.pdf", first, second)).grids
    assert one.heads == 1
    assert not other.heads


def test_labels_with_words_for_values_are_rows_too(tmp_path: Path) -> None:
    facts = [
        ("Launch date", "4 May 2015"),
        ("Fund size", "1,284"),
        ("Depositary", "Northgate Bank"),
        ("Base currency", "EUR"),
    ]
    page = [
        one
        for n, (label, value) in enumerate(facts)
        for one in (Text(50, 700 - 15 * n, label, 9), Text(250, 700 - 15 * n, value, 9))
    ]
    assert only_grid(pdf(tmp_path / "facts.pdf", page)).rows == tuple(facts)


def test_running_text_and_lists_of_contents_are_no_tables(tmp_path: Path) -> None:
    prose = [
        Text(50, 700 - 14 * n, f"In {2010 + n} the fund earned {n}.5 percent and paid {n} crowns to holders.", 9)
        for n in range(9)
    ]
    contents = [
        one for n in range(6) for one in row(500 - 15 * n, f"Item {n}. Business of the company", (500, str(5 + 7 * n)))
    ]
    assert parse(pdf(tmp_path / "prose.pdf", [*prose, *contents])).grids == ()


def test_a_turned_table_is_read_as_it_is_meant(tmp_path: Path) -> None:
    upright = [
        *row(700, "Fund", (300, "2025"), (400, "2024")),
        *row(685, "Fees", (300, "1.5"), (400, "2.5")),
        *row(670, "Rent", (300, "3.5"), (400, "4.5")),
    ]
    turned = [Text(842 - 100 - one.y + 0, one.x, one.text, one.size, turn=90) for one in upright]
    grid = only_grid(pdf(tmp_path / "turned.pdf", turned))
    assert grid.rows == (("Fund", "2025", "2024"), ("Fees", "1.5", "2.5"), ("Rent", "3.5", "4.5"))
    assert grid.boxes is not None
    left, bottom, right, top = grid.boxes[1][0] or (0, 0, 0, 0)
    assert right - left < top - bottom


@given(st.lists(st.lists(st.tuples(st.floats(0, 500), st.floats(1, 90)), max_size=5), max_size=6))
def test_columns_never_overlap_and_never_hold_two_cells_of_one_line(shape: list[list[tuple[float, float]]]) -> None:
    lines = []
    for cells in shape:
        pieces: list[Piece] = []
        for left, wide in sorted(cells):
            if not pieces or left > pieces[-1].right + 1:
                pieces.append(Piece([Word("1", left, left + wide, 0, 9)], figure=True))
        lines.append(pieces)
    columns = find_columns(lines)
    assert all(one.right <= other.left + 1 for one, other in pairwise(columns))


WORDS = ["12", "(3.5)", "2024", "$", "%", "—", "Total", "net of", "Years ended", "assets:", "1,234", "a)", "..."]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(0, 80),
            st.sampled_from(
                ["12", "(3.5)", "2024", "$", "%", "—", "Total", "net of", "Years ended", "assets:", "1,234", "a)", "..."]
            ),
        ),
        max_size=60,
    )
)
def test_whatever_stands_on_a_page_no_word_of_a_table_is_lost_or_doubled(placed: list[tuple[int, int, str]]) -> None:
    words = [Word(text, 7.0 * x, 7.0 * x + 4.5 * len(text), 700 - 12.0 * y, 9.0) for y, x, text in dict.fromkeys(placed)]
    lines = lines_of(words)
    page = prepared(lines, [pieces_of(line) for line in lines])
    for table in find_tables(page):
        rows = plain_rows(page, table)
        assert len({len(row) for row in rows}) == 1
        held = Counter(word for row in rows[table.heads :] for cell in row for word in cell.split())
        body = page[table.first + table.heads : table.last + 1]
        assert held == Counter(word for line in body for piece in line.pieces for word in piece.text.split())
        over = {word for row in rows[: table.heads] for cell in row for word in cell.split()}
        heads = page[table.first : table.first + table.heads]
        assert over == {word for line in heads for piece in line.pieces for word in piece.text.split()}


def test_a_table_beside_running_text_keeps_its_own_labels(tmp_path: Path) -> None:
    prose = [
        "The fund invests in listed companies of the",
        "northern countries and in certificates on forests,",
        "and is meant for holders who can wait for five",
        "years or longer. It does not lend securities and",
        "uses derivatives for hedging only. It may hold",
        "cash of up to ten percent of its net assets.",
    ]
    facts = [
        ("Launch date", "4 May 2015"),
        ("Fund size", "1,284"),
        ("Holdings", "52"),
        ("Ongoing charge", "0.75%"),
        ("ISIN", "IE00X"),
    ]
    page = [Text(50, 700 - 14 * n, line, 9) for n, line in enumerate(prose)]
    page += [
        one
        for n, (label, value) in enumerate(facts)
        for one in (Text(320, 700 - 14 * n, label, 9), Text(430, 700 - 14 * n, value, 9))
    ]
    assert only_grid(pdf(tmp_path / "beside.pdf", page)).rows == tuple(facts)
