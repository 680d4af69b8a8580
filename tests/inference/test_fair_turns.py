"""Whoever floods the engine waits behind their own questions, counted in the work that is done before another's answer.

The kind of fault: work that one tenant can order without limit stands before another's. It may be long prompts, many short
ones, long answers, prompts that are only looked at, answers that hold every place, or prompts that hold the whole cache.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inference import Sampling, Terms
from inference.engine.fair_queue import ANSWER, EVEN, IMPATIENT, PASSED_OVER, Shares
from inference.engine.request import Job
from inference.engine.runner import Feed, Runner
from inference.engine.scheduler import Scheduler
from inference.kv_cache import POSITIONS

CONTEXT = 4096


class Counted:
    """A model that costs nothing and says the same token for ever. `work` holds (tenant's first token, tokens) of each step;
    a prompt's first token tells whose it is. `before` is called before each step."""

    fast, width, chunks = False, 8, (32, 128)

    def __init__(self, blocks: int = 1 + 3 * CONTEXT // POSITIONS) -> None:
        self.blocks = blocks
        self.work: list[tuple[int, int]] = []
        self.before: Callable[[], None] = lambda: None
        self._whose: dict[int, int] = {}

    def run(self, feeds: Sequence[Feed], *, every: bool = False) -> NDArray[np.float32]:
        self.before()
        for feed in feeds:
            if feed.start == 0:
                self._whose[feed.blocks[0]] = feed.tokens[0]
            self.work.append((self._whose[feed.blocks[0]], len(feed.tokens)))
        return np.eye(1, 96, 9, dtype=np.float32).repeat(len(feeds), 0)


@contextmanager
def engine(model: Counted) -> Iterator[Scheduler]:
    scheduler = Scheduler(cast(Runner, model), most_waiting=500)
    try:
        yield scheduler
    finally:
        scheduler.close()


class Heard(Job):
    """Its reader keeps up, whatever is read here."""

    def paused(self, ahead: int) -> bool:
        return False


def question(whose: int, prompt: int, answer: int) -> Job:
    cancel = (threading.Event(),)
    return Heard(
        [whose] * prompt,
        Sampling(max_tokens=answer),
        stops=frozenset({5}),
        context=CONTEXT,
        scope=None,
        terms=Terms(tenant=f"tenant {whose}"),
        cancel=cancel,
        now=time.monotonic(),
    )


A, B = 11, 12
FLOODS: dict[str, tuple[int, int, int]] = {  # how many questions, tokens of each prompt, tokens of each answer
    "two long prompts": (2, 4000, 50),
    "twenty long prompts": (20, 4000, 50),
    "two hundred short questions": (200, 40, 60),
    "answers without end": (12, 40, 3000),
    "middling prompts that fill every place": (60, 700, 200),
    "a cache full of long answers to long prompts": (12, 2000, 2000),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_of_one_tenant_does_not_stand_before_the_question_of_another(flood: str) -> None:
    """B has asked once before, so the engine knows that it has several tenants."""
    model = Counted()
    count, prompt, answer = FLOODS[flood]
    asked = question(B, 60, 40)
    began: list[int] = []
    with engine(model) as scheduler:
        first = question(B, 60, 4)
        scheduler.submit(first)
        list(first.read())
        model.work.clear()
        jobs = [question(A, prompt, answer) for _ in range(count)]

        def then() -> None:
            if not began and sum(tokens if tokens > 1 else ANSWER for _, tokens in model.work) > 1500:
                began.append(len(model.work))
                scheduler.submit(asked)

        model.before = then
        for job in jobs:
            scheduler.submit(job)
        assert list(asked.read())[-1] == "length"
    last = max(place for place, (whose, _) in enumerate(model.work) if whose == B)
    others = sum(tokens if tokens > 1 else ANSWER for whose, tokens in model.work[began[0] : last] if whose == A)
    own = 60 + ANSWER * 40
    assert others <= own, f"{others} tokens' worth of work for A before B's answer, which took {own}"


def test_prompts_that_are_only_looked_at_wait_for_their_turn_too() -> None:
    model = Counted()
    asked, began, looked, before = question(B, 60, 40), [False], [0], [0]
    model.before = lambda: before.__setitem__(0, looked[0])  # nobody but B has steps of the model here
    with engine(model) as scheduler:

        def look(*_: Any) -> None:
            looked[0] += began[0]
            if looked[0] == 0 and scheduler._shares.had("tenant 11") > 1000 and not began[0]:
                began[0] = True
                scheduler.submit(asked)

        def looking() -> None:
            for _ in range(40):
                scheduler.call(look, Terms(f"tenant {A}"), 128)

        threads = [threading.Thread(target=looking, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        while not began[0]:
            time.sleep(0.001)
        assert list(asked.read())[-1] == "length"
        for thread in threads:
            thread.join(timeout=30)
    assert before[0] * 128 <= 2 * (60 + ANSWER * 40)


def test_of_one_tenants_prompts_a_short_one_is_read_first_and_a_long_one_is_never_forgotten() -> None:
    model = Counted()
    with engine(model) as scheduler:
        long, short = question(A, 3000, 4), question(A + 20, 100, 4)
        short.terms = long.terms
        scheduler.call(lambda *_: (scheduler.submit(long), scheduler.submit(short)))
        for job in (short, long):
            assert list(job.read())[-1] == "length"
    last = max(place for place, (whose, _) in enumerate(model.work) if whose == A + 20)
    assert sum(tokens for whose, tokens in model.work[:last] if whose == A) <= 128 + 4
    model.work.clear()
    with engine(model) as scheduler:
        long, crowd = question(A, 3000, 4), [question(A + 20, 100, 4) for _ in range(200)]
        for job in crowd:
            job.terms = long.terms
        scheduler.call(lambda *_: [scheduler.submit(job) for job in (long, *crowd)])
        list(long.read())
        for job in crowd:
            list(job.read())
    reads = [whose for whose, tokens in model.work if tokens > 1]
    until = [place for place, whose in enumerate(reads) if whose == A]
    assert max(later - place for place, later in pairwise(until)) <= IMPATIENT + 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 128)), min_size=30, max_size=300), st.data())
def test_nobody_is_passed_over_for_ever_and_nobody_gets_much_more_than_the_others(
    wishes: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Whatever was served before: tenants that always have work come to the same share."""
    shares = Shares()
    for tenant, tokens in wishes:
        shares.charge(tenant, tokens)
    got, waited = dict.fromkeys("abc", 0.0), dict.fromkeys("abc", 0.0)
    for step in range(3000):
        turn = shares.turn(set("abc"))
        assert turn
        one = data.draw(st.sampled_from(sorted(turn))) if len(turn) > 1 and step < 20 else min(turn, key=shares.had)
        shares.charge(one, 32)
        got[one] += 32
        for tenant in "abc":
            waited[tenant] = 0.0 if tenant in turn else waited[tenant] + 32
            assert waited[tenant] <= PASSED_OVER + 3 * 32
    later = [shares.had(tenant) for tenant in "abc"]
    assert max(later) - min(later) <= EVEN + 64
