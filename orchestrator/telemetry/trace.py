"""Spans of a journey. A span may run on another thread than its parent, so parents are handed over by hand.

Invariant: a span records that something failed and of what type, never the message: messages may hold a person's words.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, Tracer

from orchestrator.telemetry import attributes as names


class Trace:
    """One query's spans under one root, and how long each step took. `_lock` guards the durations: steps end
    on the bot's and the rails' threads too, also while the journey sums them up."""

    def __init__(self, tracer: Tracer, root: Span) -> None:
        self._tracer, self.root = tracer, root
        self._context: Context = trace.set_span_in_context(root)
        self.started = time.perf_counter()
        self._lock = threading.Lock()
        self._timings: dict[str, float] = {}

    @property
    def trace_id(self) -> str:
        return format(self.root.get_span_context().trace_id, "032x")

    @property
    def span_id(self) -> str:
        return format(self.root.get_span_context().span_id, "016x")

    @contextmanager
    def step(self, name: str, **attributes: str | int) -> Iterator[Span]:
        """A child span; its duration is noted under the span's name."""
        begun = time.perf_counter()
        span = self._tracer.start_span(name, context=self._context, attributes=attributes)
        try:
            yield span
        except BaseException as error:
            span.set_attribute(names.ERROR, type(error).__name__)
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            span.end()
            self.note(name, time.perf_counter() - begun)

    def note(self, name: str, seconds: float) -> None:
        """Adds to a step's duration."""
        with self._lock:
            self._timings[name] = self._timings.get(name, 0.0) + seconds

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by step, as of now."""
        with self._lock:
            return dict(self._timings)

    def elapsed(self) -> float:
        """Seconds since the journey began."""
        return time.perf_counter() - self.started
