"""Who is next: people before campaigns, then the tenant that has had least lately, then who came first.

Service is counted in tokens (virtual token counter, arXiv:2401.00588), but an old token counts less than a new one: a tenant
with many questions waits behind its own, not before those of others, and one that returns after a pause has a credit of
WINDOW tokens at most. What is waiting and what is in progress are weighed by the same book.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from inference.engine.request import Call, Job
from inference.types import FinishReason

PATIENCE_S = 60.0
"""After so long a campaign's question counts as a person's."""
WINDOW = 4096.0
"""Tokens after which what a tenant had before counts for e times less."""
EVEN = WINDOW / 8
"""Tenants whose service differs by less than this share every step."""
PASSED_OVER = 256.0
"""After so many tokens of others, a turn is that of a tenant that has had more: no answer ever stands still."""
ANSWER = 4
"""A token of an answer costs a CPU about as much as four of a prompt."""
IMPATIENT = 8
"""Turns after which a prompt is read before shorter ones of its tenant."""
_REMEMBERED_S = 3600.0

Work = TypeVar("Work", Job, Call, Job | Call)


class Shares:
    """What each tenant has had lately, in tokens. For one thread, or under the lock of whoever holds it."""

    def __init__(self) -> None:
        self._had: dict[str, float] = {}
        self._passed_over: dict[str, float] = {}

    def had(self, tenant: str) -> float:
        return self._had.get(tenant, 0.0)

    def charge(self, tenant: str, tokens: float) -> None:
        """So many tokens were read for the tenant (an answer's count `ANSWER` each)."""
        fade = math.exp(-tokens / WINDOW)
        self._had = {one: left for one, had in self._had.items() if (left := had * fade) > 0.5}
        self._had[tenant] = self.had(tenant) + tokens
        for other in self._passed_over.keys() - {tenant}:
            self._passed_over[other] += tokens

    def turn(self, working: Collection[str]) -> Collection[str]:
        """Of the tenants that have work, those whose turn it is: all while they have had about as much as each other, else
        those that have had least, but for a turn now and then of who was passed over."""
        least = min((self.had(tenant) for tenant in working), default=0.0)
        heavier = {tenant for tenant in working if self.had(tenant) > least + EVEN}
        self._passed_over = {tenant: self._passed_over.get(tenant, 0.0) for tenant in heavier}
        due = {tenant for tenant, tokens in self._passed_over.items() if tokens >= PASSED_OVER}
        self._passed_over |= dict.fromkeys(due, 0.0)
        return due or set(working) - heavier


def level(work: Job | Call, now: float) -> int:
    """0 for people, and for a campaign's question that has waited long."""
    return work.priority if now - work.arrived < PATIENCE_S else min(work.priority, 0)


def next_to_read(prompts: Iterable[Work], shares: Shares, turn: int) -> Work | None:
    """Of which prompt the next chunk is read: by tenant, then the one of which least is left, unless another was passed over
    for IMPATIENT turns."""
    now = time.monotonic()

    def place(one: Work) -> tuple[float, ...]:
        return (level(one, now), shares.had(one.tenant), 0 if turn - one.read_in >= IMPATIENT else one.left, one.arrived)

    return min(prompts, key=place, default=None)


class Waiting:
    """Questions that are not admitted yet. The caller holds the scheduler's guard."""

    def __init__(self, most: int, had: Callable[[str], float]) -> None:
        self._most, self._had = most, had
        self._jobs: list[Job] = []
        self._seen: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def full(self) -> bool:
        return len(self._jobs) >= self._most

    @property
    def several(self) -> bool:
        """Whether more than one tenant has asked within the hour: then a place is kept for those who come."""
        return len(self._seen) > 1

    def add(self, job: Job) -> None:
        self._jobs.append(job)
        self._seen = {one: at for one, at in self._seen.items() if job.arrived - at < _REMEMBERED_S}
        self._seen[job.tenant] = job.arrived

    def first(self, without: Collection[str] = ()) -> Job | None:
        """Of those whose tenants are not among `without`."""
        now = time.monotonic()
        jobs = (job for job in self._jobs if job.tenant not in without)
        return min(jobs, key=lambda job: (level(job, now), self._had(job.tenant), job.arrived), default=None)

    def take(self, job: Job) -> None:
        self._jobs.remove(job)

    def sweep(self, now: float) -> list[tuple[Job, FinishReason]]:
        """Takes out what is cancelled or late."""
        gone = [(job, reason) for job in self._jobs if (reason := job.over(now))]
        for job, _ in gone:
            self._jobs.remove(job)
        return gone

    def clear(self) -> list[Job]:
        gone, self._jobs = self._jobs, []
        return gone
