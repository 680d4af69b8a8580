"""Prometheus metrics of an engine process. No label holds anything that a client sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from inference.engine.scheduler import Load

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class EngineMetrics:
    """On a registry of its own; what the scheduler counts by itself is read when somebody looks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.first_token = Histogram(
            "countersign_engine_time_to_first_token_seconds",
            "From the request to its answer's first text, queueing included",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.answers = Counter(
            "countersign_engine_answers_total", "Answers by how they ended", ["reason"], registry=self._registry
        )
        self.refused = Counter(
            "countersign_engine_refused_total", "Requests that were not answered", ["status"], registry=self._registry
        )

    def watch(self, load: Callable[[], Load]) -> None:
        """Called once, when there is an engine."""
        now: tuple[tuple[str, str, Callable[[Load], int]], ...] = (
            ("queue_depth", "Requests that wait", lambda one: one.waiting),
            ("running", "Answers in progress", lambda one: one.active),
            ("cache_blocks", "Blocks of the KV cache", lambda one: one.blocks),
            (
                "cache_blocks_available",
                "Blocks that are free, or kept for beginnings only",
                lambda one: one.blocks_available,
            ),
        )
        for name, told, read in now:
            gauge = Gauge(f"countersign_engine_{name}", told, registry=self._registry)
            gauge.set_function(lambda read=read: read(load()))  # type: ignore[misc]
        self._registry.register(_Totals(load))

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)


class _Totals(Collector):
    """What only grows."""

    def __init__(self, load: Callable[[], Load]) -> None:
        self._load = load

    def collect(self) -> list[Metric]:
        now = self._load()
        totals = (
            ("tokens", "Tokens made", now.tokens),
            ("prefill_tokens", "Tokens of prompts that were read", now.prompt_tokens - now.prompt_tokens_reused),
            ("prefix_tokens", "Tokens of prompts that were in the cache already", now.prompt_tokens_reused),
            ("prefix_hits", "Prompts whose beginning was in the cache already", now.hits),
            ("drafted_tokens", "Tokens guessed ahead", now.drafted),
            ("drafted_tokens_true", "Tokens guessed ahead that came true", now.drafted_true),
        )
        return [CounterMetricFamily(f"countersign_engine_{name}", told, value=value) for name, told, value in totals]
