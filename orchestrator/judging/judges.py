"""Runs all rails on one text at once, each in its own span, each on its own clock.

Invariant: a rail that errs or is late counts as the policy's fail mode for that rail: block, unless the policy says
otherwise.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from opentelemetry.trace import Span

from audit import kinds
from moderation.rails.base import Embedding, Seen, together
from moderation.severity import severity
from moderation.types import Allow, Direction, Finding, Verdict, millionths
from orchestrator.ports import Meter, Record
from orchestrator.telemetry import attributes as names
from orchestrator.telemetry.trace import Trace

UNEMBEDDED: Embedding = np.empty(0, np.float32)
"""In place of an embedding that is still to be made. No head can read it: a rail that is shown it fails."""


class JudgeRails(Protocol):
    """`moderation.rails.Rails`, as far as a journey needs it."""

    def names(self, direction: Direction) -> tuple[str, ...]: ...

    def judge(self, rail: str, seen: Seen) -> Verdict: ...

    def screen(self, text: str) -> Verdict: ...

    def fail(self, rail: str, direction: Direction, why: str) -> Verdict: ...


@dataclass(frozen=True)
class Judged:
    """One rail's verdict on one text. segment: None for the question. context: number of a message that a client brought
    along; None for every other text."""

    direction: Direction
    segment: int | None
    verdict: Verdict
    ms: float
    context: int | None = None

    def view(self) -> dict[str, Any]:
        """For the client and the review page; scores as floats."""
        finding = self.verdict.finding
        return {
            "direction": self.direction.value,
            "segment": self.segment,
            **({} if self.context is None else {"context": self.context}),
            "rail": finding.rail,
            "category": finding.category,
            "verdict": self.verdict.name,
            "probability": round(finding.probability, 6),
            "threshold": round(finding.threshold, 6),
            "reason": finding.reason,
            "spans": [list(span) for span in finding.spans],
            "ms": round(self.ms, 3),
        }

    def body(self) -> dict[str, Any]:
        """For the record; scores in millionths, times in microseconds."""
        view = self.view()
        view["probability"] = millionths(self.verdict.finding.probability)
        view["threshold"] = millionths(self.verdict.finding.threshold)
        view["us"] = round(self.ms * 1000)
        del view["ms"]
        return view


class Judges:
    """The rails of one deployment on one pool of threads. Stateless between texts."""

    def __init__(self, rails: JudgeRails, pool: Executor, meter: Meter, timeout_s: float = 2.0, digest: str = "") -> None:
        """digest: of the trained heads, for the record."""
        self._rails, self._pool, self._meter = rails, pool, meter
        self._timeout, self._digest = timeout_s, digest

    @property
    def rails(self) -> JudgeRails:
        return self._rails

    def judge(self, seen: Seen, trace: Trace, record: Record, context: int | None = None) -> list[Judged]:
        """Every rail's verdict on a text, in the policy's order; one `judged` event each. Never raises for a
        rail's failure. Of several rails that redact, each verdict carries the text with all of their edits.
        context: number of a message that a client brought along."""
        begun = time.perf_counter()
        rails = self._rails.names(seen.direction)
        futures = {rail: self._pool.submit(self._one, rail, seen, trace) for rail in rails}
        judged = [self._result(rail, seen, future, begun) for rail, future in futures.items()]
        verdicts = together(seen.text, [one.verdict for one in judged])
        judged = [replace(one, verdict=verdict, context=context) for one, verdict in zip(judged, verdicts, strict=True)]
        return self._recorded(judged, record)

    def unembedded(self, seen: Seen, error: BaseException, record: Record, context: int | None = None) -> list[Judged]:
        """What a text comes to whose embedding failed: no rail has seen it, so each one counts as failed."""
        why = f"the sentence encoder failed ({type(error).__name__})"
        rails, where = self._rails.names(seen.direction), (seen.direction, seen.segment)
        failed = [Judged(*where, self._rails.fail(rail, seen.direction, why), 0.0, context) for rail in rails]
        return self._recorded(failed, record)

    @property
    def timeout_s(self) -> float:
        return self._timeout

    def screen(self, text: str) -> Verdict:
        """Whether a model may read a text that no person typed. Never raises for the rail's failure."""
        try:
            return self._rails.screen(text)
        except Exception as error:
            return self.unscreened(f"the rail failed ({type(error).__name__})")

    def unscreened(self, why: str) -> Verdict:
        """What a text comes to that could not be screened: the injection rail's fail mode."""
        return self._rails.fail("injection", Direction.INPUT, why)

    def _one(self, rail: str, seen: Seen, trace: Trace) -> tuple[Verdict, float]:
        begun = time.perf_counter()
        with trace.step(names.RAIL, **{names.RAIL_NAME: rail, names.DIRECTION: seen.direction.value}) as span:
            verdict = self._rails.judge(rail, seen)
            if not math.isfinite(verdict.finding.probability):  # NaN is below every threshold, and would pass
                raise ValueError("the rail's probability is no number")
            _describe(span, verdict, seen.segment)
        return verdict, (time.perf_counter() - begun) * 1000

    def _result(self, rail: str, seen: Seen, future: Future[tuple[Verdict, float]], begun: float) -> Judged:
        left = max(0.0, self._timeout - (time.perf_counter() - begun))
        try:
            verdict, ms = future.result(left)
        except FutureTimeout:
            future.cancel()
            verdict = self._rails.fail(rail, seen.direction, f"no verdict within {self._timeout:g} s")
            ms = self._timeout * 1000
        except BaseException as error:  # a rail that dies has given no verdict, whatever it dies of
            verdict = self._rails.fail(rail, seen.direction, f"the rail failed ({type(error).__name__})")
            ms = (time.perf_counter() - begun) * 1000
        return Judged(seen.direction, seen.segment, verdict, ms)

    def _recorded(self, judged: list[Judged], record: Record) -> list[Judged]:
        for one in judged:
            record.append(kinds.JUDGED, one.body(), labels=_labels(one), model=self._digest)
            self._meter.verdict(one.direction.value, one.verdict.finding.rail, one.verdict.name, one.ms / 1000)
        return judged


