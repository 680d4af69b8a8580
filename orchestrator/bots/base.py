"""What every bot is, what it may know of a question, and the pieces in which it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from orchestrator.ports import Generate, Passage
from orchestrator.prompting.canary import PromptMarkers
from orchestrator.types import AnswerRules, Citation, Turn

_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
_REASONS = ("stop", "length", "content_filter", "cancelled")


@dataclass(frozen=True)
class Ask:
    """All that a bot may know of a query. `instruction` is a corrective one, set after a steer verdict.

    with_surrogates: through which a bot must ask any model (orchestrator/prompting/surrogate_model.py).
    markers: what is random in the prompts. attacks: whether a string that a service sent reads like an instruction.
    language: the question's (ISO 639-1). english: its English reading where the documents need one. slots: what a follow-up
    carries on from the turns before. rules: what policy says of answers.
    """

    question: str
    history: Sequence[Turn]
    embedding: np.ndarray
    passages: Sequence[Passage]
    groups: frozenset[str]
    instruction: str
    sampling: Mapping[str, Any]
    cancel: threading.Event
    with_surrogates: Callable[[Generate], Generate] = field(default=lambda model: model, repr=False)
    markers: PromptMarkers = field(default_factory=PromptMarkers.fresh)
    attacks: Callable[[str], bool] = field(default=lambda _text: False)
    language: str = "en"
    english: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
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


class Bot(Protocol):
    """One way of answering. Bots hold no state of a query and may be asked by many threads.

    leaves_boundary: whether asking sends anything to another host. Such a bot is asked only after the
    input rails have passed the question and the record so far is durable.
    """

    name: str
    leaves_boundary: bool

    def answer(self, ask: Ask) -> Iterator[Piece]:
        """The answer, piece by piece. Returns early when `ask.cancel` is set; raises BotUnavailable."""
        ...
