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
from tests.support.house import (
    LONG_S,
    House,
    ScriptedBot,
    ScriptedModel,
    a_house,
    answer_of,
    block,
    bots_at_work,
    on,
    refusals,
    text_of,
)


def test_the_outcome_of_a_query_whose_process_died_has_one_name_in_both_rooms() -> None:
    """The log's recovery writes it, and knows nothing of the orchestrator."""
    assert Outcome.ABORTED.value == ABORTED


SENTENCES = [f"This is sentence number {n} of the whole answer. " for n in range(3)]


def outcomes(house: House) -> list[str]:
    return [body["outcome"] for body in house.log.bodies("finished")]


def test_an_answer_is_finished_once_and_last() -> None:
    with a_house(model=ScriptedModel(SENTENCES)) as house:
        answer = answer_of(house.ask())
        assert outcomes(house) == ["answered"] == house.meter.outcomes
        assert house.log.kinds()[-1] == "finished"
    assert answer.receipt["seq"] == len(house.log.events) - 1
    assert answer.usage == {"prompt_tokens": 7, "completion_tokens": 5}


def test_a_refusal_is_finished_once() -> None:
    with a_house(rule=on(Direction.INPUT, "", block())) as house:
        answer_of(house.ask())
    assert outcomes(house) == ["refused"]


def test_an_abstention_is_finished_once_and_says_so() -> None:
    with a_house(ScriptedBot("rag", Abstained("I found nothing about that in the documents."))) as house:
        out = house.ask()
    assert (answer_of(out).outcome, outcomes(house)) == ("abstained", ["abstained"])
    assert text_of(out) == "I found nothing about that in the documents."


def test_a_failure_is_finished_once_with_an_apology() -> None:
    with a_house(ScriptedBot("onprem", BotUnavailable("the model is being loaded"))) as house:
        out = house.ask()
    assert (answer_of(out).outcome, outcomes(house)) == ("failed", ["failed"])
    assert len(refusals(out)) == 1


def test_what_nobody_foresaw_is_finished_once_and_its_message_is_repeated_nowhere() -> None:
    with a_house(passages=KeyError("Alice Martin")) as house:
        out = house.ask()
    assert (answer_of(out).outcome, outcomes(house)) == ("failed", ["failed"])
    assert house.log.bodies("finished")[0]["reason"] == "unexpected KeyError"
    assert "Alice" not in repr(out) + str(house.log.events)


def test_a_memory_that_breaks_at_the_very_end_still_leaves_one_finished_event() -> None:
    with a_house(model=ScriptedModel(SENTENCES)) as house:
        house.memory.broken["turn"] = KeyError("no such key")
        with pytest.raises(KeyError):
            house.ask()
    assert outcomes(house) == ["failed"]


def test_an_unknown_conversation_is_finished_once_and_raised() -> None:
    with a_house() as house, pytest.raises(ConversationUnknown):
        house.ask(fresh=False)
    assert outcomes(house) == ["failed"]


@pytest.mark.parametrize("outputs", range(1, 6))
def test_closing_at_any_output_finishes_once_and_ends_the_bot(outputs: int) -> None:
    model = ScriptedModel([*SENTENCES, *SENTENCES])
    with a_house(model=model) as house:
        going = house.start()
        for _ in range(outputs):
            next(going)
        going.close()
        assert outcomes(house) == ["cancelled"]
        assert bots_at_work() == []
    assert len(house.log.bodies("released")) == outputs - 1


def test_closing_while_the_model_speaks_cancels_its_generation() -> None:
    model = ScriptedModel([SENTENCES[0], SENTENCES[1], threading.Event(), SENTENCES[2]])
    with a_house(model=model) as house:
        going = house.start()
        while not isinstance(next(going), SegmentOut):
            pass
        going.close()
        assert model.cancelled.wait(LONG_S)
        assert bots_at_work() == []
    assert outcomes(house) == ["cancelled"]


def test_closing_ends_a_bot_that_never_looks_whether_it_is_cancelled() -> None:
    bot = ScriptedBot("onprem", *[Text(SENTENCES[0])] * 100_000)
    with a_house(bot) as house:
        going = house.start()
        while not isinstance(next(going), SegmentOut):
            pass
        going.close()
        assert bots_at_work() == []
    assert len(house.log.bodies("judged")) < 8 * AHEAD


def test_closing_at_the_apology_for_the_unforeseen_finishes_once() -> None:
    with a_house(passages=RuntimeError("the index is gone")) as house:
        going = house.start()
        while not isinstance(next(going), RefusalOut):
            pass
        going.close()
    assert outcomes(house) == ["cancelled"]


def test_closing_after_the_last_output_adds_nothing() -> None:
    with a_house(model=ScriptedModel(SENTENCES)) as house:
        going = house.start()
        answer_of(list(going))
        going.close()
    assert outcomes(house) == ["answered"]


def test_the_bots_thread_ends_when_a_segment_is_blocked() -> None:
    model = ScriptedModel([*SENTENCES, threading.Event()])
    with a_house(model=model, rule=on(Direction.OUTPUT, "number 1", block())) as house:
        assert answer_of(house.ask()).outcome == "refused"
        assert model.closed.wait(LONG_S)
        assert bots_at_work() == []
