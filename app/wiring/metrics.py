"""Prometheus metrics of the service. No label ever holds a tenant, a person or a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from audit.append.store import Stats
from audit.checkpoints.issuer import CheckpointStats
from audit.witness.client import Standing

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


Shown = tuple[str, str, Callable[[], float]]
"""A figure that another room keeps: its name, what it says, and how it is read. One that only grows ends in _total."""


class _Read(Collector):
    """Asks whenever somebody looks; what only grows is a counter, so that a restart is no fall."""

    def __init__(self, shown: Sequence[Shown]) -> None:
        self._shown = shown

    def collect(self) -> Iterator[Metric]:
        for name, text, read in self._shown:
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"countersign_{name}", text, value=read())


class Metrics:
    """Implements `orchestrator.ports.Meter` on a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self._verdicts = Counter(
            "countersign_moderation_decisions_total", "Verdicts", ["direction", "rail", "verdict"], registry=r
        )
        self._rail = Histogram(
            "countersign_moderation_duration_seconds",
            "Time of one rail",
            ["rail"],
            buckets=_SECONDS,
            registry=r,
        )
        self._steps = Histogram(
            "countersign_step_duration_seconds",
            "Time of a journey's steps",
            ["step"],
            buckets=_SECONDS,
            registry=r,
        )
        self._routes = Counter("countersign_route_total", "Chosen bots", ["bot"], registry=r)
        self._passages = Counter(
            "countersign_passages_screened_total", "Passages by what screening came to", ["outcome"], registry=r
        )
        self._entities = Counter("countersign_pii_entities_total", "Redacted entities", ["entity"], registry=r)
        self._journeys = Histogram(
            "countersign_journey_duration_seconds",
            "Whole journeys",
            ["bot", "outcome"],
            buckets=_SECONDS,
            registry=r,
        )
        self._tokens = Counter("countersign_tokens_total", "Tokens of the on-prem model", ["kind"], registry=r)
        self._unrestored = Counter(
            "countersign_pseudonyms_unrestored_total",
            "Pseudonyms in answers for which no original could be put back",
            registry=r,
        )
        self._unrecorded = Counter(
            "countersign_refused_unrecorded_total",
            "Answers withheld because the store could not be written",
            registry=r,
        )
        self._policies = Gauge(
            "countersign_policy_info", "The policies in use: always 1", ["role", "digest", "version"], registry=r
        )
        self._policy_now: dict[str, tuple[str, str, str]] = {}
        self._policy_files = Counter(
            "countersign_policy_files_total", "Changed policy files, by what came of them", ["role", "result"], registry=r
        )
        self._policy_refused = Gauge(
            "countersign_policy_file_rejected", "1 while the policy file is not the policy in use", ["role"], registry=r
        )
        self._shadow = Counter(
            "countersign_shadow_total",
            "What a policy that is tried out judged: texts compared, rails that differed, texts dropped, failures",
            ["result"],
            registry=r,
        )
        self.chats = Gauge("countersign_chats_in_flight", "Journeys under way", registry=r)
        self.turned_away = Counter("countersign_turned_away_total", "Requests answered 429", registry=r)
        self.refused_keys = Counter(
            "countersign_refused_keys_total", "Requests whose API key was refused", ["why"], registry=r
        )

    def watch_log(
        self,
        log: Callable[[], Stats],
        checkpoints: Callable[[], CheckpointStats],
        witnesses: Callable[[], Sequence[Standing]],
    ) -> None:
        """Reads the audit room's own counters whenever somebody looks. Called once."""
        shown: tuple[Shown, ...] = (
            ("audit_queue_depth", "Events that wait to become durable", lambda: log().pooled),
            ("audit_events_total", "Events made durable since the start", lambda: log().events),
            ("audit_batches_total", "Commits of the log's writer since the start", lambda: log().batches),
            ("audit_events_refused_total", "Events that could not be recorded", lambda: log().refused),
            ("audit_checkpoints_total", "Checkpoints signed since the start", lambda: checkpoints().issued),
            ("audit_checkpoint_failures_total", "Looks that ended in a problem", lambda: checkpoints().failed),
            ("audit_unwitnessed_logs", "Logs whose newest checkpoint lacks cosignatures", lambda: checkpoints().unwitnessed),
            ("audit_witness_contradictions", "Witnesses that contradict the log: somebody must look",
             lambda: sum(one.contradicted for one in witnesses())),
        )  # fmt: skip
        self.registry.register(_Read(shown))

    def watch_engines(self, answering: Callable[[], int], retries: Callable[[], int]) -> None:
        """Called once, where the settings name engines."""
        shown = (
            ("engines_answering", "Engines of the settings that are asked at the moment", answering),
            ("engine_retries_total", "Questions that were asked of one more engine, since the start", retries),
        )
        self.registry.register(_Read(shown))

    def policy(self, role: str, digest: str, version: str) -> None:
        """The policy of a role is this one from now on. Called by one thread."""
        now = (role, digest, version)
        if (before := self._policy_now.get(role)) not in (None, now):
            self._policies.remove(*before)
        self._policy_now[role] = now
        self._policies.labels(*now).set(1)
        self._policy_refused.labels(role).set(0)

    def policy_file(self, role: str, result: str) -> None:
        self._policy_files.labels(role, result).inc()
        self._policy_refused.labels(role).set(result == "rejected")

    def shadow(self, result: str, count: int) -> None:
        self._shadow.labels(result).inc(count)

    def verdict(self, direction: str, rail: str, verdict: str, seconds: float) -> None:
        self._verdicts.labels(direction, rail, verdict).inc()
        self._rail.labels(rail).observe(seconds)

    def step(self, step: str, seconds: float) -> None:
        self._steps.labels(step).observe(seconds)

    def route(self, bot: str) -> None:
        self._routes.labels(bot).inc()

    def screened(self, kept: int, left_out: int) -> None:
        self._passages.labels("kept").inc(kept)
        self._passages.labels("left_out").inc(left_out)

    def entities(self, counts: Mapping[str, int]) -> None:
        for entity, count in counts.items():
            self._entities.labels(entity).inc(count)

    def finished(self, bot: str, outcome: str, seconds: float) -> None:
        self._journeys.labels(bot, outcome).observe(seconds)

    def tokens(self, kind: str, count: int) -> None:
        self._tokens.labels(kind).inc(count)

    def unrestored(self, count: int) -> None:
        self._unrestored.inc(count)

    def refused_unrecorded(self) -> None:
        self._unrecorded.inc()

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
