"""What the pipeline hands to a transport, in order: route, segments, citations, perhaps a refusal, and the answer's end.

Invariant: `SegmentOut.text` is the one text here that is restored for the caller who typed the question; all others are
pseudonymised or our own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.types import Citation, Outcome, Route


@dataclass(frozen=True)
class RouteOut:
    route: Route


@dataclass(frozen=True)
class SegmentOut:
    """A released segment: recorded, judged, and restored for this caller."""

    id: int
    text: str


@dataclass(frozen=True)
class CitationOut:
    citation: Citation


@dataclass(frozen=True)
class Alternative:
    """What the caller may do instead: ask another question, read a document, turn to a person."""

    kind: str
    text: str
    href: str | None = None


@dataclass(frozen=True)
class RefusalOut:
    message: str
    alternatives: tuple[Alternative, ...]
    rail: str


@dataclass(frozen=True)
class KeepAlive:
    """Nothing to say yet; sent so that a closed connection is noticed."""


@dataclass(frozen=True)
class Answer:
    """The end of a journey: what was decided, and the receipt of its last event.

    brought: messages that the client brought along and that are not read as they came: `message` (from 1), `role`, `effect`
    (`redacted`, `steered`, `left_out`, `refused`) and the `rail`.
    working: `plan` and `figures` of an answer that code looked up or computed; empty for any other.
    """

    query: str
    conversation: str
    trace_id: str
    outcome: Outcome
    route: Route | None
    verdicts: tuple[Mapping[str, Any], ...]
    citations: tuple[Citation, ...]
    receipt: Mapping[str, Any]
    model: Mapping[str, Any]
    timings: Mapping[str, float]
    usage: Mapping[str, int]
    finish_reason: str
    working: Mapping[str, Any] = field(default_factory=dict)
    brought: tuple[Mapping[str, Any], ...] = ()


Outgoing = RouteOut | SegmentOut | CitationOut | RefusalOut | KeepAlive | Answer
