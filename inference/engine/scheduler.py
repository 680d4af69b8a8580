"""Continuous batching: one thread owns the device and gives every answer in progress one token a step.

A turn is: end what is cancelled or late, admit what fits, read one chunk of one prompt, make one token for every answer; of
several tenants, those whose turn it is (fair_queue.py). So a long prompt holds up the others by one chunk at most, and a
flood of them by little more. An answer is admitted when the cache has room for all it may become; nothing that was admitted
is ever put out again for want of memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engine.constrained_decoding import GuideFailed
from inference.engine.fair_queue import ANSWER, Shares, Waiting, next_to_read
from inference.engine.prefix_cache import Blocks
from inference.engine.request import Call, Job
from inference.engine.runner import DRAFTED, Feed, Runner
from inference.errors import EngineBusy, EngineFailed, PromptTooLong, SchemaFailed
from inference.kv_cache import POSITIONS, blocks_for
from inference.types import FinishReason, Terms

FEW = 4
"""Of fewer places none is kept for tenants that may come."""
AHEAD = 64
"""Tokens that an answer may be ahead of its reader; then it waits, and costs nothing."""
_IDLE_S = 0.05
_FORGET = 0.1


@dataclass(frozen=True)
class Load:
    """What the engine does now, and has done. Blocks are the KV cache's; hits are prompts whose beginning was in it."""

    waiting: int
    active: int
    blocks: int
    blocks_available: int
    prompt_tokens: int
    prompt_tokens_reused: int
    hits: int
    tokens: int
    drafted: int
    drafted_true: int


