"""Sentences that lines broke apart, and rows of tables that look like them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.blocks import Block
from retrieval.documents.pdf.rejoined import body_size, rejoined


def texts(*blocks: Block) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in rejoined(blocks)]


def test_a_sentence_that_a_line_ends_in_a_figure_goes_on() -> None:
    assert texts(
        Block("row", "Selling expenses increased 17.3% to $762.7", 2),
        Block("prose", "million compared to $650.0 million in the year before.", 2),
    ) == [("prose", "Selling expenses increased 17.3% to $762.7 million compared to $650.0 million in the year before.")]


def test_a_whole_sentence_that_ends_in_a_year_is_running_text() -> None:
    assert texts(Block("row", "The tax rate increased to 24.4% compared to 23.9% in fiscal 2021.", 2))[0][0] == "prose"


def test_a_row_that_a_table_holds_stays_a_row() -> None:
    row = Block("row", "Interest paid was reduced by | 12 | 14", 2)
    assert rejoined([row]) == (row,)


def test_a_label_with_figures_and_no_verb_stays_a_row() -> None:
    assert texts(
        Block("row", "Cash and cash equivalents at the beginning of the year 850 850", 9),
        Block("row", "Cash and cash equivalents at the end of the period 775 689", 9),
    ) == [
        ("row", "Cash and cash equivalents at the beginning of the year 850 850"),
        ("row", "Cash and cash equivalents at the end of the period 775 689"),
    ]


def test_nothing_is_joined_over_a_page() -> None:
    assert (
        len(rejoined([Block("prose", "The charge of the year was in all", 2), Block("row", "$12 million in 2022.", 3)])) == 2
    )


def test_a_heading_that_goes_on_in_small_letters_is_one() -> None:
    assert texts(Block("heading", "We depend on airlines and", 1, 3), Block("heading", "their suppliers.", 1, 3)) == [
        ("heading", "We depend on airlines and their suppliers.")
    ]


@given(
    st.lists(st.tuples(st.sampled_from(["prose", "row", "heading", "item"]), st.text("ab $1.,|", min_size=1, max_size=30)))
)
def test_no_word_is_added_lost_or_moved(drawn: list[tuple[str, str]]) -> None:
    blocks = [Block(kind, text, 1, 3 if kind == "heading" else 0) for kind, text in drawn]  # type: ignore[arg-type]
    assert " ".join(one.text for one in rejoined(blocks)).split() == " ".join(text for _, text in drawn).split()


def test_small_print_is_not_the_running_text_however_much_there_is() -> None:
    long = "this is a line of eight words and more of them"
    assert body_size([(long, 10.0)] * 30 + [(long, 7.0)] * 70 + [("Heading", 14.0)] * 5) == 10.0
