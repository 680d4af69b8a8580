"""The reader's head: what it is asked, what it sees by itself, and that it belongs to one model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from inference.store.manifest import load_manifest
from retrieval.evidence.reader import LONGEST, Reader, ReaderHead, messages, signs


def test_the_shipped_head_belongs_to_the_default_chat_model_and_is_small() -> None:
    head = ReaderHead.load()
    assert head.model == load_manifest()["qwen2.5-coder-1.5b-instruct"].digest
    assert len(head.tokens) == len(head.weights) == len(set(head.tokens.tolist()))
    assert head.tokens.max() < 151_936
    assert len(head.signs) == len(signs("a", "b", "c", 0.5))


def test_a_likelier_passage_has_the_higher_chance_and_no_logits_overflow_it() -> None:
    head = ReaderHead(np.arange(2, dtype=np.int32), np.array([1.0, -1.0], np.float32), np.zeros(6, np.float32), 0.0, "m")
    even, for_it, far = (np.array(one, np.float32) for one in ([3, 3], [5, 1], [9e9, -9e9]))
    assert head.chance(even, [0.0] * 6) == pytest.approx(0.5)
    assert 0.5 < head.chance(for_it, [0.0] * 6) < head.chance(far, [0.0] * 6) <= 1.0


def test_the_model_is_asked_with_the_heading_the_passage_and_exactly_the_question() -> None:
    (_, system), (_, user) = messages("What is the fee?", "Fees › Cards", "The fee is 12." * 1000)
    assert "yes or no" in system
    assert "Fees › Cards\nThe fee is 12." in user
    assert "Question: What is the fee?" in user
    assert len(user) < LONGEST + 400


def test_names_and_figures_that_the_passage_lacks_are_seen() -> None:
    passage = "The Aurora fund costs 1.25% a year."
    assert signs("What does the Aurora fund cost?", "Fees", passage, 0.7)[3] == 0
    assert signs("What does the Fjord fund cost in 2019?", "Fees", passage, 0.7)[3] == 2


def test_where_the_model_cannot_be_asked_nobody_can_tell() -> None:
    def silent(_messages: Sequence[tuple[str, str]], _tokens: npt.NDArray[np.int32]) -> None:
        return None

    assert Reader(ReaderHead.load(), silent)("q", "h", "p", 0.5) is None
