"""The caller's own account at the moment stands in no document; what holds for everybody's does."""

from __future__ import annotations

import pytest

from orchestrator.understanding.own_account import about_own_account


@pytest.mark.parametrize(
    "question",
    [
        "Has my order for Aurora been executed?",
        "How many units of Cirrus do I own?",
        "How much tax was withheld from my last distribution?",
        "What is my balance?",
        "What is my savings plan worth today?",
        "Was my transfer received?",
    ],
)
def test_what_only_the_callers_account_says_is_told(question: str) -> None:
    assert about_own_account(question)


@pytest.mark.parametrize(
    "question",
    [
        "How quickly will you acknowledge my complaint?",
        "When do I receive the final response to my complaint?",
        "How long does it take until my order is settled?",
        "Do I pay something when I leave the Delphi fund?",
        "How much do I have to invest at least?",
        "How many days do I have to report a mistake?",
        "What happens to my units when I die?",
        "Can I change my address online?",
        "How old may my proof of address be?",
        "What do I pay if I hold 100 units?",
    ],
)
def test_what_holds_for_everybody_stays_a_question_for_the_documents(question: str) -> None:
    assert not about_own_account(question)
