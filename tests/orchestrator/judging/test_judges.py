"""The rails side by side: a rail that errs, or is late, comes to what the policy wrote for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from opentelemetry.sdk.trace import TracerProvider

from moderation.heads.head import Heads
from moderation.policy import load_policy
from moderation.rails import Rails
from moderation.rails.base import Seen
from moderation.types import Allow, Block, Direction
from orchestrator.judging.judges import UNEMBEDDED, Judged, JudgeRails, Judges, QueryJudge, worst
from orchestrator.telemetry.trace import Trace
from tests.support.running_deployment import LONG_S, Log, Meter, Rule, ScriptedRails, block, on, redact, steer

Judging = Callable[..., list[Judged]]
NOTHING = np.zeros(384, np.float32)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def judging(log: Log) -> Iterator[Judging]:
    """judging(rails, text, embedding, direction, timeout_s) -> what the rails said; the pool is stopped at the end."""
    tracer = TracerProvider().get_tracer("test")
    trace = Trace(tracer, tracer.start_span("query"))
    with ThreadPoolExecutor(8) as pool:

        def judge(
            rails: JudgeRails,
            text: str = "hello",
            embedding: Callable[[], np.ndarray] = lambda: NOTHING,
            direction: Direction = Direction.INPUT,
            timeout_s: float = LONG_S,
        ) -> list[Judged]:
            judges = Judges(rails, pool, Meter(), timeout_s, "digest of the heads")
            return QueryJudge(judges, trace, log).judge(Seen(direction, text, UNEMBEDDED), embedding)

        yield judge


def test_every_rail_judges_and_each_verdict_is_recorded_with_its_score(judging: Judging, log: Log) -> None:
    judged = judging(ScriptedRails(on(Direction.INPUT, "hello", block())))
    assert [(one.verdict.finding.rail, one.verdict.name) for one in judged] == [("calm", "allow"), ("stern", "block")]
    assert [event.labels for event in log.events] == [
        {"verdict": "allow", "rail": "calm"},
        {"verdict": "block", "rail": "stern"},
    ]
    body = log.bodies("judged")[1]
    assert (body["probability"], body["threshold"], body["direction"]) == (250_000, 500_000, "input")
    assert all(not isinstance(value, float) for value in body.values())


@pytest.mark.parametrize(("open", "expected"), [(frozenset[str](), "block"), (frozenset({"stern"}), "allow")])
def test_a_rail_that_raises_comes_to_its_fail_mode_and_the_others_still_judge(
    judging: Judging, open: frozenset[str], expected: str
) -> None:
    rule: Rule = on(Direction.INPUT, "hello", ValueError("the customer's words"))
    calm, stern = judging(ScriptedRails(rule, open))
    assert (calm.verdict.name, stern.verdict.name) == ("allow", expected)
    assert stern.verdict.finding.reason == "the rail failed (ValueError)", "an error's message may hold a person's words"


@pytest.mark.parametrize(("open", "expected"), [(frozenset[str](), "block"), (frozenset({"stern"}), "allow")])
def test_a_rail_that_is_late_comes_to_its_fail_mode(judging: Judging, open: frozenset[str], expected: str) -> None:
    never = threading.Event()
    calm, stern = judging(ScriptedRails(on(Direction.INPUT, "hello", never), open), timeout_s=0.05)
    never.set()
    assert (calm.verdict.name, stern.verdict.name) == ("allow", expected)
    assert stern.verdict.finding.reason == "no verdict within 0.05 s"


def test_when_the_encoder_fails_every_rail_comes_to_its_fail_mode(judging: Judging, log: Log) -> None:
    def broken() -> np.ndarray:
        raise RuntimeError("out of memory")

    judged = judging(ScriptedRails(lambda *_: None), embedding=broken)
    assert {one.verdict.name for one in judged} == {"block"}
    assert all("encoder failed (RuntimeError)" in one.verdict.finding.reason for one in judged)
    assert len(log.events) == 2


def test_the_real_rails_fail_as_the_shipped_policy_wrote_it(judging: Judging) -> None:
    """An embedding that does not fit makes each rail with a head raise."""
    rails = Rails(load_policy(), Heads.load())
    judged = judging(rails, embedding=lambda: np.zeros(3, np.float32))
    by_rail = {one.verdict.finding.rail: one.verdict for one in judged}
    failed = {rail: verdict for rail, verdict in by_rail.items() if verdict.finding.category == "failure"}
    assert set(failed) == {"injection", "toxicity", "topic", "advice"}
    assert [rail for rail, verdict in failed.items() if isinstance(verdict, Allow)] == ["topic"]
    refused = by_rail["injection"]
    assert isinstance(refused, Block)
    assert refused.message == load_policy().rails["injection"].words.message
    assert refused.finding.reason == "the rail gave no verdict on the input: the rail failed (HeadError)"


def test_the_verdict_that_decides_is_the_severest() -> None:
    verdicts = [Allow(block().finding), redact("x"), steer("kindly"), block()]
    judged = [Judged(Direction.OUTPUT, 0, verdict, 1.0) for verdict in verdicts]
    for left in range(4):
        assert worst(judged[: left + 1]) is verdicts[left]
        assert worst(judged[: left + 1][::-1]) is verdicts[left]


def test_without_any_rail_the_verdict_is_to_allow_and_says_so() -> None:
    verdict = worst([])
    assert isinstance(verdict, Allow)
    assert "no rail is switched on" in verdict.finding.reason
