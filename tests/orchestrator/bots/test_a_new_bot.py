"""The recipe for a new bot, followed for real: its own file (here: this one), a line of the table, an entry of the routes.

Nothing else is touched: the selector, the journey, the record and what goes out know of it by its role and its name alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator.bots.base import Ask, BotEvidence, Made, Piece, Question, Role, Text
from orchestrator.bots.registry import BOTS, Resources, make_bots
from orchestrator.errors import ConfigError
from orchestrator.live_data import LiveData
from orchestrator.selection.routes import Routes, load_routes
from orchestrator.selection.selector import Selector
from tests.support.evidence import knows, open_book
from tests.support.running_deployment import ScriptedModel, Words, answer_of, running_deployment, text_of


class EchoBot:
    """Says what it was asked, where it was asked to."""

    name = "echo"
    role = Role.MEMORY
    leaves_boundary = False

    def evidence(self, question: Question) -> BotEvidence:
        if not question.text.startswith("Echo"):
            return BotEvidence(cannot="nobody asked for an echo")
        return BotEvidence(log_odds=9.0, note="an echo was asked for")

    def answer(self, ask: Ask) -> Iterator[Piece]:
        yield Text(ask.question)
        yield Made("echo", "ee" * 32)


TABLE = (*BOTS, lambda _has: EchoBot())


@pytest.fixture
def resources() -> Resources:
    model = ScriptedModel(["All is well and that is that."])
    return Resources(LiveData(()), knows(None), lambda *_asked: None, model, open_book, lambda *_asked: None)


@pytest.fixture
def routes(tmp_path: Path) -> Routes:
    path = tmp_path / "routes.yaml"
    shipped = load_routes().model_dump(mode="json")
    exemplars = ["Echo this.", "Echo that.", "Say it again."]
    shipped["bots"]["echo"] = {"deadline_s": 5, "first_piece_s": 5, "exemplars": exemplars}
    path.write_text(yaml.safe_dump(shipped))
    return load_routes(path)


def test_a_bot_of_one_file_and_one_line_is_chosen_answers_and_is_recorded(resources: Resources, routes: Routes) -> None:
    bots = make_bots(resources, TABLE)
    selector = Selector(routes, {name: bot.role for name, bot in bots.items()}, Words())
    with running_deployment(*bots.values(), selector=selector) as deployment:
        out = deployment.ask("Echo the word inflation, please.")
        assert text_of(out) == "Echo the word inflation, please."
        assert answer_of(out).model == {"name": "echo", "digest": "ee" * 32}
        (routed,) = deployment.log.bodies("routed")
        (reason,) = (c["reason"] for c in routed["candidates"] if c["bot"] == "echo")
        assert (routed["bot"], reason.endswith("an echo was asked for")) == ("echo", True)
        assert deployment.log.bodies("generated")[0]["bot"] == "echo"


def test_a_question_that_is_not_for_it_goes_where_it_went_before(resources: Resources, routes: Routes) -> None:
    bots = make_bots(resources, TABLE)
    selector = Selector(routes, {name: bot.role for name, bot in bots.items()}, Words())
    with running_deployment(*bots.values(), selector=selector) as deployment:
        out = deployment.ask("What is inflation?")
    assert "All is well" in text_of(out)
    reasons = {c.bot: c.reason for c in answer_of(out).route.candidates}  # type: ignore[union-attr]
    assert reasons["echo"] == "nobody asked for an echo"


def test_a_bot_that_the_routes_do_not_name_is_never_asked(resources: Resources) -> None:
    bots = make_bots(resources, TABLE)
    selector = Selector(load_routes(), {name: bot.role for name, bot in bots.items()}, Words())
    with running_deployment(*bots.values(), selector=selector) as deployment:
        assert "All is well" in text_of(deployment.ask("Echo the word inflation, please."))


def test_routes_that_name_a_bot_which_is_not_there_are_refused_at_the_start(resources: Resources, routes: Routes) -> None:
    roles = {name: bot.role for name, bot in make_bots(resources).items()}
    with pytest.raises(ConfigError, match=r"bots\.echo: there is no such bot; bots: api, onprem, rag, sums"):
        Selector(routes, roles, Words())


def test_two_bots_of_one_name_are_refused(resources: Resources) -> None:
    with pytest.raises(ConfigError, match="two bots are named 'api'"):
        make_bots(resources, (*BOTS, BOTS[0]))


def test_the_names_that_records_and_routes_hold_stay_as_they_are(resources: Resources) -> None:
    bots = make_bots(resources)
    roles = {name: bot.role.value for name, bot in bots.items()}
    assert roles == {"api": "live", "rag": "documents", "onprem": "memory", "sums": "sums"}
