"""Steering restarts once and repeats nothing; bots fall back in order; deadlines and keep-alives."""

from __future__ import annotations

import threading

import pytest

from moderation.rails.base import Seen
from moderation.types import Direction, Verdict
from orchestrator.bots.base import Text
from orchestrator.bots.onprem import OnPremBot
from orchestrator.errors import BotUnavailable
from orchestrator.journey import attempt as answering
from orchestrator.journey.outgoing import KeepAlive, SegmentOut
from tests.support.evidence import open_book
from tests.support.running_deployment import (
    Rule,
    ScriptedBot,
    ScriptedModel,
    Words,
    answer_of,
    block,
    bots_at_work,
    on,
    refusals,
    running_deployment,
    steer,
    text_of,
)

GOOD = "Funds can rise and fall, as everybody knows. "
MORE = "Past figures do not tell what comes next. "
BAD = "You should certainly ADVICE buy it all today. "
CORRECT = "Give no personal advice."
STEERED = on(Direction.OUTPUT, "ADVICE", steer(CORRECT))


def test_a_steer_generates_once_more_with_the_instruction() -> None:
    model = ScriptedModel([BAD, MORE], [GOOD])
    with running_deployment(model=model, rule=STEERED) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == (GOOD, "answered")
    assert [CORRECT in messages[0][1] for messages in model.asked] == [False, True]
    assert deployment.log.bodies("steered") == [{"bot": "onprem", "rail": "stern"}]
    assert "ADVICE" not in str(deployment.log.bodies("released"))


def test_a_second_steer_is_a_refusal() -> None:
    model = ScriptedModel([BAD])
    with running_deployment(model=model, rule=STEERED) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")
    assert len(model.asked) == 2
    assert refusals(out)[0].rail == "stern"


def test_a_steer_after_something_was_said_is_a_refusal_and_repeats_nothing() -> None:
    said = threading.Event()
    model = ScriptedModel([GOOD, MORE, said, BAD])
    with running_deployment(model=model, rule=STEERED) as deployment:
        out = []
        for one in deployment.start():
            out.append(one)
            if isinstance(one, SegmentOut):
                said.set()
    assert text_of(out).startswith(GOOD)
    assert (GOOD + MORE).startswith(text_of(out))
    assert answer_of(out).outcome == "refused"
    assert len(model.asked) == 1


def test_a_steered_question_is_answered_with_the_instruction() -> None:
    model = ScriptedModel([GOOD])
    with running_deployment(model=model, rule=on(Direction.INPUT, "", steer(CORRECT))) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == (GOOD, "answered")
    assert any(CORRECT in asked[0][1] for asked in model.asked)
    assert len(deployment.log.bodies("steered")) == 1


def test_an_answer_steered_after_its_question_was_steered_is_a_refusal() -> None:
    def rule(rail: str, seen: Seen) -> Verdict | None:
        return steer(CORRECT) if rail == "stern" else None

    with running_deployment(model=ScriptedModel([GOOD]), rule=rule) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")


def test_the_instruction_of_a_steer_goes_with_the_question_to_the_next_bot() -> None:
    late = threading.Event()

    def rule(rail: str, seen: Seen) -> Verdict | None:
        return steer(CORRECT) if seen.direction is Direction.INPUT and rail == "stern" else None

    class Failing(ScriptedBot):
        def answer(self, ask):  # type: ignore[no-untyped-def]
            if CORRECT in ask.instruction:
                raise BotUnavailable("asked again, and gone")
            late.wait(0.2)
            yield Text(BAD)

    second = ScriptedBot("second", Text(GOOD))
    with running_deployment(Failing("first"), second, rule=rule) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == (GOOD, "answered")
    assert [ask.instruction for ask in second.asked] == [CORRECT]


def test_a_steer_adds_to_the_instruction_that_the_client_gave() -> None:
    model = ScriptedModel([BAD], [GOOD])
    with running_deployment(model=model, rule=STEERED) as deployment:
        deployment.ask(before=(("system", "Answer like a clerk."),))
    system = model.asked[-1][0][1]
    assert "Answer like a clerk." in system
    assert CORRECT in system


def test_the_next_bot_answers_when_the_first_is_unavailable() -> None:
    first, second = ScriptedBot("rag", BotUnavailable("no index")), ScriptedBot("onprem", Text(GOOD))
    with running_deployment(first, second) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == (GOOD, "answered")
    assert deployment.log.bodies("bot_failed") == [{"bot": "rag", "reason": "no index"}]


