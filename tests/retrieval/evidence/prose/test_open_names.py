"""A name, a month or a year that nothing read speaks of withholds the answer that is nearly there."""

from __future__ import annotations

import pytest

from retrieval.evidence.prose.digest import digest
from retrieval.evidence.prose.open_names import names_what_is_not_there
from retrieval.evidence.prose.prose_answer import prose_answer
from retrieval.evidence.prose.reader import Reading
from tests.retrieval.evidence.prose.test_quotations import shared_words

PASSAGES = [
    ("Halden › Fees", "The minimum first investment is EUR 1,000 for Class A and EUR 500,000 for Class I."),
    ("Aurora Fund › Payments", "15 April 2025 paid 0.371 EUR. 15 January 2026 paid 0.412 EUR. Directors fly first."),
]


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What is the smallest investment for the Fjord fund?", True),
        ("What is the smallest investment in class B?", True),
        ("what is the minimum for class A at Halden", False),
        ("Does the Aurora fund let a Director fly?", False),
        ("What did Aurora pay in April 2026?", True),
        ("What did Aurora pay in April 2025?", False),
        ("What did Aurora pay on 15 January 2026?", False),
        ("Wie hoch ist die Mindestanlage der Anteilklasse A bei der Gesellschaft?", False),
        ("What did Aurora pay in 2023?", True),
        ("When 2023 ended, what had Aurora paid?", True),
        ("What did Aurora pay in 2025?", False),
        ("I was born in 1990, what does Aurora pay?", False),
        ("PLEASE TELL ME THE SMALLEST INVESTMENT", False),
    ],
)
def test_what_no_passage_names_is_told(question: str, missing: bool) -> None:
    assert names_what_is_not_there(question, digest(question, PASSAGES, shared_words), PASSAGES) is missing


def test_an_answer_about_another_name_stays_below_the_bar_however_sure_the_reader_is() -> None:
    found = prose_answer(
        "What is the smallest first investment for the Fjord fund?",
        PASSAGES, shared_words, lambda *_: Reading(0.95, 0.95), lambda *_: '{"expression": "1000 * 2"}', 0.6,
    )  # fmt: skip
    assert found is not None
    assert found.chance <= 0.4
    assert found.calculation is None
