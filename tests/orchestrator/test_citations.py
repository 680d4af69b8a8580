"""The mark of a citation: where it stands, and that it leaves together with its sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.gate import StreamGate
from orchestrator.citations import cited, sentences, with_mark, without_marks

FEE = "The annual fee of the account is 12 EUR."


def test_a_mark_stands_before_the_full_stop_and_is_found_again() -> None:
    marked = with_mark(FEE, 3)
    assert marked == "The annual fee of the account is 12 EUR [3]. "
    assert (cited(marked), without_marks(marked).strip()) == ([3], FEE)


def test_a_sentence_without_a_full_stop_gets_one_after_its_mark() -> None:
    assert with_mark("Fees: 12 EUR", 1) == "Fees: 12 EUR [1]. "


@pytest.mark.parametrize("said", ["It is [2, 9].", "It is [2][9].", "It is [2] [9]."])
def test_all_marks_of_a_model_can_be_taken_out(said: str) -> None:
    assert without_marks(said) == "It is."


def test_marks_after_a_full_stop_belong_to_the_sentence_before_them() -> None:
    whole, rest = sentences("Cards are free. [2] The fee is 12 EUR. [1] And")
    assert (len(whole), rest) == (2, "And")
    assert whole[1] == "The fee is 12 EUR."


SAID = st.sampled_from(["The fee is 12 EUR.", "Cards are free of any charge!", "Is nothing due?"])


@given(st.lists(SAID, min_size=1, max_size=4))
def test_what_is_marked_is_cut_into_the_same_sentences_again(said: list[str]) -> None:
    marked = [with_mark(sentence, number) for number, sentence in enumerate(said, 1)]
    whole, rest = sentences("".join(marked))
    assert [*whole, rest.strip()] == [sentence.strip() for sentence in marked]
    assert cited("".join(marked)) == list(range(1, len(said) + 1))


def test_the_gate_releases_a_mark_with_its_sentence() -> None:
    gate = StreamGate()
    segments = gate.feed(with_mark(FEE, 1) + with_mark("Cards are free of any charge.", 2) + "And")
    assert [cited(segment.text) for segment in segments] == [[1], [2]]