def test_what_an_unavailable_bot_had_begun_to_say_is_not_mixed_into_the_next_ones_answer() -> None:
    hold = threading.Event()

    def rule(rail: str, seen: Seen) -> threading.Event | None:
        return hold if seen.direction is Direction.OUTPUT and "first bot" in seen.text else None

    first = ScriptedBot("rag", Text("The first bot began like this. "), Text(MORE), BotUnavailable("gone"))
    with running_deployment(first, ScriptedBot("onprem", Text(GOOD)), rule=rule) as deployment:
        out = deployment.ask()
        hold.set()
    assert text_of(out) == GOOD


def test_half_an_answer_is_never_passed_off_as_a_whole_one() -> None:
    said = threading.Event()
    model = ScriptedModel([GOOD, MORE, said, RuntimeError("out of memory")])
    second = ScriptedBot("second", Text(MORE))
    with running_deployment(OnPremBot(model, open_book), second) as deployment:
        out = []
        for one in deployment.start():
            out.append(one)
            if isinstance(one, SegmentOut):
                said.set()
    assert text_of(out).startswith(GOOD)
    assert answer_of(out).outcome == "failed"
    assert len(refusals(out)) == 1
    assert second.asked == []


def test_a_bot_that_says_nothing_in_time_makes_way_for_the_next() -> None:
    model = ScriptedModel([threading.Event(), BAD])
    second = ScriptedBot("second", Text(GOOD))
    with running_deployment(OnPremBot(model, open_book), second, first_piece_s=0.05) as deployment:
        out = deployment.ask()
        assert model.cancelled.wait(20)
        assert bots_at_work() == []
    assert text_of(out) == GOOD
    assert "nothing within" in deployment.log.bodies("bot_failed")[0]["reason"]


def test_an_answer_that_outlasts_its_deadline_ends_where_it_is() -> None:
    model = ScriptedModel([GOOD, MORE, threading.Event(), BAD])
    with running_deployment(model=model, deadline_s=0.3) as deployment:
        out = deployment.ask()
        assert model.cancelled.wait(20)
    assert text_of(out).startswith(GOOD)
    assert "ADVICE" not in text_of(out)
    assert (answer_of(out).outcome, answer_of(out).finish_reason) == ("answered", "length")


def test_a_verdict_that_outlasts_the_deadline_ends_the_journey_too() -> None:
    never = threading.Event()

    class Hanging(Words):
        def __call__(self, texts):  # type: ignore[no-untyped-def]
            if "everybody" in texts[0]:
                never.wait(20)
            return super().__call__(texts)

    with running_deployment(model=ScriptedModel([GOOD]), embed=Hanging(), deadline_s=0.1) as deployment:
        out = deployment.ask()
        never.set()
    assert (text_of(out), answer_of(out).outcome) == ("", "failed")


def test_the_caller_hears_that_we_are_still_there_while_a_model_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "KEEP_ALIVE_S", 0.01)
    thought = threading.Event()
    with running_deployment(model=ScriptedModel([thought, GOOD])) as deployment:
        out = []
        for one in deployment.start():
            out.append(one)
            if isinstance(one, KeepAlive):
                thought.set()
    assert any(isinstance(one, KeepAlive) for one in out)
    assert text_of(out) == GOOD


def test_a_bot_that_keeps_failing_is_left_alone() -> None:
    first, second = ScriptedBot("rag", BotUnavailable("down")), ScriptedBot("onprem", Text(GOOD))
    with running_deployment(first, second) as deployment:
        for number in range(5):
            assert text_of(deployment.ask(conversation=f"c{number}")) == GOOD
    assert len(first.asked) == 3


def test_a_refusal_does_not_count_against_the_bot() -> None:
    rule: Rule = on(Direction.OUTPUT, "", block())
    bot = ScriptedBot("onprem", Text(BAD))
    with running_deployment(bot, rule=rule) as deployment:
        for number in range(5):
            deployment.ask(conversation=f"c{number}")
    assert len(bot.asked) == 5


def test_an_answer_waits_for_no_verdict_when_generation_is_not_to_run_ahead() -> None:
    model = ScriptedModel([GOOD])
    with running_deployment(model=model, rule=on(Direction.INPUT, "", block()), speculate=False) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")


def test_a_bot_that_never_pauses_and_never_ends_is_still_heard_and_still_bound_by_its_deadline() -> None:
    class Endless(ScriptedBot):
        def answer(self, ask):  # type: ignore[no-untyped-def]
            while True:
                yield Text("")
                yield Text(GOOD)

    with running_deployment(Endless("onprem"), deadline_s=0.3) as deployment:
        out = deployment.ask()
        assert bots_at_work() == []
    assert text_of(out).startswith(GOOD)
    assert answer_of(out).finish_reason == "length"


def test_a_long_answer_said_all_at_once_goes_out_whole() -> None:
    with running_deployment(ScriptedBot("onprem", *[Text(GOOD)] * (3 * answering.AHEAD))) as deployment:
        assert text_of(deployment.ask()) == GOOD * (3 * answering.AHEAD)
