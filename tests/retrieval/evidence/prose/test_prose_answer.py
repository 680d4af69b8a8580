"""Sentences are quoted where they answer, computed with where they hold what is needed, and otherwise left alone."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from retrieval.evidence.prose.prose_answer import ProseAnswer, prose_answer
from retrieval.evidence.prose.reader import Reading
from tests.retrieval.evidence.prose.test_quotations import shared_words

FEES = ("Fees", "The entry charge of the fund is 1.50 % of the amount. Custody costs EUR 25 a quarter. We wish you luck.")
ASKED = "what is the entry charge of the fund on 40,000 euros"


def answer(reading: Reading, expression: str = "none", question: str = ASKED) -> ProseAnswer | None:
    def writes(_messages: Sequence[tuple[str, str]], _schema: str) -> str:
        return json.dumps({"expression": expression})

    return prose_answer(question, [FEES], shared_words, lambda *_: reading, writes, 0.5)


def test_lines_that_answer_are_quoted_and_nothing_is_computed() -> None:
    found = answer(Reading(0.8, 0.9), "40000 * 1.5%")
    assert found is not None
    assert found.calculation is None
    assert found.chance == 0.8
    assert found.parts[0].text.startswith("The entry charge of the fund is 1.50 %")


def test_lines_that_hold_what_is_needed_are_computed_with_and_named() -> None:
    found = answer(Reading(0.1, 0.95), "40000 * 1.5%")
    assert found is not None
    assert found.calculation is not None
    text = found.calculation.text()
    assert text.startswith("40,000 euros × 1.50 % = €600 [1].")
    assert "The entry charge of the fund is 1.50 % of the amount [1]." in text


@pytest.mark.parametrize("expression", ["none", "40000 * 25", "40000 * 17%", "nonsense"])
def test_what_cannot_be_computed_is_not_said(expression: str) -> None:
    found = answer(Reading(0.1, 0.95), expression)
    assert found is not None
    assert found.calculation is None
    assert found.chance == 0.1


def test_nothing_is_computed_where_the_lines_lack_something_or_no_amount_is_asked() -> None:
    assert answer(Reading(0.1, 0.1), "40000 * 1.5%").calculation is None  # type: ignore[union-attr]
    assert answer(Reading(0.1, 0.9), "25 * 4", "who wishes luck").calculation is None  # type: ignore[union-attr]


def test_where_no_model_can_write_the_arithmetic_nothing_is_computed() -> None:
    found = prose_answer(ASKED, [FEES], shared_words, lambda *_: Reading(0.1, 0.95), None, 0.5)
    assert found is not None
    assert found.calculation is None


@pytest.mark.parametrize(
    ("question", "expression", "text"),
    [
        ("By how many percentage points did the rate fall?", "1.85% - 2.3%", "0.45 percentage points"),
        ("By how much did the number of accounts grow?", "79900 - 86400", "6,500"),
        ("By how many percent did the number of accounts grow?", "86400 - 79900", "8.14%"),
        ("What share of the accounts has a card?", "86400 / 43200 * 100", "50%"),
    ],
)
def test_the_words_of_the_question_say_which_operation_it_is(question: str, expression: str, text: str) -> None:
    rates = (
        "Rates and accounts",
        "The rate was 2.30 % and is 1.85 % now. The number of accounts was 79,900 and is 86,400 now. 43,200 have a card.",
    )
    found = prose_answer(
        question, [rates], shared_words, lambda *_: Reading(0.1, 0.9), lambda *_: json.dumps({"expression": expression}), 0.5
    )
    assert found is not None
    assert found.calculation is not None
    assert f"= {text}" in found.calculation.text()
