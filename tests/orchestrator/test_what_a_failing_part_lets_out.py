"""Promises 1 and 2 where a part fails or lies in a way of its own: a panic, a hostile engine, a judge that is too late."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from audit import kinds
from moderation.rails.base import Seen
from moderation.types import Allow, Direction, Finding, Verdict
from orchestrator.bots.base import Cited, Made, Text
from orchestrator.errors import RecordUnavailable
from orchestrator.journey.record import UntilFinished
from orchestrator.ports import Passage
from orchestrator.types import Citation
from tests.support.running_deployment import (
    LONG_S,
    Log,
    ScriptedBot,
    ScriptedModel,
    ScriptedRails,
    Words,
    answer_of,
    block,
    on,
    redact,
    refusals,
    running_deployment,
    steer,
    text_of,
)

FIRST = "The first sentence of the answer is calm. "
SECOND = "The second sentence of it speaks of sharks. "


class Panic(BaseException):
    """As native libraries raise it: no Exception."""


class DyingRails(ScriptedRails):
    def judge(self, rail: str, seen: Seen) -> Verdict:
        if "sharks" in seen.text:
            raise Panic
        return super().judge(rail, seen)


class DyingBot(ScriptedBot):
    def answer(self, ask: Any) -> Any:
        yield from super().answer(ask)
        raise Panic


def test_a_bot_that_dies_has_not_answered() -> None:
    with running_deployment(DyingBot("onprem", Text(FIRST), Text("And"))) as deployment:
        out = deployment.ask()
    assert answer_of(out).outcome == "failed"
    assert deployment.log.bodies("bot_failed")[0]["reason"] == "Panic"


@pytest.mark.parametrize("question", ["What is inflation?", "What are sharks?"])
def test_a_rail_that_dies_counts_as_block_and_the_record_has_its_end(question: str) -> None:
    rails = DyingRails(lambda *_: None)
    with running_deployment(model=ScriptedModel([FIRST, SECOND]), rails=rails) as deployment:
        out = deployment.ask(question)
    assert FIRST.startswith(text_of(out))
    assert answer_of(out).outcome == "refused"
    assert deployment.log.kinds()[-1] == "finished"


def test_an_encoder_that_dies_counts_as_block_on_a_segment_and_as_failure_on_the_question() -> None:
    def panic(text: str) -> bool:
        if "sharks" in text:
            raise Panic
        return False

    for question, outcome in (("What is inflation?", "refused"), ("What are sharks?", "failed")):
        with running_deployment(model=ScriptedModel([FIRST, SECOND]), embed=Words(panic)) as deployment:
            out = deployment.ask(question)
        assert "sharks" not in text_of(out)
        assert answer_of(out).outcome == outcome
        assert deployment.log.kinds().count("finished") == 1


def test_nothing_follows_the_end_of_the_record_however_late_a_judge_is() -> None:
    late = threading.Event()
    model = ScriptedModel([FIRST, SECOND, "A third sentence is still being judged then. "])

    def rule(rail: str, seen: Seen) -> Any:
        return {"sharks": block(), "third": late}.get(next((w for w in ("sharks", "third") if w in seen.text), ""))

    with running_deployment(model=model, rule=rule) as deployment:
        out = deployment.ask()
        late.set()
        deployment.dependencies.pool.shutdown(wait=True)
    assert answer_of(out).outcome == "refused"
    assert deployment.log.kinds()[-1] == "finished"


def test_after_the_end_of_a_record_nothing_may_be_released_on_its_word() -> None:
    log = Log()
    record = UntilFinished(log)
    record.append(kinds.RECEIVED, {"characters": 3}).wait()
    record.append(kinds.FINISHED, ENDED, labels={"outcome": "answered", "bot": "rag"}).wait()
    late = record.append(kinds.RELEASED, {"segment": 0, "text": FIRST, "citations": []}, labels={"bot": "rag"})
    assert log.kinds() == ["received", "finished"]
    with pytest.raises(RecordUnavailable):
        late.wait()


ENDED = {"outcome": "answered", "finish_reason": "stop", "reason": "", "segments": 1, "us": {}}
HOSTILE: tuple[Mapping[str, Any], ...] = (
    {"finish_reason": "FORBIDDEN words"},
    {"finish_reason": {"FORBIDDEN": 1}},
    {"FORBIDDEN_tokens": 3, "completion_tokens": 5},
    {"completion_tokens": "FORBIDDEN"},
    {"completion_tokens": None, "prompt_tokens": True},
)


@pytest.mark.parametrize("details", HOSTILE)
def test_what_an_engine_tells_of_itself_reaches_the_client_as_numbers_and_known_words_only(details: Any) -> None:
    with running_deployment(ScriptedBot("onprem", Text(FIRST), Made("model", "dd" * 32, details))) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome, answer_of(out).finish_reason) == (FIRST, "answered", "stop")
    assert "FORBIDDEN" not in repr(out)
    assert all(type(count) is int for count in answer_of(out).usage.values())


@pytest.mark.parametrize("verdict", [block(), redact("What is it?")], ids=["block", "redact"])
def test_a_bot_outside_the_building_is_not_asked_what_a_rail_blocks_or_would_replace(verdict: Verdict) -> None:
    bot = ScriptedBot("hosted", Text(FIRST), leaves_boundary=True)
    with running_deployment(bot, rule=on(Direction.INPUT, "inflation", verdict)) as deployment:
        out = deployment.ask()
    assert bot.asked == []
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")


def test_a_bot_outside_the_building_is_asked_once_and_with_the_correction_that_the_question_calls_for() -> None:
    bot = ScriptedBot("hosted", Text(FIRST), leaves_boundary=True)
    with running_deployment(bot, rule=on(Direction.INPUT, "inflation", steer("Give no advice."))) as deployment:
        out = deployment.ask()
    assert [ask.instruction for ask in bot.asked] == ["Give no advice."]
    assert (text_of(out), answer_of(out).outcome) == (FIRST, "answered")
    assert deployment.log.kinds().count("steered") == 1


def test_an_answer_steered_by_its_own_words_still_heeds_the_correction_that_the_question_calls_for() -> None:
    """The output verdict comes first, and there is one restart."""
    spoken = threading.Event()
    bot = ScriptedBot("onprem", Text(SECOND), Text("Then more follows."))

    def rule(rail: str, seen: Seen) -> Any:
        if rail != "stern" or len(bot.asked) > 1:
            return None
        if seen.direction is Direction.INPUT:
            assert spoken.wait(LONG_S)
            return steer("Give no advice.")
        spoken.set()
        return steer("Speak of no sharks.")

    with running_deployment(bot, rule=rule) as deployment:
        out = deployment.ask()
    assert len(bot.asked) == 2
    assert "Give no advice." in bot.asked[1].instruction
    assert answer_of(out).outcome in ("answered", "refused")


def test_a_bot_that_says_everything_in_one_breath_is_cut_a_little_at_a_time() -> None:
    """Otherwise thousands of judgements of one answer would stand before everybody else's in the pool."""
    waiting: list[int] = []
    text = FIRST * 4000
    with running_deployment(model=ScriptedModel([text]), rule=on(Direction.OUTPUT, "sharks", block())) as deployment:
        going = deployment.start()
        for _ in range(6):
            next(going)
            waiting.append(deployment.dependencies.pool._work_queue.qsize())  # type: ignore[attr-defined]
        going.close()
    assert max(waiting) < 200


