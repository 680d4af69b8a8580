"""The library behind the orchestrator's ports: a passage is converted once, on its way out of the search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from app.adapters.retrieval import Supported
from orchestrator.ports import Passage
from retrieval.evidence.support import evidence_text
from tests.support.house import Words


def passage(text: str, title: str = "Charges", section: str = "Fees") -> Passage:
    return Passage("charges.md", title, 2, section, text, 0.9, 0.9)


@pytest.mark.parametrize(("title", "section"), [("Charges", "Fees"), ("Fees", "Fees"), ("Fees", ""), ("", "")])
def test_a_passage_as_text_has_one_form_in_both_rooms(title: str, section: str) -> None:
    found = passage("The annual fee is 12 EUR.", title, section)
    assert found.as_text == evidence_text(found)


def test_support_names_the_passage_by_its_place_among_those_it_was_given() -> None:
    passages: Sequence[Passage] = (passage("Cards are free of charge."), passage("The annual fee of the account is 12 EUR."))
    support, embed = Supported(Words()), Words()
    question = "What is the annual fee of the account?"
    index, _ = support.weigh(passages)("The annual fee of the account is 12 EUR.")
    assert index == 1
    sentences = support.extract(np.asarray(embed([question]))[0], passages, 1, question)
    assert sentences == [("The annual fee of the account is 12 EUR.", 1)]
