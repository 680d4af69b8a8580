"""Shadow mode: a candidate policy judges, silently and afterwards, what the policy in force has judged.

Invariant: nothing here is waited for. A text is handed over after its verdicts are in; where the candidate cannot keep up,
texts are dropped and counted. Its verdicts reach the record alone: never the gate, a bot or the caller.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from moderation.rails.base import Seen
from moderation.severity import OFF
from moderation.types import Allow, Finding, Verdict, millionths
from orchestrator.judging.judges import Judged, JudgeRails
from orchestrator.types import Query

log = structlog.get_logger(__name__)
CAPACITY = 256
"""Texts that may wait for the candidate."""
MOST_DIFFERENCES = 50
"""Of one query that are recorded one by one; further ones are counted."""
NICENESS = 10
"""Of the candidate's thread, where the system knows such a thing of threads (Linux)."""


class ShadowMeter(Protocol):
    def shadow(self, result: str, count: int) -> None: ...


Tell = Callable[[Query, str, str, Mapping[str, Any]], None]
"""Records a query's comparison: the query, the digest in force, the candidate's, the body. Not awaited; may raise."""


@dataclass(frozen=True)
class CandidatePolicy:
    """The policy that is tried out, resolved for one caller."""

    digest: str
    version: str
    rails: JudgeRails


@dataclass(frozen=True)
class _Text:
    """One text that was judged, with everything its verdicts depended on."""

    watched: ShadowedQuery
    seen: Seen
    judged: Sequence[Judged]


class Shadow:
    """One deployment's candidate thread. `_changed` guards the queue; comparisons belong to the thread."""

    def __init__(self, tell: Tell, meter: ShadowMeter, capacity: int = CAPACITY) -> None:
        self._tell, self._meter, self._capacity = tell, meter, capacity
        self._changed = threading.Condition()
        self._waiting: deque[_Text | ShadowedQuery] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> Shadow:
        self._thread.start()
        return self

    def watch(self, query: Query, digest: str, candidate: CandidatePolicy) -> ShadowedQuery:
        """digest: of the policy in force for the query."""
        return ShadowedQuery(self, query, digest, candidate)

    def put(self, text: _Text) -> bool:
        """Whether there was room."""
        with self._changed:
            if self._closed or len(self._waiting) >= self._capacity:
                return False
            self._waiting.append(text)
            self._changed.notify()
        return True

    def end(self, watched: ShadowedQuery) -> None:
        """After the query's texts: there are no more. Always finds room, since a query ends once."""
        with self._changed:
            self._waiting.append(watched)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                one = self._waiting.popleft()
            try:
                match one:
                    case _Text():
                        one.watched.compare(one)
                    case ShadowedQuery():
                        self._record(one)
            except Exception as error:  # a candidate that cannot be tried out disturbs no query
                self._meter.shadow("failed", 1)
                with suppress(OSError, ValueError):
                    log.warning("shadow.failed", error=type(error).__name__)

    def _record(self, watched: ShadowedQuery) -> None:
        self._meter.shadow("compared", watched.compared)
        self._meter.shadow("differed", watched.differing)
        self._meter.shadow("dropped", watched.dropped)
        if watched.compared or watched.dropped:
            self._tell(watched.query, watched.digest, watched.candidate.digest, watched.body())


class ShadowedQuery:
    """One query under the candidate's eyes. `_lock` guards what the judging threads count; the rest is the thread's."""

    def __init__(self, shadow: Shadow, query: Query, digest: str, candidate: CandidatePolicy) -> None:
        self.query, self.digest, self.candidate = query, digest, candidate
        self.compared = self.differing = self.dropped = 0
        self._differences: list[Mapping[str, Any]] = []
        self._shadow, self._over = shadow, False
        self._lock = threading.Lock()

    def on_verdict(self, seen: Seen, judged: Sequence[Judged]) -> None:
        """A text and what the policy in force said of it. Returns at once."""
        if self._over:
            return
        if not self._shadow.put(_Text(self, seen, judged)):
            with self._lock:
                self.dropped += 1

    def ended(self) -> None:
        """The query has ended: what is judged of it from now on is of no interest."""
        self._over = True
        self._shadow.end(self)

    def compare(self, text: _Text) -> None:
        """The candidate's verdicts beside those in force, rail by rail."""
        rails, before = self.candidate.rails, {one.verdict.finding.rail: one.verdict for one in text.judged}
        after = {rail: _verdict(rails, rail, text.seen) for rail in rails.names(text.seen.direction)}
        self.compared += 1
        for rail in dict.fromkeys((*before, *after)):
            old, new = before.get(rail), after.get(rail)
            if _same(old, new):
                continue
            self.differing += 1
            if len(self._differences) < MOST_DIFFERENCES:
                where = {"rail": rail, "direction": text.seen.direction.value, "segment": text.seen.segment}
                self._differences.append({**where, "in_force": _view(old), "candidate": _view(new)})

    def body(self) -> Mapping[str, Any]:
        return {
            "about": self.query.id,
            "in_force": self.digest,
            "candidate": self.candidate.digest,
            "version": self.candidate.version,
            "compared": self.compared,
            "dropped": self.dropped,
            "differing": self.differing,
            "differences": self._differences,
        }


def _verdict(rails: JudgeRails, rail: str, seen: Seen) -> Verdict:
    try:
        return rails.judge(rail, seen)
    except Exception as error:
        return rails.fail(rail, seen.direction, f"the rail failed ({type(error).__name__})")


def _same(old: Verdict | None, new: Verdict | None) -> bool:
    """Whether a person would notice no difference: an unchanged verdict, for the same category where it is not to allow."""
    names = {OFF if one is None or isinstance(one, Allow) else one.name for one in (old, new)}
    if len(names) > 1:
        return False
    return OFF in names or _finding(old).category == _finding(new).category


def _finding(verdict: Verdict | None) -> Finding:
    return verdict.finding if verdict is not None else Finding("", "", 0.0, 1.0, "")


def _view(verdict: Verdict | None) -> Mapping[str, Any]:
    if verdict is None:
        return {"verdict": OFF}
    finding = verdict.finding
    return {
        "verdict": verdict.name,
        "category": finding.category,
        "probability": millionths(finding.probability),
        "threshold": millionths(finding.threshold),
    }
