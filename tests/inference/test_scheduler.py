"""Any schedule gives every answer the tokens that it would have had alone: on the real kernels, with a tiny random model."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import EngineBusy, EngineFailed, PromptTooLong, Sampling, Terms, kernels
from inference.architecture import Architecture
from inference.engine.draft_tokens import Drafts
from inference.engine.fair_queue import Waiting
from inference.engine.prefix_cache import Blocks, Names
from inference.engine.request import Job
from inference.engine.runner import Runner
from inference.engine.scheduler import Scheduler
from inference.kernels.tiles import Matrix, round_to_q8_0, tiles
from inference.kv_cache import POSITIONS
from inference.weights.checkpoint import Checkpoint

WIDTH, VOCABULARY, CONTEXT = 64, 96, 256
STOP = frozenset({5})
SCHEDULES = int(os.environ.get("COUNTERSIGN_SCHEDULES", "150"))


def tiny() -> Checkpoint:
    """Two layers of random weights, in the kernels' tiles where there are kernels."""
    random = np.random.default_rng(11)
    shape = Architecture("qwen2", 2, WIDTH, 4, 2, 16, 128, VOCABULARY, CONTEXT, 10000.0, 1e-6)
    fast = kernels.unavailable() is None
    arrays: dict[str, Any] = {"norm": np.ones(WIDTH, np.float32)}
    matrices: dict[str, Matrix] = {}

    def matrix(name: str, rows: int, columns: int) -> None:
        weights = (random.standard_normal((rows, columns)) * columns**-0.5 * 2).astype(np.float32)
        if not fast:
            arrays[name] = weights
            return
        place = name if name == "embedding" else f"{name}.0"
        arrays[place], matrices[place] = tiles(round_to_q8_0(weights), Type.Q8_0), Matrix("q8_0", rows, columns)

    matrix("embedding", VOCABULARY, WIDTH)
    for layer in ("layers.0.", "layers.1."):
        matrix(f"{layer}qkv", (4 + 2 * 2) * 16, WIDTH)
        matrix(f"{layer}out", WIDTH, 64)
        matrix(f"{layer}gate_up", 256, WIDTH)
        matrix(f"{layer}down", WIDTH, 128)
        arrays[f"{layer}attention_norm"] = arrays[f"{layer}feed_forward_norm"] = np.ones(WIDTH, np.float32)
    return Checkpoint(shape, None, "blocks" if fast else "float32", arrays, matrices)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def runner() -> Runner:
    return Runner(tiny(), CONTEXT, memory=1)


class Eager(Scheduler):
    """Guesses whenever it can, whatever that costs."""

    def _guess(self, job: Job) -> list[int]:
        return job.drafts.guess(min(5, job.room - 1), 0.0) if self._runner.fast and self.guesses else []


@pytest.fixture(scope="module")
def scheduler(runner: Runner) -> Iterator[Scheduler]:
    made = Eager(runner, most_waiting=40)
    yield made
    made.close()


def job(tokens: list[int], sampling: Sampling, scope: str | None = None, **terms: Any) -> tuple[Job, threading.Event]:
    cancel = threading.Event()
    made = Job(
        tokens,
        sampling,
        stops=STOP,
        context=CONTEXT,
        scope=scope,
        terms=Terms(**terms),
        cancel=(cancel,),
        now=time.monotonic(),
    )
    return made, cancel


def told(one: Job) -> tuple[list[int], str]:
    *tokens, reason = one.read()
    return tokens, str(reason)  # type: ignore[return-value]


ALONE: dict[tuple[tuple[int, ...], Sampling], tuple[list[int], str]] = {}


def alone(scheduler: Scheduler, tokens: list[int], sampling: Sampling) -> tuple[list[int], str]:
    """By itself, without guesses and without a beginning that is known."""
    key = (tuple(tokens), sampling)
    if key not in ALONE:
        scheduler.guesses = False
        one, _ = job(tokens, sampling)
        scheduler.submit(one)
        ALONE[key] = told(one)
        scheduler.guesses = True
    return ALONE[key]


