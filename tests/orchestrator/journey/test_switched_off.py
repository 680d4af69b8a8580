"""What is switched off is not asked, and what it was saying is cut off: kindly, and on the record."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from orchestrator.bots.api import live_evidence
from orchestrator.bots.base import Role, Text
from orchestrator.bots.onprem import OnPremBot
from orchestrator.bots.rag import document_evidence
from orchestrator.journey.outgoing import RouteOut, SegmentOut
from orchestrator.selection.routes import load_routes
from orchestrator.selection.selector import Evidence, Selector
from tests.support.evidence import open_book
from tests.support.running_deployment import (
    LONG_S,
    Log,
    ScriptedBot,
    ScriptedModel,
    Words,
    answer_of,
    bots_at_work,
    refusals,
    running_deployment,
    text_of,
)


class Board:
    """Switches in a dictionary: (tenant, bot) to the reason."""

    def __init__(self, off: dict[tuple[str, str], str] | None = None) -> None:
        self.off = off or {}

    def __call__(self, tenant: str, bot: str) -> str | None:
        return next((self.off[p] for p in ((tenant, ""), ("", bot), (tenant, bot)) if p in self.off), None)


def test_a_tenant_that_is_off_is_refused_kindly_and_nobody_is_asked() -> None:
    log, model = Log(), ScriptedModel(["All is well. "])
    with running_deployment(model=model, log=log, switched_off=Board({("bank", ""): "case 7"})) as deployment:
        out = deployment.ask("What is inflation?")
        (refusal,) = refusals(out)
        assert refusal.message == deployment.dependencies.paused_message
        assert refusal.rail == "switch"
        assert answer_of(out).outcome == "refused"
        assert "case 7" not in refusal.message
    assert model.asked == []
    assert log.bodies("stopped") == [{"reason": "case 7", "segments": 0}]
    assert log.bodies("finished")[0]["reason"] == "switched off: case 7"
    assert "judged" not in log.kinds()


def test_another_tenant_goes_on() -> None:
    with running_deployment(switched_off=Board({("harbour", ""): "case 7"})) as deployment:
        assert answer_of(deployment.ask()).outcome == "answered"


@pytest.mark.parametrize("place", [("", "onprem"), ("bank", "onprem"), ("bank", "")])
def test_what_a_bot_is_saying_ends_when_it_is_switched_off(place: tuple[str, str]) -> None:
    never, board, log = threading.Event(), Board(), Log()
    model = ScriptedModel(["The first sentence is said here and it is whole. ", "And more. ", never, "Never said."])
    with running_deployment(model=model, log=log, switched_off=board) as deployment:
        going = deployment.start()
        out = [next(going), next(going)]
        assert isinstance(out[1], SegmentOut)
        board.off[place] = "case 8"
        out += list(going)
        assert model.closed.wait(LONG_S)
        assert model.cancelled.is_set()
    assert "Never" not in text_of(out)
    assert refusals(out)[0].rail == "switch"
    assert answer_of(out).outcome == "refused"
    assert log.bodies("stopped")[0]["reason"] == "case 8"
    assert log.kinds()[-1] == "finished"
    assert bots_at_work() == []


def test_generation_ends_even_while_a_slow_client_takes_nothing() -> None:
    board, never = Board(), threading.Event()
    model = ScriptedModel(["The first sentence is said here and it is whole. ", "And more. ", never])
    with running_deployment(model=model, switched_off=board) as deployment:
        going = deployment.start()
        assert [type(next(going)), type(next(going))] == [RouteOut, SegmentOut]
        board.off["", "onprem"] = "case 9"
        assert model.closed.wait(LONG_S), "the model goes on although nobody takes its words"
        del board.off["", "onprem"]
        assert refusals(list(going))[0].rail == "switch", "a bot that was stopped does not seem to have finished"


def test_what_was_released_before_is_the_last_that_leaves() -> None:
    """The client takes one segment; the next is ready when the switch is thrown."""
    board = Board()
    said = ScriptedBot("onprem", *(Text(f"Sentence number {n} stands here and is whole. ") for n in range(6)))
    with running_deployment(said, switched_off=board) as deployment:
        going = deployment.start()
        out = [next(going), next(going)]
        assert isinstance(out[1], SegmentOut)
        threading.Event().wait(0.3)
        board.off["bank", ""] = "case 10"
        rest = list(going)
    assert text_of(rest) == ""
    assert refusals(rest)[0].rail == "switch"


def test_the_next_bot_of_the_chain_answers_for_one_that_is_off() -> None:
    first, second = (
        ScriptedBot("first", Text("Not this.")),
        OnPremBot(ScriptedModel(["All is well and that is that."]), open_book),
    )
    with running_deployment(first, second, switched_off=Board({("", "first"): "case 11"})) as deployment:
        out = deployment.ask()
    assert first.asked == []
    assert "All is well" in text_of(out)


@pytest.fixture
def selector() -> Selector:
    return Selector(
        load_routes(), {"api": Role.LIVE, "rag": Role.DOCUMENTS, "onprem": Role.MEMORY, "sums": Role.SUMS}, Words()
    )


def evidence(live: str | None = None, support: float = 0.0, **off: str) -> Evidence:
    return Evidence({"api": live_evidence(live), "rag": document_evidence(support)}, {}, {}, off)


def vector(text: str) -> np.ndarray:
    found: np.ndarray = Words()([text])[0]
    return found


def test_the_route_says_that_a_bot_was_removed_and_why(selector: Selector) -> None:
    route = selector.choose(vector("What is inflation?"), evidence(onprem="case 12"))
    removed = {c.bot: c.reason for c in route.candidates if c.removed}
    assert removed["onprem"] == "switched off: case 12"
    assert "onprem" not in route.chain


def test_no_model_stands_in_for_live_figures_whose_bot_is_off(selector: Selector) -> None:
    question = "What is the current price of the share?"
    assert selector.choose(vector(question), evidence(live="price of X")).bot == "api"
    route = selector.choose(vector(question), evidence(live="price of X", api="case 13"))
    assert route.chain == ("",)


def test_no_model_stands_in_for_documents_whose_bot_is_off(selector: Selector) -> None:
    question = "What does the policy say about complaints?"
    assert selector.choose(vector(question), evidence(support=1.0)).bot == "rag"
    route = selector.choose(vector(question), evidence(support=1.0, rag="case 15"))
    assert route.chain == ("",)
    assert selector.choose(vector("Hello, how are you?"), evidence(rag="case 15")).bot == "onprem"


def test_where_every_bot_is_off_nobody_is_asked_and_the_caller_is_told_kindly(selector: Selector) -> None:
    route = selector.choose(vector("Hello"), evidence(api="a", rag="b", onprem="c"))
    assert route.chain == ("",)
    bots = [ScriptedBot(name, Text("Never.")) for name in ("api", "rag", "onprem", "sums")]
    off = Board({("", name): "case 14" for name in ("api", "rag", "onprem", "sums")})
    with running_deployment(*bots, selector=selector, switched_off=off) as deployment:
        out = deployment.ask("Hello")
    assert refusals(out)[0].rail == "switch"
    assert [bot.asked for bot in bots] == [[], [], [], []]
