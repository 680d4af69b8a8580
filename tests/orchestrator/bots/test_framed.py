"""What policy says before and after a steered answer stands round it, also where nothing could be answered."""

from __future__ import annotations

import pytest

from moderation.types import Direction, Steer
from orchestrator.bots.base import Abstained, Text
from tests.support.running_deployment import ScriptedBot, answer_of, finding, on, running_deployment, text_of

ADVISED = Steer(finding("stern"), "Give no advice.", "I recommend nothing.", "Values can fall.")


@pytest.mark.parametrize(
    ("piece", "outcome"), [(Text("The charge is 1%."), "answered"), (Abstained("I found nothing."), "abstained")]
)
def test_the_sentences_of_the_policy_stand_before_and_after_the_answer(piece: Text | Abstained, outcome: str) -> None:
    with running_deployment(ScriptedBot("rag", piece), rule=on(Direction.INPUT, "buy", ADVISED)) as deployment:
        out = deployment.ask("Should I buy it?")
    assert answer_of(out).outcome == outcome
    said = text_of(out)
    assert said.startswith("I recommend nothing.")
    assert piece.text in said
    assert said.endswith("Values can fall.")
    assert "".join(body["text"] for body in deployment.log.bodies("released")) == said, (
        "they are recorded like every segment"
    )


def test_a_question_that_was_not_steered_is_answered_as_it_is() -> None:
    with running_deployment(
        ScriptedBot("rag", Text("The charge is 1%.")), rule=on(Direction.INPUT, "buy", ADVISED)
    ) as deployment:
        assert text_of(deployment.ask("What is the charge?")) == "The charge is 1%."
