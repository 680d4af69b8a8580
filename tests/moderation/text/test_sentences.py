"""Sentence ends: abbreviations and numbers are none, and nothing that is written gets lost between two pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.text.sentences import begun, cited_sentences, clauses, ends_sentence, sentences

PROSE = st.text(alphabet="aB1 .!?;\n[]\"'…", max_size=60)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("The fund fell.", True), ('He said "no."', True), ("Why?", True), ("It rose…", True), ("as Mr.", False),
        ("see No.", False), ("i.e.", False), ("\n 12.", False), ("in 2012.", True), ("rose by 3", False), ("", False),
    ],
)  # fmt: skip
def test_a_sentence_ends_with_its_mark_and_not_with_an_abbreviations_or_a_lists(text: str, ends: bool) -> None:
    assert ends_sentence(text + " Next", len(text)) == ends


@given(PROSE)
def test_pieces_hold_every_character_but_white_space(text: str) -> None:
    written = "".join(text.split())
    for split in (sentences, clauses):
        assert "".join("".join(piece.split()) for piece in split(text)) == written


@given(PROSE)
def test_cited_sentences_are_in_order_and_leave_no_word_out(text: str) -> None:
    spans = list(cited_sentences(text))
    assert all(a < b for a, b in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))
    outside = [c for at, c in enumerate(text) if not any(a <= at < b for a, b in spans)]
    assert not any(c.isalnum() for c in outside)


def test_the_marks_of_a_citation_belong_to_the_sentence_before_them() -> None:
    text = "It rose by 3%. [1] [2] It fell. [3]"
    assert [text[a:b] for a, b in cited_sentences(text)] == ["It rose by 3%. [1] [2]", "It fell. [3]"]


@pytest.mark.parametrize(
    ("before", "rest"), [("It rose. In the", "In the"), ("It rose. ", ""), ("It rose", "It rose"), ("", ""), ("A.B", "")]
)
def test_what_a_text_has_begun_and_not_ended(before: str, rest: str) -> None:
    assert begun(before) == rest