class Scheduler:
    """Everything but `submit`, `call`, `load` and `close` belongs to the engine's thread. `_guard` guards the queues."""

    def __init__(self, runner: Runner, *, slots: int | None = None, most_waiting: int = 64) -> None:
        """slots: the most answers in progress, no more than the runner's width, which it is without."""
        self._runner = runner
        self.slots = min(slots or runner.width, runner.width)
        self._blocks = Blocks(runner.blocks)
        self._guard = threading.Condition()
        self._shares = Shares()
        self._waiting = Waiting(most_waiting, self._shares.had)
        self._calls: list[Call] = []
        self._active: list[Job] = []
        self._turns = 0
        self._closing = False
        self.guesses = True
        self._step_s = self._check_s = 0.0
        self._prompt_tokens = self._reused = self._hits = self._tokens = self._drafted = self._true = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue an answer. Raises EngineBusy where too many wait, PromptTooLong where it could never fit."""
        if (need := blocks_for(job.longest)) >= self._runner.blocks:
            raise PromptTooLong(
                f"the prompt and its answer may need {need} blocks of the cache, which has {self._runner.blocks - 1}; "
                "shorten the prompt, or give the engine more memory"
            )
        with self._guard:
            if self._closing:
                raise EngineFailed("the engine is shutting down; ask another one")
            if self._waiting.full:
                seconds = max(1.0, len(self._waiting) / self.slots * 2.0)
                raise EngineBusy(f"{len(self._waiting)} questions wait already; try again in {seconds:.0f} s", seconds)
            self._waiting.add(job)
            self._guard.notify()

    def call(self, work: Callable[[Runner, Blocks], Any], terms: Terms | None = None, tokens: int = 0) -> Any:
        """Run something on the engine's thread between two turns, and give its result. With terms it waits for its turn like
        a prompt of so many tokens."""
        call = Call(work, terms, tokens)
        with self._guard:
            if self._closing:
                raise EngineFailed("the engine is shutting down; ask another one")
            call.read_in = self._turns
            self._calls.append(call)
            self._guard.notify()
        return call.done.result()

    def load(self) -> Load:
        with self._guard:
            waiting = len(self._waiting)
        return Load(
            waiting, len(self._active), self._runner.blocks - 1, self._blocks.available, self._prompt_tokens,
            self._reused, self._hits, self._tokens, self._drafted, self._true,
        )  # fmt: skip

    def close(self) -> None:
        """Ends every answer as cancelled and stops the thread. Safe to call twice."""
        with self._guard:
            self._closing = True
            self._guard.notify()
        self._thread.join(timeout=30)

    # --- the engine's thread ----------------------------------------------------------------------

    def _run(self) -> None:
        moved = False
        while True:
            with self._guard:
                if not (moved or self._closing or self._calls):
                    self._guard.wait(_IDLE_S if self._active or self._waiting else None)
                if self._closing:
                    break
                own = [call for call in self._calls if call.terms is None]
                self._calls = [call for call in self._calls if call.terms is not None]
            for call in own:
                call.run(self._runner, self._blocks)
            try:
                moved = self._turn()
            except Exception as error:  # the pool is lost, and every conversation in it
                self._fail(error)
        for job in [*self._active, *self._waiting.clear()]:
            job.finish("cancelled")
        for call in self._calls:
            call.done.set_exception(EngineFailed("the engine is shutting down; ask another one"))

    def _turn(self) -> bool:
        """Whether there was anything to do."""
        self._sweep()
        self._admit()
        self._turns += 1
        working = [job for job in self._active if job.reading or not job.paused(AHEAD)]
        with self._guard:
            prompts: list[Job | Call] = [*(job for job in working if job.reading), *self._calls]
        whose = self._shares.turn({*(job.tenant for job in working), *(one.tenant for one in prompts)})
        match next_to_read((one for one in prompts if one.tenant in whose), self._shares, self._turns):
            case Job() as job:
                self._read(job)
            case Call() as call:
                self._look(call)
        writing = [job for job in working if job in self._active and not job.reading and job.tenant in whose]
        if len(writing) == 1 and (guess := self._guess(writing[0])):
            self._check(writing[0], guess)
        elif writing:
            self._write(writing)
        return bool(working or prompts)

    def _sweep(self) -> None:
        now = time.monotonic()
        for job in list(self._active):
            if reason := job.over(now):
                self._end(job, reason)
        with self._guard:
            gone = self._waiting.sweep(now)
        for job, reason in gone:
            job.finish(reason)

    def _admit(self) -> None:
        """The next in line while it fits; nobody overtakes one that is waiting for room. Of several tenants, those of whom
        nothing is in progress have the last place, where there are a few, and a quarter of the cache for themselves."""
        full: set[str] = set()
        while len(self._active) < self.slots:
            busy = {job.tenant for job in self._active}
            with self._guard:
                kept = self._waiting.several
                last = kept and self.slots >= FEW and len(self._active) == self.slots - 1
                job = self._waiting.first(full | busy if last else full)
            if job is None:
                return
            # the last token is fed in any case: its logits are wanted
            job.names.extend(job.tokens, (len(job.tokens) - 1) // POSITIONS * POSITIONS)
            table = self._blocks.shared(job.names.all)
            reused = len(table)
            need = blocks_for(job.longest) - reused
            if kept and job.tenant in busy and self._blocks.available - need < self._runner.blocks // 4:
                self._blocks.release(table)
                full.add(job.tenant)
                continue
            more = self._blocks.take(need)
            if more is None:
                self._blocks.release(table)
                return
            with self._guard:
                self._waiting.take(job)
            job.table = [*table, *more]
            job.cached = job.reused = reused * POSITIONS
            job.read_in = self._turns
            self._prompt_tokens += len(job.tokens)
            self._reused += job.cached
            self._hits += job.cached > 0
            self._active.append(job)

    def _look(self, call: Call) -> None:
        with self._guard:
            self._calls.remove(call)
        self._shares.charge(call.tenant, call.left)
        call.run(self._runner, self._blocks)

    def _read(self, job: Job) -> None:
        """One chunk of a prompt: a short one while others are being answered."""
        small, large = self._runner.chunks[0], self._runner.chunks[-1]
        others = any(not other.reading for other in self._active)
        # a large chunk that is mostly padding costs more than two small ones
        size = large if job.left > large // 2 and not others else small
        part = job.tokens[job.cached : min(job.cached + size, job.prompt)]
        logits = self._runner.run([Feed(job.cached, part, job.table)])
        job.read_in = self._turns
        self._shares.charge(job.tenant, len(part))
        self._keep(job, len(part))
        if not job.reading:
            self._say(job, logits[0])

    def _write(self, jobs: list[Job]) -> None:
        begun = time.perf_counter()
        logits = self._runner.run([Feed(job.cached, job.tokens[-1:], job.table) for job in jobs])
        if len(jobs) == 1:
            self._step_s = _mean(self._step_s, time.perf_counter() - begun)
        for job, row in zip(jobs, logits, strict=True):
            self._shares.charge(job.tenant, ANSWER)
            self._keep(job, 1)
            self._say(job, row)

    def _guess(self, job: Job) -> list[int]:
        if not (self._runner.fast and self.guesses):
            return []
        cost = self._check_s / self._step_s if self._check_s and self._step_s else 1.0
        guess = job.drafts.guess(min(DRAFTED - 1, job.room - 1), cost)
        return guess if job.guide is None or not guess else job.guide.possible(guess)

    def _check(self, job: Job, guess: list[int]) -> None:
        """The next token and the guesses behind it in one step; the first wrong guess ends what is taken from it."""
        begun = time.perf_counter()
        logits = self._runner.run([Feed(job.cached, [job.tokens[-1], *guess], job.table)], every=True)[0]
        self._check_s = _mean(self._check_s, time.perf_counter() - begun)
        self._shares.charge(job.tenant, ANSWER + len(guess))
        right = 0
        for place, token in enumerate([*guess, -1]):
            self._keep(job, 1)
            said = self._say(job, logits[place])
            if said != token or job not in self._active:
                break
            right += 1
        job.drafts.came_true(right)
        self._drafted += len(guess)
        self._true += right

    def _keep(self, job: Job, count: int) -> None:
        """So many more positions are in the cache; blocks that are full may now be shared."""
        job.cached += count
        known = len(job.names.all)
        job.names.extend(job.tokens, job.cached)
        first = min(known, (job.cached - count) // POSITIONS)
        for place in range(first, len(job.names.all)):
            if (place + 1) * POSITIONS <= job.cached:
                self._blocks.name(job.table[place], job.names.all[place])

    def _say(self, job: Job, logits: NDArray[np.float32]) -> int:
        try:
            token = job.choose(logits)
        except GuideFailed as error:
            self._end(job, SchemaFailed(f"the answer could not be held to its schema ({error}); simplify the schema"))
            return -1
        self._tokens += 1
        if token in job.stops:
            job.made += 1
            self._end(job, "stop")
            return token
        job.say(token)
        if job.room <= 0:
            self._end(job, "length")
        return token

    def _end(self, job: Job, reason: FinishReason | EngineFailed) -> None:
        self._active.remove(job)
        self._blocks.release(job.table)
        if isinstance(reason, EngineFailed):
            job.fail(reason)
        else:
            job.finish(reason)

    def _fail(self, error: Exception) -> None:
        lost, self._active = self._active, []
        self._blocks = Blocks(self._runner.blocks)
        try:
            self._runner.forget()
        except EngineFailed:  # another process of the model is gone, and no step will succeed any more
            with self._guard:
                self._closing = True
        for job in lost:
            job.fail(EngineFailed(f"a step of the model failed ({type(error).__name__}: {error}); ask again"))


def _mean(known: float, new: float) -> float:
    return new if not known else known + _FORGET * (new - known)
