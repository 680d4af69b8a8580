"""A question is read in English by the model, and only as far as its figures and tags came through."""

from __future__ import annotations

import threading

import pytest

from orchestrator.errors import BotUnavailable
from orchestrator.understanding.english import in_english
from tests.support.running_deployment import ScriptedModel

ASKED = "Was zahlt <PERSON_1> für 3 Depots?"


def read(*said: str | Exception, question: str = ASKED) -> str | None:
    return in_english(question, ScriptedModel(list(said)), threading.Event())


def test_the_models_words_are_the_reading_on_one_line() -> None:
    assert read("What does <PERSON_1> ", "pay for\n3 accounts?") == "What does <PERSON_1> pay for 3 accounts?"


@pytest.mark.parametrize(
    "said",
    [
        "What does he pay for 3 accounts?",
        "What does <PERSON_1> pay for 4 accounts?",
        "What does <PERSON_1> pay for 3 accounts in 2024?",
        "",
        "What does <PERSON_1> pay for 3 accounts? " * 20,
    ],
)
def test_a_reading_that_lost_changed_or_added_a_figure_or_a_tag_is_not_used(said: str) -> None:
    assert read(said) is None


def test_a_model_that_cannot_be_asked_leaves_the_question_as_it_is() -> None:
    assert read(BotUnavailable("the model is being loaded")) is None


def test_a_long_text_is_not_translated() -> None:
    model = ScriptedModel(["never"])
    assert in_english("Wort " * 100, model, threading.Event()) is None
    assert model.asked == []