def test_a_verdict_whose_probability_is_no_number_counts_as_block() -> None:
    """As when an encoder gives NaN: NaN is below every threshold."""
    verdict = Allow(Finding("stern", "category", float("nan"), 0.5, ""))
    with running_deployment(
        model=ScriptedModel([FIRST, SECOND]), rule=on(Direction.OUTPUT, "sharks", verdict)
    ) as deployment:
        out = deployment.ask()
    assert "sharks" not in text_of(out)
    assert answer_of(out).outcome == "refused"
    assert any("ValueError" in body["reason"] for body in deployment.log.bodies("judged"))


def test_a_rail_is_shown_what_the_caller_may_read_beside_an_answer_and_its_quotes() -> None:
    """An address that stands in the firm's own document is not the address of somebody who was overheard."""
    shown: dict[str, tuple[str, ...]] = {}

    def look(seen: Seen) -> None:
        if seen.direction is Direction.OUTPUT:
            shown[seen.text.strip()] = seen.beside.documents

    cited = Citation(1, "charges", 2, "Fees", "Half a percent.")
    bot = ScriptedBot("rag", Cited(cited, "Fees\nHalf a percent. Write to us."), Text("It is half a percent [1]. "))
    found = Passage("register", "Federal Register 2020-25844", 1, "Dates", "Text.", 1.0, 0.5)
    with running_deployment(bot, rails=ScriptedRails(lambda _rail, seen: look(seen)), passages=[found]) as running:
        running.ask()
    assert shown["Half a percent."] == ("Fees\nHalf a percent. Write to us.",)
    assert shown["It is half a percent [1]."] == (
        "Fees\nHalf a percent. Write to us.",
        "Federal Register 2020-25844 › Dates",
    )


def test_a_quote_whose_rail_dies_is_left_out() -> None:
    cited = Citation(1, "charges", 2, "Fees", "This quote is about sharks.")
    bot = ScriptedBot("rag", Cited(cited), Text("The charge is half a percent each year [1]. "))
    with running_deployment(bot, rails=DyingRails(lambda *_: None)) as deployment:
        out = deployment.ask()
    assert "sharks" not in repr(out)
    assert answer_of(out).outcome == "answered"
    assert refusals(out) == []
