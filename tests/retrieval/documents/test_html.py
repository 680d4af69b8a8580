"""HTML as a reader of the page sees it."""

from __future__ import annotations

import pytest

from retrieval.documents.formats.html import read_html


def texts(markup: str | bytes) -> list[str]:
    return [block.text for block in read_html(markup).blocks]


def test_a_cell_over_several_rows_or_columns_stands_in_each_of_them() -> None:
    parsed = read_html(
        "<h1>Charges</h1><table><tr><th rowspan=2>Fund</th><th colspan=2>Retail</th></tr>"
        "<tr><th>Entry</th><th>Exit</th></tr>"
        "<tr><td rowspan=2>Larch</td><td>4.10%</td><td>0.75%</td></tr><tr><td>4.20%</td><td>0.85%</td></tr></table>"
    )
    (grid,) = parsed.grids
    assert grid.rows == (
        ("Fund", "Retail", "Retail"),
        ("Fund", "Entry", "Exit"),
        ("Larch", "4.10%", "0.75%"),
        ("Larch", "4.20%", "0.85%"),
    )
    assert grid.heads == 2
    assert grid.section == ("Charges",)
    assert [block.text for block in parsed.blocks if block.kind == "row"] == [" | ".join(row) for row in grid.rows]


def test_a_cell_that_reaches_down_fills_the_end_of_a_shorter_row() -> None:
    (grid,) = read_html("<table><tr><td>a</td><td rowspan=2>both</td></tr><tr><td>b</td></tr></table>").grids
    assert grid.rows == (("a", "both"), ("b", "both"))


def test_signs_in_cells_of_their_own_join_their_figures_and_empty_columns_go() -> None:
    (grid,) = read_html(
        "<table><tr><th></th><th colspan=3>2023</th><th></th><th colspan=3>2022</th></tr>"
        "<tr><td>Net loss</td><td>$</td><td>(1,058</td><td>)</td><td></td><td>$</td><td>815</td><td></td></tr>"
        "<tr><td>Margin</td><td></td><td>4.3</td><td>%</td><td></td><td></td><td>3.8</td><td>%</td></tr></table>"
    ).grids
    assert grid.rows == (("", "2023", "2022"), ("Net loss", "$(1,058)", "$815"), ("Margin", "4.3%", "3.8%"))


def test_a_caption_comes_from_its_element_or_from_the_sentence_above() -> None:
    cells = "<tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
    assert read_html(f"<table><caption>In millions</caption>{cells}").grids[0].caption == "In millions"
    assert read_html(f"<p>In EUR thousands:</p><table>{cells}").grids[0].caption == "In EUR thousands:"
    assert read_html(f"<p>Unrelated words.</p><table>{cells}").grids[0].caption == ""


def test_tables_inside_a_layout_table_are_tables_of_their_own() -> None:
    grids = read_html(
        "<table><tr><td><table><tr><td>Entry charge</td><td>2.50%</td></tr>"
        "<tr><td>Exit charge</td><td>0.75%</td></tr></table></td>"
        "<td><table><tr><td>Notice</td><td>30 days</td></tr></table></td></tr></table>"
    ).grids
    assert [grid.rows for grid in grids] == [(("Entry charge", "2.50%"), ("Exit charge", "0.75%")), (("Notice", "30 days"),)]


def test_raised_marks_stay_off_figures_and_inline_marks_part_no_word() -> None:
    assert texts(
        "<p>0.75%<sup>1</sup> of 450<sup>2</sup> crowns, <b>1</b>.25%, 10<sup>6</sup>, CO<sub>2</sub>, re<i>demption</i>, "
        "1<sup>st</sup>.</p>"
    ) == ["0.75% ¹ of 450 ² crowns, 1.25%, 10⁶, CO2, redemption, 1st."]


def test_a_page_inside_a_form_is_read_without_its_fields() -> None:
    assert texts("<form><h1>Fund</h1><p>Gate: ten percent.</p><select><option>EUR</select><button>Go</button></form>") == [
        "Fund",
        "Gate: ten percent.",
    ]


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>9.99%</p>",
        "<p style='display:none'>9.99%</p>",
        "<p style='color:red;font-size:0'>9.99%</p>",
        "<p style='color:#fff;background:#ffffff'>9.99%</p>",
        "<div class='main-menu'><ul><li><a href=/>Home 9.99%</a></li></ul></div>",
        "<div id=cookie-banner>We use cookies on 9.99% of pages.</div>",
        "<!-- 9.99% -->",
    ],
)
def test_what_a_reader_does_not_see_or_sees_on_every_page_is_left_out(hidden: str) -> None:
    assert texts(f"<body><h1>Fund</h1>{hidden}<p>0.75%</p></body>") == ["Fund", "0.75%"]


def test_a_menu_of_words_and_a_closed_tab_are_text() -> None:
    assert texts(
        "<div class=menu><p>Soup of the day costs 4 crowns</p></div><div role=tabpanel aria-hidden=true><p>Gate</p></div>"
    ) == [
        "Soup of the day costs 4 crowns",
        "Gate",
    ]


def test_terms_and_their_values_stay_together() -> None:
    parsed = read_html("<dl><dt>Entry charge</dt><dd>2.50%</dd><dt>Exit charge</dt><dd>0.75%</dd></dl>")
    assert [block.text for block in parsed.blocks] == ["Entry charge: 2.50%", "Exit charge: 0.75%"]
    assert parsed.grids[0].rows == (("Entry charge", "2.50%"), ("Exit charge", "0.75%"))


def test_thousands_of_nested_elements_are_read() -> None:
    assert texts("<div>" * 5000 + "The gate is ten percent." + "</div>" * 5000) == ["The gate is ten percent."]


def test_a_span_of_millions_is_bounded() -> None:
    (grid,) = read_html("<table><tr><td colspan=9999999>a</td></tr><tr><td>1</td><td>2</td></tr></table>").grids
    assert len(grid.rows[0]) <= 100


def test_bytes_that_name_no_encoding_are_utf_8_or_windows_1252() -> None:
    page = "<html><body><p>Mélèze, 0,75 % – payés en €</p></body></html>"
    assert texts(page.encode("cp1252")) == texts(page.encode()) == ["Mélèze, 0,75 % – payés en €"]
