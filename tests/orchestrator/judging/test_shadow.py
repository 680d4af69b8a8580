"""A candidate policy judges silently: no answer waits for it or is changed by it; what it cannot keep up with is counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from moderation.severity import OFF
from moderation.types import Direction
from orchestrator.judging.judges import Judges
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.judging.shadow import CandidatePolicy, Shadow
from orchestrator.types import Query
from tests.support.running_deployment import (
    LONG_S,
    POLICY,
    Meter,
    Redactor,
    Rule,
    RunningDeployment,
    ScriptedModel,
    ScriptedRails,
    answer_of,
    block,
    on,
    running_deployment,
    text_of,
)


class Told:
    """What was recorded of comparisons, and what was counted."""

    def __init__(self) -> None:
        self.bodies: list[Mapping[str, Any]] = []
        self.counts: dict[str, int] = {}
        self.came = threading.Event()

    def __call__(self, query: Query, in_force: str, candidate: str, body: Mapping[str, Any]) -> None:
        self.bodies.append(body)
        self.came.set()

    def shadow(self, result: str, count: int) -> None:
        self.counts[result] = self.counts.get(result, 0) + count


@contextmanager
def tried(
    told: Told,
    candidate: Rule,
    in_force: Rule = lambda *_: None,
    capacity: int = 64,
    model: ScriptedModel | None = None,
    rails: ScriptedRails | None = None,
) -> Iterator[RunningDeployment]:
    """A deployment whose queries a candidate watches; both policies have the rails calm and stern."""
    shadow = Shadow(told, told, capacity).start()
    with ThreadPoolExecutor(8) as pool:
        judges = Judges(ScriptedRails(in_force), pool, Meter(), LONG_S)
        policy = PinnedPolicy(
            POLICY,
            "1",
            judges,
            Redactor(),
            candidate=CandidatePolicy("bb" * 32, "2", rails or ScriptedRails(candidate)),
        )
        with running_deployment(model=model, policy_for=lambda _query: policy, shadow=shadow) as deployment:
            yield deployment
        shadow.close()


QUESTION = on(Direction.INPUT, "inflation", block())


def test_what_the_candidate_would_block_is_recorded_and_the_answer_is_as_before() -> None:
    told = Told()
    with tried(told, QUESTION) as deployment:
        out = deployment.ask("What is inflation?")
        assert told.came.wait(LONG_S)
    assert answer_of(out).outcome == "answered"
    assert "All is well" in text_of(out)
    (body,) = told.bodies
    assert (body["about"], body["in_force"], body["candidate"], body["version"]) == ("q1", POLICY, "bb" * 32, "2")
    assert body["compared"] >= 2
    (difference,) = body["differences"]
    assert difference == {
        "rail": "stern",
        "direction": "input",
        "segment": None,
        "in_force": {"verdict": "allow", "category": "category", "probability": 250_000, "threshold": 500_000},
        "candidate": {"verdict": "block", "category": "category", "probability": 250_000, "threshold": 500_000},
    }
    assert "inflation" not in str(body), "a comparison holds no words"


def test_what_the_candidate_would_let_pass_stays_blocked_and_is_recorded() -> None:
    told = Told()
    with tried(told, lambda *_: None, in_force=QUESTION) as deployment:
        assert answer_of(deployment.ask("What is inflation?")).outcome == "refused"
        assert told.came.wait(LONG_S)
    (difference,) = told.bodies[0]["differences"]
    assert (difference["in_force"]["verdict"], difference["candidate"]["verdict"]) == ("block", "allow")


def test_where_nothing_differs_only_the_count_is_recorded() -> None:
    told = Told()
    with tried(told, lambda *_: None) as deployment:
        deployment.ask()
        assert told.came.wait(LONG_S)
    (body,) = told.bodies
    assert (body["differences"], body["differing"]) == ([], 0)
    assert body["compared"] >= 2


def test_no_answer_waits_for_a_candidate_that_hangs_and_what_it_misses_is_counted() -> None:
    told, hangs = Told(), threading.Event()
    sentences = [f"Sentence number {n} stands here and it is whole. " for n in range(30)]
    with tried(told, lambda *_: hangs, capacity=4, model=ScriptedModel(sentences)) as deployment:
        out = deployment.ask("What is inflation?")
        assert answer_of(out).outcome == "answered", "the candidate has not judged a single text yet"
        assert told.bodies == []
        hangs.set()
        assert told.came.wait(LONG_S)
    body = told.bodies[0]
    assert body["dropped"] > 0
    assert told.counts["dropped"] == body["dropped"]
    assert told.counts["compared"] == body["compared"] <= 5


def test_a_candidate_whose_rail_fails_is_recorded_as_its_own_fail_mode_says() -> None:
    told = Told()
    with tried(told, on(Direction.INPUT, "inflation", ValueError("words"))) as deployment:
        assert answer_of(deployment.ask("What is inflation?")).outcome == "answered"
        assert told.came.wait(LONG_S)
    (difference,) = told.bodies[0]["differences"]
    assert difference["candidate"]["verdict"] == "block"


class CalmAlone(ScriptedRails):
    def names(self, direction: Direction) -> tuple[str, ...]:
        return ("calm",)


def test_a_rail_that_the_candidate_switches_off_shows_where_it_would_have_mattered() -> None:
    told = Told()
    with tried(told, lambda *_: None, in_force=QUESTION, rails=CalmAlone(lambda *_: None)) as deployment:
        deployment.ask("What is inflation?")
        assert told.came.wait(LONG_S)
    (difference,) = told.bodies[0]["differences"]
    assert (difference["rail"], difference["candidate"]) == ("stern", {"verdict": OFF})


def test_a_record_that_fails_disturbs_neither_the_answer_nor_the_next_comparison() -> None:
    told = Told()
    tell, fails = told.__call__, [True]

    def once(*what: Any) -> None:
        if fails.pop() if fails else False:
            raise RuntimeError("no record")
        tell(*what)

    with tried(told, QUESTION) as deployment:
        deployment.dependencies.shadow._tell = once  # type: ignore[union-attr]
        assert answer_of(deployment.ask()).outcome == "answered"
        assert answer_of(deployment.ask()).outcome == "answered"
        assert told.came.wait(LONG_S)
    assert told.counts["failed"] == 1