class VerdictListener(Protocol):
    """Is told of every text and its verdicts. Nobody waits for it."""

    def on_verdict(self, seen: Seen, judged: Sequence[Judged], /) -> None: ...


@dataclass(frozen=True)
class QueryJudge:
    """Judges all texts of one query, on any thread, and writes what it found to that query's spans and record."""

    judges: Judges
    trace: Trace
    record: Record
    listener: VerdictListener | None = None

    def judge(self, seen: Seen, embed: Callable[[], Embedding] | None = None, context: int | None = None) -> list[Judged]:
        """See `Judges.judge`. embed: makes the embedding, where `seen` is still `UNEMBEDDED`; whatever it raises counts as
        every rail's failure."""
        if embed is not None:
            try:
                seen = replace(seen, embedding=embed())
            except BaseException as error:  # a panic of a native library is no Exception
                return self.judges.unembedded(seen, error, self.record, context)
        judged = self.judges.judge(seen, self.trace, self.record, context)
        if self.listener is not None:
            self.listener.on_verdict(seen, judged)
        return judged


def worst(judged: Sequence[Judged]) -> Verdict:
    """The verdict that decides: the severest, and of several the first. Any redaction of a text stands for
    all of them, since `judge` has made every rail's edits in each."""
    verdicts = [one.verdict for one in judged]
    if not verdicts:
        return Allow(Finding("none", "", 0.0, 1.0, "no rail is switched on in this direction"))
    return max(verdicts, key=lambda verdict: severity(verdict.name))


def _labels(one: Judged) -> Mapping[str, str]:
    return {"verdict": one.verdict.name, "rail": one.verdict.finding.rail}


def _describe(span: Span, verdict: Verdict, segment: int | None) -> None:
    span.set_attribute(names.VERDICT, verdict.name)
    span.set_attribute(names.RAIL_CATEGORY, verdict.finding.category)
    span.set_attribute(names.PROBABILITY, millionths(verdict.finding.probability))
    span.set_attribute(names.THRESHOLD, millionths(verdict.finding.threshold))
    if segment is not None:
        span.set_attribute(names.SEGMENT, segment)