BEGINNING = [7 + place * 13 % 80 for place in range(70)]
prompts = st.builds(
    lambda shared, own, times: BEGINNING[:shared] + own * times,
    st.sampled_from([0, 31, 32, 33, 70]),
    st.lists(st.integers(6, VOCABULARY - 1), min_size=1, max_size=12),
    st.integers(1, 4),
)
asked = st.tuples(
    prompts,
    st.builds(Sampling, max_tokens=st.integers(1, 40), temperature=st.sampled_from([0.0, 0.0, 1.0]), seed=st.integers(0, 2)),
    st.sampled_from([None, "halden", "meridian"]),
    st.sampled_from([None, None, None, 0, 1, 3]),
)


@settings(max_examples=SCHEDULES, deadline=None)
@given(st.lists(asked, min_size=1, max_size=14))
def test_every_schedule_gives_every_answer_the_tokens_it_would_have_alone(
    scheduler: Scheduler, questions: list[Any]
) -> None:
    if kernels.unavailable():
        questions = [one for one in questions if one[1].temperature == 0.0]  # XLA rounds differently in a batch
    expected = [alone(scheduler, tokens, sampling) for tokens, sampling, _, _ in questions]
    jobs = []
    for tokens, sampling, scope, _ in questions:
        one, cancel = job(tokens, sampling, scope, tenant=scope or "")
        scheduler.submit(one)
        jobs.append((one, cancel))
    for (one, cancel), (whole, reason), (*_, cut) in zip(jobs, expected, questions, strict=True):
        if cut is None:
            assert told(one) == (whole, reason)
            continue
        found = []
        for token in one.read():
            if isinstance(token, str):
                break
            found.append(token)
            if len(found) > cut:
                cancel.set()
        assert found == whole[: len(found)]
    scheduler.call(lambda *_: None)
    load = scheduler.load()
    assert (load.active, load.waiting, load.blocks_available) == (0, 0, load.blocks)


def test_guesses_come_true_where_an_answer_repeats_itself(scheduler: Scheduler, runner: Runner) -> None:
    if not runner.fast:
        pytest.skip("without the kernels nothing is guessed")
    before = scheduler.load()
    one, _ = job(BEGINNING, Sampling(max_tokens=150))
    scheduler.submit(one)
    told(one)
    after = scheduler.load()
    assert after.drafted_true > before.drafted_true


def test_a_question_that_could_never_fit_is_refused(runner: Runner, scheduler: Scheduler) -> None:
    whole = runner.blocks
    runner.blocks = 3
    try:
        with pytest.raises(PromptTooLong, match="may need 5 blocks of the cache, which has 2"):
            scheduler.submit(job(BEGINNING, Sampling(max_tokens=60))[0])
    finally:
        runner.blocks = whole


def test_too_many_questions_are_sent_away_with_a_time(scheduler: Scheduler) -> None:
    jobs = [job(BEGINNING, Sampling(max_tokens=100)) for _ in range(200)]
    sent_away = []
    for one, _ in jobs:
        try:
            scheduler.submit(one)
        except EngineBusy as error:
            sent_away.append(error)
            break
    assert "questions wait already; try again in" in str(sent_away[0])
    assert sent_away[0].retry_after_s >= 1
    for one, cancel in jobs:
        cancel.set()
        told(one)


def test_a_deadline_ends_an_answer_and_one_that_waits(scheduler: Scheduler) -> None:
    one, _ = job(BEGINNING, Sampling(max_tokens=180), deadline_s=0.0)
    scheduler.submit(one)
    assert told(one) == ([], "deadline")


