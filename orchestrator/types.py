"""The words of a conversation and of a route: query, turn, citation, candidate bots, how an answer may end.

Invariant: every text in these types is pseudonymised, except `Query.text`, which is what the caller typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Outcome(StrEnum):
    """How the record of a query ends."""

    ANSWERED = "answered"
    REFUSED = "refused"
    ABSTAINED = "abstained"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABORTED = "aborted"
    """Of a query whose process died: written by the log's recovery (audit/append/abandoned.py), never by a journey."""


@dataclass(frozen=True)
class AnswerLimits:
    """Where a caller wants an answer to end: after so many tokens, or before one of these texts."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


UNLIMITED = AnswerLimits()


@dataclass(frozen=True)
class Query:
    """A caller's question. `subject` and `actor` are pseudonyms; `text` is as typed and never leaves this process.

    before: (role, text) of what a client brings along, as typed: its instructions, and the turns that it says came before.
    A blank text keeps the place of a message that is none of them. unread: how many messages were brought along that nobody
    reads: the conversation is stored here, or they are too old. limits: where the caller wants the answer to end.
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
    unread: int = 0
    limits: AnswerLimits = UNLIMITED


@dataclass(frozen=True)
class Basis:
    """What somebody must be allowed to read to be told a turn: the groups of who asked then, and the ids of every document's
    version that could have been read for it, those of the turns carried into it among them."""

    groups: frozenset[str]
    documents: frozenset[str]


def scope_of(tenant: str, groups: frozenset[str]) -> str:
    """Those who may read the same documents, by a name."""
    return "\x1f".join((tenant, *sorted(groups)))


def tenant_of(scope: str) -> str:
    """Of a scope that `scope_of` made."""
    return scope.partition("\x1f")[0]


@dataclass(frozen=True)
class Turn:
    """An earlier question and answer of the conversation, pseudonymised; either may be empty.

    query: id of its query. basis: None where it is not known: of a turn that a client brought along, or that was kept by a
    version that did not tell. claimed: whether a client alone says that it was so. Nobody may take such an answer for one of
    ours.
    """

    question: str
    answer: str
    query: str = field(default="", compare=False)
    basis: Basis | None = field(default=None, compare=False)
    claimed: bool = False


@dataclass(frozen=True)
class Origin:
    """Where the words of an answer can be opened, and from when to when they are in force.

    id: of the document's version in its library; passage: its number there, from 1. valid_from, valid_until: the first and
    the last day (ISO 8601). Empty, or 0, where it is not known.
    """

    id: str = ""
    passage: int = 0
    valid_from: str = ""
    valid_until: str = ""

    def version(self, document: str) -> str:
        """The id of the document's version, or the document's own where that is not known."""
        return self.id or document


NOWHERE = Origin()


@dataclass(frozen=True)
class Citation:
    """What a `[number]` in an answer points to."""

    number: int
    document: str
    page: int | None
    section: str
    quote: str
    origin: Origin = NOWHERE


ClosedBook = Literal["off", "language_tasks", "concepts"]
"""What a model may say from its own memory: nothing; only work on a text that the caller gave; general notions as well."""


@dataclass(frozen=True)
class AnswerRules:
    """What policy says of answers, for one tenant, audience and language.

    sure: the least chance to be right (0..1) of an answer from the documents; below it the answer is withheld with `message`
    and `alternatives`. notice: what stands before an answer that comes from a model's general knowledge.
    """

    closed_book: ClosedBook = "concepts"
    sure: float = 0.6
    message: str = "I could not find an answer to that in the documents you may read, so I would rather not give one."
    alternatives: tuple[str, ...] = ("Ask your usual contact at the firm.",)
    notice: str = ""


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
