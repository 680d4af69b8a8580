"""A question's language is told by its small words; where they do not decide it is English."""

from __future__ import annotations

import pytest

from orchestrator.understanding.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How long does a transfer take?", "en"),
        ("Wie lange dauert eine Überweisung?", "de"),
        ("Combien de temps prend un virement ?", "fr"),
        ("¿Cuánto tarda una transferencia?", "es"),
        ("Quanto tempo ci vuole per un bonifico?", "it"),
        ("Hoe lang duurt een overboeking?", "nl"),
    ],
)
def test_a_short_question_is_told_by_its_small_words(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("text", ["", "IBAN?", "<PERSON_1> 12.50", "Aurora Borealis", "日本語"])
def test_what_no_small_word_tells_is_english_so_that_nothing_is_translated_on_a_guess(text: str) -> None:
    assert language_of(text) == "en"
