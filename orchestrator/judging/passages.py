"""Passages are screened before a model sees them: one that reads like an instruction is left out, and the record says so.

Invariant: what `screened` returns as kept was judged by this query's own policy, now or before; a passage that could not
be judged, or not in time, is left out unless the policy lets the injection rail fail open.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from moderation.types import Block, Finding, Verdict, millionths
from orchestrator.judging.judges import QueryJudge
from orchestrator.ports import Passage
from orchestrator.telemetry import attributes as names

TENANTS = 64
PASSAGES = 4096


@dataclass(frozen=True)
class LeftOut:
    """A passage that no model sees. number: its place in what retrieval found, from 1."""

    number: int
    passage: Passage
    finding: Finding


@dataclass(frozen=True)
class Screened:
    kept: tuple[Passage, ...]
    left_out: tuple[LeftOut, ...]

    def body(self) -> dict[str, object]:
        """For the record; scores in millionths, and of a passage only where it stands."""
        return {
            "kept": len(self.kept),
            "left_out": [
                {
                    "number": one.number,
                    "chunk": one.passage.chunk,
                    "document": one.passage.document,
                    "page": one.passage.page,
                    "probability": millionths(one.finding.probability),
                    "threshold": millionths(one.finding.threshold),
                    "reason": one.finding.reason,
                }
                for one in self.left_out
            ],
        }


class VerdictMemo:
    """Verdicts on texts, by tenant: whether another tenant's search met a text before cannot be told from the time ours
    takes, nor push ours out. Texts are kept as digests. Bounded; the lock guards the caches."""

    def __init__(self) -> None:
        self._tenants: LRUCache[str, LRUCache[tuple[str, str], Verdict]] = LRUCache(TENANTS)
        self._lock = threading.Lock()

    def get(self, tenant: str, key: tuple[str, str]) -> Verdict | None:
        with self._lock:
            known = self._tenants.get(tenant)
            return None if known is None else known.get(key)

    def put(self, tenant: str, key: tuple[str, str], verdict: Verdict) -> None:
        with self._lock:
            if tenant not in self._tenants:
                self._tenants[tenant] = LRUCache(PASSAGES)
            self._tenants[tenant][key] = verdict


@dataclass(frozen=True)
class Screening:
    """One query's look at what it retrieved or was sent. policy: its digest; with the text it names a verdict."""

    judge: QueryJudge
    memo: VerdictMemo
    tenant: str
    policy: str

    def passages(self, found: Sequence[Passage]) -> Screened:
        """Runs on any thread; stops judging when the rails' time is up."""
        kept: list[Passage] = []
        left: list[LeftOut] = []
        ends = time.perf_counter() + self.judge.judges.timeout_s
        with self.judge.trace.step(names.SCREEN) as span:
            for number, passage in enumerate(found, 1):
                verdict = self._verdict(passage.as_text, ends)
                if isinstance(verdict, Block):
                    left.append(LeftOut(number, passage, verdict.finding))
                else:
                    kept.append(passage)
            span.set_attribute(names.PASSAGES, len(kept))
            span.set_attribute(names.LEFT_OUT, len(left))
        return Screened(tuple(kept), tuple(left))

    def attacks(self, text: str) -> bool:
        """Whether a string of a live service reads like an instruction."""
        ends = time.perf_counter() + self.judge.judges.timeout_s
        return isinstance(self._verdict(text, ends), Block)

    def _verdict(self, text: str, ends: float) -> Verdict:
        key = (self.policy, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
        known = self.memo.get(self.tenant, key)
        if known is not None:
            return known
        if time.perf_counter() > ends:
            return self.judge.judges.unscreened("it was not screened in time")
        verdict = self.judge.judges.screen(text)
        if verdict.finding.category != "failure":
            self.memo.put(self.tenant, key, verdict)
        return verdict
