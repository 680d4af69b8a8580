"""What every bot is: the role it plays, its evidence before it is chosen, and the pieces in which it answers.

Invariant: a bot is told apart by its role, never by its name, so that a new one needs a file of its own and one line in
orchestrator/bots/registry.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from orchestrator.ports import Generate, Passage, Whole
from orchestrator.prompting.canary import PromptMarkers
from orchestrator.types import AnswerRules, Citation, Turn

_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
_REASONS = ("stop", "length", "content_filter", "cancelled")


class Role(StrEnum):
    """What a bot answers from. The hard rules of orchestrator/selection/selector.py are about roles."""

    LIVE = "live"
    """Figures of a live service: what such a bot can say, no other may, because it would make the figure up."""
    DOCUMENTS = "documents"
    """The firm's documents: what they answer is not handed to a model that has not read them."""
    MEMORY = "memory"
    """What a model has learnt."""
    SUMS = "sums"
    """The question's own figures: what they come to is computed, never looked up or remembered."""


@dataclass(frozen=True)
class Question:
    """What is known of a question before a bot is chosen. embedding: float32[d], unit length; passages: what the search
    found for this caller, best first. turns: what was said before. language: the question's (ISO 639-1). whole: a follow-up
    with what it left unsaid. reading: as the documents are asked, where that differs: whole, and in their language. rules:
    what policy says of answers. tenant: on whose account a model is asked."""

    text: str
    embedding: np.ndarray
    passages: Sequence[Passage] = ()
    groups: frozenset[str] = frozenset()
    turns: Sequence[Turn] = ()
    language: str = "en"
    whole: Whole | None = None
    reading: str = ""
    rules: AnswerRules = field(default_factory=AnswerRules)
    tenant: str = ""

    @property
    def asked(self) -> str:
        return self.reading or self.text


@dataclass(frozen=True)
class BotEvidence:
    """What speaks for a bot, or against it, in one question.

    log_odds: added to its score. support: how likely what it holds answers the question, 0..1. note: for the record.
    cannot: why it cannot answer this question at all; empty where it can. finding: the bot's own, handed back to it in
    `Ask.evidence`.
    """

    log_odds: float = 0.0
    support: float = 0.0
    note: str = ""
    cannot: str = ""
    finding: object = field(default=None, repr=False, compare=False)


NO_EVIDENCE = BotEvidence()


@dataclass(frozen=True)
class Ask:
    """All that a bot may know of a query. `instruction` is a corrective one, set after a steer verdict.

    evidence: what the bot itself said of this question and these passages.
    with_surrogates: through which a bot must ask any model (orchestrator/prompting/surrogate_model.py).
    markers: what is random in the prompts. attacks: whether a string that a service sent reads like an instruction.
    language: the question's (ISO 639-1). rules: what policy says of answers.
    """

    question: str
    history: Sequence[Turn]
    embedding: np.ndarray
    passages: Sequence[Passage]
    groups: frozenset[str]
    instruction: str
    sampling: Mapping[str, Any]
    cancel: threading.Event
    evidence: BotEvidence = NO_EVIDENCE
    with_surrogates: Callable[[Generate], Generate] = field(default=lambda model: model, repr=False)
    markers: PromptMarkers = field(default_factory=PromptMarkers.fresh)
    attacks: Callable[[str], bool] = field(default=lambda _text: False)
    language: str = "en"
    rules: AnswerRules = field(default_factory=AnswerRules)


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
    client is told of them is numbers and known words only: `usage` and `finish_reason`. working: how code found the answer,
    for the client too: `plan` in the question's own words, `figures` with the places of their cells. No engine writes it."""

    model: str
    digest: str
    details: Mapping[str, Any] = field(default_factory=dict)
    working: Mapping[str, Any] = field(default_factory=dict)

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


class Bot(Protocol):
    """One way of answering. Bots hold no state of a query and may be asked by many threads.

    leaves_boundary: whether asking sends anything to another host. Such a bot is asked only after the
    input rails have passed the question and the record so far is durable.
    """

    name: str
    role: Role
    leaves_boundary: bool

    def evidence(self, question: Question) -> BotEvidence:
        """What speaks for this bot. Raises nothing that a service which is down could cause."""
        ...

    def answer(self, ask: Ask) -> Iterator[Piece]:
        """The answer, piece by piece. Returns early when `ask.cancel` is set; raises BotUnavailable."""
        ...
