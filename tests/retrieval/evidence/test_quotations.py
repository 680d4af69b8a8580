"""Quotations: which passage is read, what of it is quoted, and when nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.sentences import sentences
from retrieval.evidence.quotations import SHORT, TRIES, quotations

LIST = "You need:\n- a passport\n- a bank statement\n- a tax number"
TABLE = "Fund | Class A | Class I\nAurora | 1.25% | 0.65%\nBorealis | 0.45% | 0.25%"


def shared_words(question: str, evidence: Sequence[str]) -> npt.NDArray[np.float32]:
    asked = set(question.lower().split())
    return np.array([len(asked & set(one.lower().split())) / len(asked) for one in evidence], np.float32)


def sure(_question: str, _heading: str, _passage: str, _nearest: float) -> float:
    return 0.9


def test_the_sentence_that_is_nearest_comes_with_short_ones_beside_it_in_their_order() -> None:
    text = f"We write first. The fee is 12 EUR. {'Long words follow here ' * 20}. It is taken in March."
    found = quotations("what is the fee", [("Fees", text)], shared_words, sure, 0.5)
    assert found is not None
    assert found.text == "We write first. The fee is 12 EUR. It is taken in March."


def test_a_list_is_quoted_whole_with_the_line_that_leads_into_it() -> None:
    found = quotations("you need a passport", [("Papers", f"Welcome to us all.\n{LIST}")], shared_words, sure, 0.5)
    assert found is not None
    assert found.text == LIST


def test_a_row_of_a_table_is_quoted_under_its_heads() -> None:
    found = quotations("Borealis 0.45%", [("Fees", TABLE)], shared_words, sure, 0.5)
    assert found is not None
    assert found.text == "| Fund | Class A | Class I |\n| --- | --- | --- |\n| Borealis | 0.45% | 0.25% |"


def test_passages_are_read_likeliest_first_until_one_answers_and_no_more_than_a_few() -> None:
    read: list[str] = []

    def reads(_question: str, heading: str, _passage: str, nearest: float) -> float:
        read.append(heading)
        return 0.8 if heading == "second" else 0.2

    passages = [("third", "fee"), ("first", "what is the fee"), ("second", "is the fee"), ("fourth", "no")]
    found = quotations("what is the fee", passages, shared_words, reads, 0.5)
    assert read == ["first", "second"]
    assert found is not None
    assert (found.passage, found.chance) == (2, 0.8)
    read.clear()
    unsure = quotations("what is the fee", passages, shared_words, reads, 0.9)
    assert len(read) == TRIES
    assert unsure is not None
    assert unsure.chance == 0.8, "the likeliest is handed back with its chance, for the record"


@pytest.mark.parametrize("passages", [[], [("Empty", "")]])
def test_where_there_is_nothing_to_quote_nothing_is(passages: list[tuple[str, str]]) -> None:
    assert quotations("what is it", passages, shared_words, sure, 0.5) is None


def test_where_nobody_can_read_nothing_is_quoted() -> None:
    assert quotations("what is the fee", [("Fees", "The fee is 12.")], shared_words, lambda *_: None, 0.5) is None


@given(st.lists(st.text(st.characters(categories=["Ll", "Lu"]), min_size=3, max_size=40), min_size=1, max_size=8))
def test_what_is_quoted_of_prose_stands_in_the_passage_in_its_order(words: list[str]) -> None:
    text = " ".join(f"The {word} is so." for word in words)
    found = quotations(f"what is {words[0]}", [("Title", text)], shared_words, sure, 0.5)
    assert found is not None
    assert len(found.text) <= SHORT + len(text)
    parts, place = sentences(text), -1
    for quoted in sentences(found.text):
        place = parts.index(quoted, place + 1)
