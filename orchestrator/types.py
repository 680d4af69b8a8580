"""The words of a journey: query, turn, route, piece, and what may go out to a client.

Every text in these types is pseudonymised, except the two that say otherwise: `Query.text` (what the
caller typed) and `SegmentOut.text` (restored for the caller who typed it).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from orchestrator.prompting.canary import Marks

if TYPE_CHECKING:
    from orchestrator.ports import Generate

_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
_REASONS = ("stop", "length", "content_filter", "cancelled")
Outcome = Literal["answered", "refused", "abstained", "failed", "cancelled"]


@dataclass(frozen=True)
class Query:
    """A caller's question. `subject` and `actor` are pseudonyms; `text` is as typed and never leaves this process.

    before: (role, text) of earlier messages that a client without a stored conversation brings along, as typed.
    fresh: whether the conversation begins with this query.
    languages: tags (RFC 5646) of the languages that the caller reads, best first; empty where nothing is known.
    """

    id: str
    conversation: str
    tenant: str
    subject: str
    actor: str
    groups: frozenset[str]
    text: str = field(repr=False)
    before: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    fresh: bool = True
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """An earlier question and answer of the conversation, pseudonymised."""

    question: str
    answer: str


@dataclass(frozen=True)
class Passage:
    """A piece of a document that may support an answer. `page` counts from 1; `dense` is a cosine."""

    document: str
    title: str
    page: int | None
    section: str
    text: str
    score: float
    dense: float
    chunk: str = ""


@dataclass(frozen=True)
class Citation:
    """What a `[number]` in an answer points to."""

    number: int
    document: str
    page: int | None
    section: str
    quote: str


@dataclass(frozen=True)
class Candidate:
    """A bot that was considered: its score in 0..1, and why it has it or why a hard rule removed it."""

    bot: str
    score: float
    reason: str
    removed: bool = False


@dataclass(frozen=True)
class Route:
    """The chosen bot, the chain to fall back along, and every candidate with its reason."""

    bot: str
    fallback: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    @property
    def chain(self) -> tuple[str, ...]:
        return (self.bot, *self.fallback)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(f"{c.bot}: {c.reason}" for c in self.candidates)


# --- what a bot is asked, and what it says -------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """All that a bot may know of a query. `instruction` is a corrective one, set after a steer verdict.

    veil: through which a bot must ask any model (orchestrator/prompting/surrogate_model.py).
    marks: what is random in the prompts. attacks: whether a string that a service sent reads like an instruction.
    """

    question: str
    history: Sequence[Turn]
    embedding: np.ndarray
    passages: Sequence[Passage]
    groups: frozenset[str]
    instruction: str
    sampling: Mapping[str, Any]
    cancel: threading.Event
    veil: Callable[[Generate], Generate] = field(default=lambda model: model, repr=False)
    marks: Marks = field(default_factory=Marks.fresh)
    attacks: Callable[[str], bool] = field(default=lambda _text: False)


@dataclass(frozen=True)
class Text:
    """The next characters of an answer."""

    text: str


@dataclass(frozen=True)
class Cited:
    """A source the answer refers to as `[citation.number]`; said before the text that refers to it.

    evidence: the whole passage under its title, which the rails hold the text against; without it, the quote.
    """

    citation: Citation
    evidence: str = field(default="", repr=False)


@dataclass(frozen=True)
class Abstained:
    """The bot has nothing that supports an answer; `text` says so courteously."""

    text: str


@dataclass(frozen=True)
class Made:
    """How the answer was made: `details` are for the record. An engine writes them, and no rail reads them, so what a
    client is told of them is numbers and known words only: `usage` and `finish_reason`."""

    model: str
    digest: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usage(self) -> dict[str, int]:
        """Tokens by kind."""
        found = {kind: self.details.get(kind) for kind in _USAGE}
        return {kind: n for kind, n in found.items() if isinstance(n, int) and not isinstance(n, bool) and n >= 0}

    @property
    def finish_reason(self) -> str:
        """Why the model stopped."""
        reason = self.details.get("finish_reason")
        return reason if isinstance(reason, str) and reason in _REASONS else "stop"


Piece = Text | Cited | Abstained | Made


# --- what goes out -------------------------------------------------------------------------------


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
    """The end of a journey: what was decided, and the receipt of its last event."""

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


Outgoing = RouteOut | SegmentOut | CitationOut | RefusalOut | KeepAlive | Answer
