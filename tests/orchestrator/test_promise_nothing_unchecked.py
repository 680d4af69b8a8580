"""Promise 1: no byte of a blocked segment, nor of anything after it, goes out, whatever the timing or the failure."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moderation.rails.base import Seen
from moderation.types import Direction, Verdict
from orchestrator.bots.base import Cited, Text
from orchestrator.journey.outgoing import CitationOut, SegmentOut
from orchestrator.types import Citation
from tests.support.running_deployment import (
    LONG_S,
    ScriptedBot,
    ScriptedModel,
    Words,
    answer_of,
    block,
    bots_at_work,
    on,
    redact,
    refusals,
    running_deployment,
    text_of,
)

SECRET = "FORBIDDEN"


def sentence(number: int, bad: bool = False) -> str:
    return f"Sentence number {number} speaks {SECRET if bad else 'calmly'} about the matter. "


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[str], int | None, list[float]]:
    """Chunks of an answer, which of its sentences is blocked, and how long each verdict takes."""
    count = draw(st.integers(1, 6))
    blocked = draw(st.none() | st.integers(0, count - 1))
    text = "".join(sentence(n, n == blocked) for n in range(count))
    cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=12)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    delays = draw(st.lists(st.sampled_from([0.0, 0.002, 0.01]), min_size=7, max_size=7))
    return chunks, blocked, delays


@settings(max_examples=40, deadline=None)
@given(scripts())
def test_nothing_of_a_blocked_sentence_or_after_it_goes_out(
    script: tuple[list[str], int | None, list[float]],
) -> None:
    chunks, blocked, delays = script

    def rule(rail: str, seen: Seen) -> Verdict | None:
        if rail == "stern":
            time.sleep(delays[sum(map(ord, seen.text)) % len(delays)])
            if seen.direction is Direction.OUTPUT and SECRET in seen.text:
                return block()
        return None

    with running_deployment(model=ScriptedModel(chunks), rule=rule) as deployment:
        out = deployment.ask()
    whole = "".join(chunks)
    if blocked is None:
        assert (text_of(out), answer_of(out).outcome) == (whole, "answered")
        return
    allowed = "".join(sentence(n) for n in range(blocked))
    assert allowed.startswith(text_of(out))
    assert answer_of(out).outcome == "refused"
    assert refusals(out)[0].rail == "stern"
    released = "".join(body["text"] for body in deployment.log.bodies("released"))
    assert allowed.startswith(released)


@settings(max_examples=20, deadline=None)
@given(scripts(), st.sampled_from([0.0, 0.005, 0.03]))
def test_nothing_goes_out_when_the_question_is_blocked_however_late(
    script: tuple[list[str], int | None, list[float]], delay: float
) -> None:
    def rule(rail: str, seen: Seen) -> Verdict | None:
        if seen.direction is Direction.INPUT and rail == "calm":
            time.sleep(delay)
            return block("calm")
        return None

    with running_deployment(model=ScriptedModel(script[0]), rule=rule) as deployment:
        out = deployment.ask()
    assert text_of(out) == ""
    assert (answer_of(out).outcome, refusals(out)[0].rail) == ("refused", "calm")
    assert "released" not in deployment.log.kinds()


def test_a_question_blocked_after_generation_has_begun_stops_the_model() -> None:
    never = threading.Event()
    model = ScriptedModel([sentence(0), sentence(1), never, sentence(2)])

    def rule(rail: str, seen: Seen) -> Verdict | None:
        if seen.direction is Direction.INPUT and rail == "stern":
            assert model.spoke.wait(LONG_S)
            return block()
        return None

    with running_deployment(model=model, rule=rule) as deployment:
        out = deployment.ask()
        assert text_of(out) == ""
        assert answer_of(out).outcome == "refused"
        assert model.cancelled.wait(LONG_S)
        assert bots_at_work() == []


def test_a_redacted_segment_goes_out_as_its_replacement_and_its_own_words_never() -> None:
    rule = on(Direction.OUTPUT, SECRET, redact("Here something was left out. "))
    with running_deployment(model=ScriptedModel([sentence(0), sentence(1, bad=True), sentence(2)]), rule=rule) as deployment:
        out = deployment.ask()
    assert text_of(out) == sentence(0) + "Here something was left out. " + sentence(2)
    assert SECRET not in str(deployment.log.bodies("released")) + str(deployment.memory.turns)


def test_a_question_that_a_rail_would_have_redacted_is_not_answered_from_its_unredacted_words() -> None:
    with running_deployment(rule=on(Direction.INPUT, "inflation", redact("What is it?"))) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rail_that_raises_counts_as_block(direction: Direction) -> None:
    rule = on(direction, "", ValueError("the rail broke"))
    with running_deployment(model=ScriptedModel([sentence(0)]), rule=rule) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")
    failed = [b for b in deployment.log.bodies("judged") if b["rail"] == "stern" and b["verdict"] == "block"]
    assert "ValueError" in failed[0]["reason"]


@pytest.mark.parametrize("direction", list(Direction))
def test_a_rail_that_never_answers_counts_as_block(direction: Direction) -> None:
    never = threading.Event()
    rule = on(direction, "", never)
    with running_deployment(model=ScriptedModel([sentence(0)]), rule=rule, rail_timeout_s=0.05) as deployment:
        out = deployment.ask()
        never.set()
    assert (text_of(out), answer_of(out).outcome) == ("", "refused")
    assert any("no verdict within" in b["reason"] for b in deployment.log.bodies("judged"))


def test_a_rail_that_raises_lets_pass_only_where_the_policy_says_so_for_that_rail() -> None:
    rule = on(Direction.OUTPUT, "", ValueError("the rail broke"))
    model = ScriptedModel([sentence(0)])
    with running_deployment(model=model, rule=rule, open=frozenset({"stern"})) as deployment:
        assert text_of(deployment.ask()) == sentence(0)
    with running_deployment(model=model, rule=rule, open=frozenset({"calm"})) as deployment:
        assert text_of(deployment.ask()) == ""


def test_an_encoder_that_fails_on_a_segment_counts_as_block() -> None:
    broken = Words(fails=lambda text: "number 1" in text)
    with running_deployment(model=ScriptedModel([sentence(0), sentence(1), sentence(2)]), embed=broken) as deployment:
        out = deployment.ask()
    assert sentence(0).startswith(text_of(out))
    assert answer_of(out).outcome == "refused"


def test_an_encoder_that_fails_on_the_question_ends_in_an_apology() -> None:
    with running_deployment(embed=Words(fails=lambda text: "inflation" in text)) as deployment:
        out = deployment.ask()
    assert (text_of(out), answer_of(out).outcome) == ("", "failed")
    assert "inflation" not in str(deployment.log.bodies("finished"))


def test_a_quote_that_a_rail_blocks_is_left_out_of_its_citation() -> None:
    good, bad = (
        Citation(1, "charges", 2, "Fees", "The ongoing charge is 0.5%."),
        Citation(2, "terms", 1, "Talk", f"This is {SECRET} text."),
    )
    said = "The charge is half a percent each year [1]. The terms speak about it as well, at length [2]. "
    bot = ScriptedBot("rag", Cited(good), Cited(bad), Text(said))
    with running_deployment(bot, rule=on(Direction.OUTPUT, SECRET, block())) as deployment:
        out = deployment.ask()
    assert text_of(out) == said
    assert [c.citation.quote for c in out if isinstance(c, CitationOut)] == ["The ongoing charge is 0.5%.", ""]
    assert SECRET not in repr(out) + str(deployment.log.events)


def test_a_quote_is_not_sent_before_the_segment_that_refers_to_it() -> None:
    cited = Citation(1, "charges", 2, "Fees", "The ongoing charge is 0.5%.")
    bot = ScriptedBot("rag", Cited(cited), Text(sentence(0)), Text("And here is the source of it all [1]. "))
    with running_deployment(bot) as deployment:
        out = deployment.ask()
    kinds = [type(o) for o in out if isinstance(o, SegmentOut | CitationOut)]
    assert kinds == [SegmentOut, SegmentOut, CitationOut]
