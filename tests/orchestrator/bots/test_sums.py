"""The bot for sums: it stands alone for a sum of the question's own figures, and aside for everything else."""

from __future__ import annotations

import dataclasses

import numpy as np

from app.adapters.answering import calculated
from orchestrator.bots.base import Question, Role
from orchestrator.bots.registry import Resources, make_bots
from orchestrator.bots.sums import SumsBot
from orchestrator.live_data import LiveData
from orchestrator.selection.routes import load_routes
from orchestrator.selection.selector import Selector
from tests.support.evidence import closed_book, knows
from tests.support.running_deployment import ScriptedModel, Words, answer_of, running_deployment, text_of

RESOURCES = Resources(
    LiveData(()), knows(None), lambda *_asked: None, ScriptedModel(["A model spoke."]), closed_book, calculated
)


def test_a_sum_is_computed_recorded_and_routed_with_its_reason_and_no_model_is_asked() -> None:
    bots = make_bots(RESOURCES)
    selector = Selector(load_routes(), {name: bot.role for name, bot in bots.items()}, Words())
    with running_deployment(*bots.values(), selector=selector) as deployment:
        out = deployment.ask("What is 15 % of 2,400?")
        assert text_of(out).strip() == "2,400 × 15% = 360"
        (routed,) = deployment.log.bodies("routed")
        (made,) = deployment.log.bodies("generated")
    assert answer_of(out).route is not None
    reasons = {one["bot"]: one["reason"] for one in routed["candidates"]}
    assert routed["bot"] == "sums"
    assert "own figures" in reasons["sums"]
    assert reasons["rag"] == "a sum of the question's own figures is computed, never looked up or remembered"
    assert made["plan"]["computation"] == {"sums": [{"sum": "2400 * 15%", "places": None}]}
    assert made["figures"][0]["value"] == "360"


def test_a_question_for_a_charge_of_the_firm_is_none_of_its_sums() -> None:
    asked = Question("What would 1.5 % entry charge of Aurora on 40,000 be?", np.zeros(1))
    bot = SumsBot(calculated)
    assert bot.role is Role.SUMS
    assert bot.evidence(asked).cannot == "no sum of the question's own figures"
    assert not bot.evidence(dataclasses.replace(asked, text="What is 1.5 % of 40,000?")).cannot


def test_switched_off_it_leaves_the_sum_to_no_model_that_may_not_say_it() -> None:
    bots = make_bots(RESOURCES)
    selector = Selector(load_routes(), {name: bot.role for name, bot in bots.items()}, Words())

    def off(_tenant: str, bot: str) -> str | None:
        return "case 9" if bot == "sums" else None

    with running_deployment(*bots.values(), selector=selector, switched_off=off) as deployment:
        out = deployment.ask("What is 15 % of 2,400?")
    assert "360" not in text_of(out)
    assert "A model spoke." not in text_of(out)
