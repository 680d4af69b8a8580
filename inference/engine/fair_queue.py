"""Who is next: people before campaigns, then the tenant that has had least, then who came first.

Service is counted in tokens (virtual token counter, arXiv:2401.00588): a tenant with many questions waits behind its own,
not before those of others; one that returns after a pause has no credit for it.
"""

from __future__ import annotations

import time

from inference.engine.request import Job
from inference.types import FinishReason

PATIENCE_S = 60.0
"""After so long a campaign's question counts as a person's."""


class Waiting:
    """Questions that are not admitted yet. The caller holds the scheduler's guard."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: list[Job] = []
        self._served: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __bool__(self) -> bool:
        return bool(self._jobs)

    @property
    def full(self) -> bool:
        return len(self._jobs) >= self._most

    def add(self, job: Job) -> None:
        tenant = job.terms.tenant
        others = [self._served[other.terms.tenant] for other in self._jobs if other.terms.tenant in self._served]
        least = min(others, default=max(self._served.values(), default=0))
        if not any(other.terms.tenant == tenant for other in self._jobs):
            self._served[tenant] = max(self._served.get(tenant, 0), least)
        self._jobs.append(job)

    def first(self) -> Job | None:
        now = time.monotonic()
        for job in self._jobs:
            patient = job.terms.priority if now - job.arrived < PATIENCE_S else min(job.terms.priority, 0)
            job.rank = (patient, self._served.get(job.terms.tenant, 0), job.arrived)
        return min(self._jobs, key=lambda job: job.rank, default=None)

    def take(self, job: Job) -> None:
        """It is admitted: its prompt counts at once, its answer when it has ended."""
        self._jobs.remove(job)
        self._served[job.terms.tenant] = self._served.get(job.terms.tenant, 0) + job.prompt

    def served(self, job: Job) -> None:
        if job.terms.tenant in self._served:
            self._served[job.terms.tenant] += 2 * job.made

    def sweep(self, now: float) -> list[tuple[Job, FinishReason]]:
        """Takes out what is cancelled or late."""
        gone = [(job, reason) for job in self._jobs if (reason := job.over(now))]
        for job, _ in gone:
            self._jobs.remove(job)
        return gone

    def clear(self) -> list[Job]:
        gone, self._jobs = self._jobs, []
        return gone
