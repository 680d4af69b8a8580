"""What the pipeline needs from other rooms, in the orchestrator's own words.

Invariant: the composition root hands over implementations; nothing here names a database, a model or a web framework.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from audit.kinds import Kind
from orchestrator.types import NOWHERE, Origin, Turn


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
    origin: Origin = NOWHERE

    @property
    def as_text(self) -> str:
        """As rails and checks read it: its title and section stand above it, since they say what its figures are about."""
        return f"{place(self.title, self.section)}\n{self.text}"


def place(title: str, section: str) -> str:
    """Where something stands, for a reader: title and section, each once."""
    return " › ".join(dict.fromkeys(part for part in (title, section) if part))


class Embed(Protocol):
    """Sentences to unit vectors, float32[n, d]."""

    def __call__(self, texts: Sequence[str], /) -> np.ndarray: ...


class Search(Protocol):
    """Passages of the corpus that this caller may read, best first."""

    def __call__(self, question: str, k: int, groups: frozenset[str], embedding: np.ndarray, /) -> Sequence[Passage]: ...


@dataclass(frozen=True)
class Source:
    """Where a figure or a sentence of an answer stands: the row or sentence as written, under its document's heading."""

    document: str
    title: str
    page: int | None
    section: str
    quote: str
    origin: Origin = NOWHERE


@dataclass(frozen=True)
class Worked:
    """An answer that code looked up or computed in the documents' tables and sentences; no model worded it.

    text: with marks [n], n from 1 into `sources`. figures: each with value, unit, scale, period and the cells it rests on.
    plan: how it was found, for the record, with the computation that makes the figures again. chance: of being right, 0..1.
    """

    text: str
    sources: Sequence[Source]
    figures: Sequence[Mapping[str, Any]]
    plan: Mapping[str, Any]
    chance: float


class Resolve(Protocol):
    """Answers from the evidence graph of the documents that these groups may read, or None where it does not know."""

    def __call__(
        self, question: str, passages: Sequence[Passage], groups: frozenset[str], language: str, /
    ) -> Worked | None: ...


class Calculate(Protocol):
    """Computes a sum that a question asks for with figures of its own, or None where it is not wholly understood as one."""

    def __call__(self, question: str, language: str, /) -> Worked | None: ...


@dataclass(frozen=True)
class Whole:
    """A follow-up with what it left unsaid. slots: what it took from the questions before it, for the record: `question`,
    `entity`, `periods`."""

    question: str
    slots: Mapping[str, Any]


class Complete(Protocol):
    """Makes a follow-up whole ("and the year before?") from the questions before it; None for any other question."""

    def __call__(self, question: str, earlier: Sequence[str], /) -> Whole | None: ...


@dataclass(frozen=True)
class Quoted:
    """Passages' own words. parts: (place of the passage among those searched, text). chance: that they answer the
    question, 0..1."""

    parts: Sequence[tuple[int, str]]
    chance: float


class Read(Protocol):
    """What the passages' sentences say to a question: quoted, or computed from their figures; the likeliest, or None
    where nobody can tell. What reaches `least` may be said. tenant: on whose account a model is asked."""

    def __call__(
        self, question: str, passages: Sequence[Passage], least: float, language: str, groups: frozenset[str], tenant: str, /
    ) -> Quoted | Worked | None: ...


class Generate(Protocol):
    """A chat model: yields text, returns usage. digest: SHA-256 of its weights; empty where it is unknown."""

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...

    def stream(
        self, messages: Sequence[tuple[str, str]], sampling: Mapping[str, Any], cancel: threading.Event, scope: str = ""
    ) -> Generator[str, None, Mapping[str, Any]]:
        """scope: who may notice that an earlier prompt began like this one; a model may share such a beginning within a
        scope, and not at all where it is empty. It begins with the tenant (`types.scope_of`), whose turn it then is."""


class AnswerReader(Protocol):
    """A model's words as they come, with tags where it meant personal data."""

    def feed(self, chunk: str) -> str:
        """What can no longer change."""

    def close(self) -> str:
        """The rest."""


class SurrogateMessages(Protocol):
    """Messages as a model reads them, the reader of its answer, and how many surrogates of each entity stand in them."""

    @property
    def messages(self) -> Sequence[tuple[str, str]]: ...
    @property
    def reader(self) -> AnswerReader: ...
    @property
    def surrogates(self) -> Mapping[str, int]: ...


class Pseudonymise(Protocol):
    """One conversation's pseudonyms: kept sealed between turns."""

    def redact(self, text: str) -> tuple[str, Mapping[str, int]]:
        """The text with tags, and how many of each entity were found."""

    def cover(self, messages: Sequence[tuple[str, str]]) -> SurrogateMessages:
        """The messages with surrogates for tags, where the policy wants them."""

    def restore(self, text: str, before: str) -> tuple[str, int]:
        """The text with the originals, and how many pseudonyms could not be put back. before: what was said just before."""

    def dump(self) -> bytes: ...


class OpenPseudonyms(Protocol):
    def open(self, dumped: bytes | None) -> Pseudonymise:
        """The pseudonyms of a conversation; None for a new one."""


class Ticket(Protocol):
    def wait(self) -> Mapping[str, Any]:
        """The receipt, once the event is durable. Raises RecordUnavailable."""


class Record(Protocol):
    """The audit log of one query: each call appends one event and returns at once."""

    def append(
        self, kind: Kind, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, model: str = ""
    ) -> Ticket: ...


class OpenRecord(Protocol):
    def __call__(
        self,
        *,
        tenant: str,
        query: str,
        conversation: str,
        actor: str,
        subject: str,
        trace_id: str,
        span_id: str,
        policy: str,
    ) -> Record:
        """policy: digest of the policy in force for this query; every event of the record carries it."""


class Remember(Protocol):
    """Conversation memory; every text in it is pseudonymised and sealed with the subject's key."""

    def load(self, tenant: str, subject: str, conversation: str) -> tuple[bytes | None, Sequence[Turn]]:
        """The sealed pseudonyms, opened, and the turns a model may see. Raises ConversationUnknown."""

    def save_pseudonyms(self, tenant: str, subject: str, conversation: str, dumped: bytes) -> None: ...

    def save_turn(self, tenant: str, subject: str, conversation: str, query: str, turn: Turn, outcome: str) -> None: ...


class Meter(Protocol):
    """Counters and durations, never with a person's or a tenant's name."""

    def verdict(self, direction: str, rail: str, verdict: str, seconds: float) -> None: ...
    def step(self, step: str, seconds: float) -> None: ...
    def route(self, bot: str) -> None: ...
    def entities(self, counts: Mapping[str, int]) -> None: ...
    def screened(self, kept: int, left_out: int) -> None: ...
    def finished(self, bot: str, outcome: str, seconds: float) -> None: ...
    def tokens(self, kind: str, count: int) -> None: ...
    def unrestored(self, count: int) -> None: ...
    def refused_unrecorded(self) -> None: ...
