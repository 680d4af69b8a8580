"""Promise 2: what goes out was durable before; when the record cannot be written, nothing more goes out."""

from __future__ import annotations

import pytest

from moderation.types import Direction
from orchestrator.bots.base import Text
from orchestrator.errors import RecordUnavailable
from orchestrator.journey.outgoing import Answer, Outgoing, RefusalOut, RouteOut, SegmentOut
from tests.support.running_deployment import (
    Log,
    RunningDeployment,
    ScriptedBot,
    ScriptedModel,
    block,
    bots_at_work,
    on,
    running_deployment,
    text_of,
    until_refused,
)

SENTENCES = [f"This is sentence number {n} of the whole answer. " for n in range(3)]


def check(deployment: RunningDeployment, out: Outgoing) -> Outgoing:
    """What this output rests on is durable at the moment at which it goes out."""
    match out:
        case RouteOut(route):
            assert deployment.log.is_durable("routed", bot=route.bot)
        case SegmentOut(number, text):
            assert deployment.log.is_durable("released", segment=number, text=text)
        case RefusalOut(message):
            assert deployment.log.is_durable("withheld", message=message)
        case Answer(outcome=outcome):
            assert deployment.log.is_durable("finished", outcome=outcome)
    return out


def test_everything_that_goes_out_is_durable_before_it_goes_out() -> None:
    with running_deployment(model=ScriptedModel(SENTENCES)) as deployment:
        for out in deployment.start():
            check(deployment, out)
        assert text_of([SegmentOut(0, b["text"]) for b in deployment.log.bodies("released")]) == "".join(SENTENCES)


def test_a_refusal_is_durable_before_it_goes_out() -> None:
    with running_deployment(rule=on(Direction.INPUT, "", block())) as deployment:
        out = [check(deployment, one) for one in deployment.start()]
    assert any(isinstance(one, RefusalOut) for one in out)


@pytest.mark.parametrize("late", [False, True], ids=["appending fails", "only durability fails"])
@pytest.mark.parametrize("number", range(14))
def test_a_record_that_fails_at_any_event_stops_all_that_is_not_yet_durable(number: int, late: bool) -> None:
    log = Log(lambda n, _kind: n >= number, late)
    with running_deployment(model=ScriptedModel(SENTENCES), log=log) as deployment:
        going = deployment.start()
        out, error = until_refused(check(deployment, one) for one in going)
        going.close()
        assert error is not None
        assert not any(isinstance(one, Answer) for one in out)
        assert deployment.meter.unrecorded == 1
        assert bots_at_work() == []


def test_the_whole_journey_has_the_events_that_the_failures_above_go_through() -> None:
    with running_deployment(model=ScriptedModel(SENTENCES)) as deployment:
        deployment.ask()
    assert len(deployment.log.events) > 14


@pytest.mark.parametrize("late", [False, True], ids=["appending fails", "only durability fails"])
@pytest.mark.parametrize(
    ("kind", "sent"), [("routed", 0), ("released", 0), ("finished", 3), ("redacted", 0), ("received", 0)]
)
def test_a_record_that_fails_at_a_step_lets_out_only_what_came_before(kind: str, sent: int, late: bool) -> None:
    with running_deployment(model=ScriptedModel(SENTENCES), log=Log(lambda _n, k: k == kind, late)) as deployment:
        out, error = until_refused(deployment.start())
    assert error is not None
    assert sum(isinstance(one, SegmentOut) for one in out) == sent


def test_segments_before_the_failure_stay_said_and_no_apology_follows() -> None:
    seen = 0

    def second_release(_number: int, kind: str) -> bool:
        nonlocal seen
        seen += kind == "released"
        return seen == 2

    with running_deployment(model=ScriptedModel(SENTENCES), log=Log(second_release)) as deployment:
        out, error = until_refused(deployment.start())
    assert error is not None
    assert text_of(out) == SENTENCES[0]
    assert isinstance(out[-1], SegmentOut)


@pytest.mark.parametrize("what", ["pseudonyms", "turn"])
def test_a_conversation_that_cannot_be_written_ends_the_journey_with_one_finished_event(what: str) -> None:
    with running_deployment(model=ScriptedModel(SENTENCES), known={"Alice Martin": "PERSON"}) as deployment:
        deployment.memory.broken[what] = RecordUnavailable("the conversation store cannot be written")
        out, error = until_refused(deployment.start("I am Alice Martin, what is inflation?"))
    assert error is not None
    assert text_of(out) == ("" if what == "pseudonyms" else "".join(SENTENCES))
    assert [b["outcome"] for b in deployment.log.bodies("finished")] == ["failed"]


def test_a_bot_outside_the_building_is_asked_only_once_the_verdicts_on_the_question_are_durable() -> None:
    bot = ScriptedBot("hosted", Text(SENTENCES[0]), leaves_boundary=True)
    with running_deployment(bot) as deployment:
        durable: list[set[str]] = []
        bot.when_asked = lambda: durable.append(
            {e.body.get("rail", e.kind) for e in deployment.log.events[: deployment.log.durable + 1]}
        )
        assert text_of(deployment.ask()) == SENTENCES[0]
    assert durable[0] >= {"received", "redacted", "routed", "calm", "stern"}


def test_a_bot_outside_the_building_is_never_asked_a_blocked_question() -> None:
    bot = ScriptedBot("hosted", Text(SENTENCES[0]), leaves_boundary=True)
    with running_deployment(bot, rule=on(Direction.INPUT, "", block())) as deployment:
        deployment.ask()
    assert bot.asked == []


def test_a_bot_outside_the_building_is_not_asked_when_the_record_fails_first() -> None:
    bot = ScriptedBot("hosted", Text(SENTENCES[0]), leaves_boundary=True)
    with (
        running_deployment(bot, log=Log(lambda _n, kind: kind == "judged", late=True)) as deployment,
        pytest.raises(RecordUnavailable),
    ):
        deployment.ask()
    assert bot.asked == []