def test_a_step_that_fails_loses_what_was_in_it_and_nothing_after_it(
    scheduler: Scheduler, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = alone(scheduler, BEGINNING, Sampling(max_tokens=4))
    with monkeypatch.context() as patch:
        patch.setattr(runner, "run", lambda *_, **__: (_ for _ in ()).throw(MemoryError("no room")))
        one, _ = job(BEGINNING, Sampling(max_tokens=4))
        scheduler.submit(one)
        with pytest.raises(EngineFailed, match="a step of the model failed"):
            told(one)
    again, _ = job(BEGINNING, Sampling(max_tokens=4))
    scheduler.submit(again)
    assert told(again) == expected


def test_an_engine_that_closes_ends_what_is_running_and_takes_nothing_new() -> None:
    scheduler = Scheduler(Runner(tiny(), CONTEXT, memory=1))
    one, _ = job(BEGINNING, Sampling(max_tokens=180))
    scheduler.submit(one)
    scheduler.close()
    assert told(one)[1] in ("cancelled", "stop", "length")
    with pytest.raises(EngineFailed, match="shutting down"):
        scheduler.submit(job(BEGINNING, Sampling())[0])


# --- who is next -------------------------------------------------------------------------------------


def queued(*tenants: str, **terms: Any) -> tuple[Waiting, list[Job]]:
    waiting, jobs = Waiting(100, lambda _tenant: 0.0), []
    for tenant in tenants:
        jobs.append(job(BEGINNING, Sampling(), tenant=tenant, **terms)[0])
        waiting.add(jobs[-1])
    return waiting, jobs


def test_people_come_before_campaigns_until_a_campaign_has_waited_long() -> None:
    waiting, jobs = queued("campaign", priority=1)
    person, _ = job(BEGINNING, Sampling(), tenant="person")
    waiting.add(person)
    assert waiting.first() is person
    jobs[0].arrived -= 3600
    assert waiting.first() is jobs[0]


# --- whose block is whose ----------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_block_is_never_given_to_two_who_do_not_share_it(data: st.DataObject) -> None:
    blocks = Blocks(9)
    held: list[tuple[list[int], int]] = []  # a table, and how many of it are shared by name
    content: dict[int, bytes] = {}
    for _ in range(data.draw(st.integers(1, 40))):
        if held and data.draw(st.booleans()):
            table, _ = held.pop(data.draw(st.integers(0, len(held) - 1)))
            blocks.release(table)
            continue
        names = [bytes([data.draw(st.integers(0, 2))] * (depth + 1)) for depth in range(data.draw(st.integers(0, 3)))]
        shared = blocks.shared(names)
        assert [content[block] for block in shared] == names[: len(shared)]
        more = blocks.take(data.draw(st.integers(1, 4)))
        if more is None:
            blocks.release(shared)
            continue
        others = {block for table, _ in held for block in table}
        assert not others & set(more)
        assert 0 not in more
        for block in more:
            content.pop(block, None)
        for block, name in zip(more, names[len(shared) :], strict=False):
            blocks.name(block, name)
            content[block] = name
        held.append(([*shared, *more], len(shared)))
    for table, _ in held:
        blocks.release(table)
    assert blocks.available == 8


def test_a_name_stands_for_everything_before_it() -> None:
    first, second, other = Names("t"), Names("t"), Names("u")
    first.extend(BEGINNING, 70)
    second.extend([1, *BEGINNING[1:]], 70)
    other.extend(BEGINNING, 70)
    assert len(first.all) == 70 // POSITIONS
    assert not set(first.all) & set(second.all)
    assert not set(first.all) & set(other.all)
    nobody = Names(None)
    nobody.extend(BEGINNING, 70)
    assert nobody.all == []


# --- guesses -----------------------------------------------------------------------------------------


def test_public_blocks_have_a_name_of_their_own_and_what_follows_belongs_to_a_scope() -> None:
    tokens = list(range(4 * POSITIONS))
    end = 2 * POSITIONS + 5  # the public part ends within the third block
    one, other, nobody = Names("one", public=end), Names("other", public=end), Names(None, public=end)
    for names in (one, other, nobody):
        names.extend(tokens, 3 * POSITIONS)
        names.extend(tokens, 4 * POSITIONS)
    assert one.all[:2] == other.all[:2] == nobody.all
    assert not set(one.all[2:]) & set(other.all[2:])
    private = Names("one")
    private.extend(tokens, 4 * POSITIONS)
    assert not set(private.all) & set(one.all)


def test_what_was_said_before_is_guessed_and_what_never_pays_is_left() -> None:
    drafts = Drafts([1, 2, 3, 4, 5, 6, 7, 1, 2, 3])
    assert drafts.guess(3, 1.4) == [4, 5, 6]
    assert drafts.guess(0, 1.4) == []
    for _ in range(30):
        drafts.came_true(0)
    silent = sum(not drafts.guess(3, 1.4) for _ in range(60))
    assert silent >= 16
