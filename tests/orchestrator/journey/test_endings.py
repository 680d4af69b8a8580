"""Every journey ends with exactly one `finished` event, and leaves no thread behind."""

from __future__ import annotations

import threading

import pytest

from audit.append.abandoned import ABORTED
from moderation.types import Direction
from orchestrator.bots.base import Abstained, Text
from orchestrator.errors import BotUnavailable, ConversationUnknown
from orchestrator.journey.attempt import AHEAD
from orchestrator.journey.outgoing import RefusalOut, SegmentOut
from orchestrator.types import Outcome
from tests.support.running_deployment import (
    LONG_S,
    RunningDeployment,
    ScriptedBot,
    ScriptedModel,
    answer_of,
    block,
    bots_at_work,
    on,
    refusals,
    running_deployment,
    text_of,
)


def test_the_outcome_of_a_query_whose_process_died_has_one_name_in_both_rooms() -> None:
    """The log's recovery writes it, and knows nothing of the orchestrator."""
    assert Outcome.ABORTED.value == ABORTED


SENTENCES = [f"This is sentence number {n} of the whole answer. " for n in range(3)]


def outcomes(deployment: RunningDeployment) -> list[str]:
    return [body["outcome"] for body in deployment.log.bodies("finished")]


def test_an_answer_is_finished_once_and_last() -> None:
    with running_deployment(model=ScriptedModel(SENTENCES)) as deployment:
        answer = answer_of(deployment.ask())
        assert outcomes(deployment) == ["answered"] == deployment.meter.outcomes
        assert deployment.log.kinds()[-1] == "finished"
    assert answer.receipt["seq"] == len(deployment.log.events) - 1
    assert answer.usage == {"prompt_tokens": 7, "completion_tokens": 5}


def test_a_refusal_is_finished_once() -> None:
    with running_deployment(rule=on(Direction.INPUT, "", block())) as deployment:
        answer_of(deployment.ask())
    assert outcomes(deployment) == ["refused"]


def test_an_abstention_is_finished_once_and_says_so() -> None:
    with running_deployment(ScriptedBot("rag", Abstained("I found nothing about that in the documents."))) as deployment:
        out = deployment.ask()
    assert (answer_of(out).outcome, outcomes(deployment)) == ("abstained", ["abstained"])
    assert text_of(out) == "I found nothing about that in the documents."


def test_a_failure_is_finished_once_with_an_apology() -> None:
    with running_deployment(ScriptedBot("onprem", BotUnavailable("the model is being loaded"))) as deployment:
        out = deployment.ask()
    assert (answer_of(out).outcome, outcomes(deployment)) == ("failed", ["failed"])
    assert len(refusals(out)) == 1


def test_what_nobody_foresaw_is_finished_once_and_its_message_is_repeated_nowhere() -> None:
    with running_deployment(passages=KeyError("Alice Martin")) as deployment:
        out = deployment.ask()
    assert (answer_of(out).outcome, outcomes(deployment)) == ("failed", ["failed"])
    assert deployment.log.bodies("finished")[0]["reason"] == "unexpected KeyError"
    assert "Alice" not in repr(out) + str(deployment.log.events)


def test_a_memory_that_breaks_at_the_very_end_still_leaves_one_finished_event() -> None:
    with running_deployment(model=ScriptedModel(SENTENCES)) as deployment:
        deployment.memory.broken["turn"] = KeyError("no such key")
        with pytest.raises(KeyError):
            deployment.ask()
    assert outcomes(deployment) == ["failed"]


def test_an_unknown_conversation_is_finished_once_and_raised() -> None:
    with running_deployment() as deployment, pytest.raises(ConversationUnknown):
        deployment.ask(fresh=False)
    assert outcomes(deployment) == ["failed"]


@pytest.mark.parametrize("outputs", range(1, 6))
def test_closing_at_any_output_finishes_once_and_ends_the_bot(outputs: int) -> None:
    model = ScriptedModel([*SENTENCES, *SENTENCES])
    with running_deployment(model=model) as deployment:
        going = deployment.start()
        for _ in range(outputs):
            next(going)
        going.close()
        assert outcomes(deployment) == ["cancelled"]
        assert bots_at_work() == []
    assert len(deployment.log.bodies("released")) == outputs - 1


def test_closing_while_the_model_speaks_cancels_its_generation() -> None:
    model = ScriptedModel([SENTENCES[0], SENTENCES[1], threading.Event(), SENTENCES[2]])
    with running_deployment(model=model) as deployment:
        going = deployment.start()
        while not isinstance(next(going), SegmentOut):
            pass
        going.close()
        assert model.cancelled.wait(LONG_S)
        assert bots_at_work() == []
    assert outcomes(deployment) == ["cancelled"]


def test_closing_ends_a_bot_that_never_looks_whether_it_is_cancelled() -> None:
    bot = ScriptedBot("onprem", *[Text(SENTENCES[0])] * 100_000)
    with running_deployment(bot) as deployment:
        going = deployment.start()
        while not isinstance(next(going), SegmentOut):
            pass
        going.close()
        assert bots_at_work() == []
    assert len(deployment.log.bodies("judged")) < 8 * AHEAD


def test_closing_at_the_apology_for_the_unforeseen_finishes_once() -> None:
    with running_deployment(passages=RuntimeError("the index is gone")) as deployment:
        going = deployment.start()
        while not isinstance(next(going), RefusalOut):
            pass
        going.close()
    assert outcomes(deployment) == ["cancelled"]


def test_closing_after_the_last_output_adds_nothing() -> None:
    with running_deployment(model=ScriptedModel(SENTENCES)) as deployment:
        going = deployment.start()
        answer_of(list(going))
        going.close()
    assert outcomes(deployment) == ["answered"]


def test_the_bots_thread_ends_when_a_segment_is_blocked() -> None:
    model = ScriptedModel([*SENTENCES, threading.Event()])
    with running_deployment(model=model, rule=on(Direction.OUTPUT, "number 1", block())) as deployment:
        assert answer_of(deployment.ask()).outcome == "refused"
        assert model.closed.wait(LONG_S)
        assert bots_at_work() == []
