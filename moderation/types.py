"""The words of moderation: what a rail found, and what shall happen because of it.

Invariant: a `Verdict` is exactly one of Allow, Redact, Steer, Block, and carries the finding behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Literal


class ModerationError(Exception):
    """Base of the room's errors; the message names the thing, the reason and the next step."""


def millionths(value: float) -> int:
    """A score as records, digests and spans hold it: a whole number, since floats are written in several ways."""
    return round(value * 1_000_000)


class Direction(StrEnum):
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True)
class PiiSpan:
    """Personal data at text[start:end] (characters)."""

    start: int
    end: int
    entity: str
    score: float


@dataclass(frozen=True)
class Finding:
    """What a rail saw: the probability of its worst category against that category's threshold."""

    rail: str
    category: str
    probability: float
    threshold: float
    reason: str
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Allow:
    finding: Finding
    name: ClassVar[Literal["allow"]] = "allow"


@dataclass(frozen=True)
class Edit:
    """`text` in place of what stands at [start:end] (characters)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Redact:
    """Release `text` in place of the segment; `edits` made it so."""

    finding: Finding
    text: str
    edits: tuple[Edit, ...] = ()
    name: ClassVar[Literal["redact"]] = "redact"


@dataclass(frozen=True)
class Steer:
    """Generate once more, with `instruction` added to the prompt.

    preface, closing: what is said before and after the answer to a question that was steered ("" for nothing).
    """

    finding: Finding
    instruction: str
    preface: str = ""
    closing: str = ""
    name: ClassVar[Literal["steer"]] = "steer"


@dataclass(frozen=True)
class Block:
    """Nothing more leaves; the caller reads `message` and what they can do instead."""

    finding: Finding
    message: str
    alternatives: tuple[str, ...]
    name: ClassVar[Literal["block"]] = "block"


Verdict = Allow | Redact | Steer | Block
"""Which of several decides is told by `moderation.severity`; each is named there."""


@dataclass(frozen=True)
class Hidden:
    """What an answer must not repeat: our own words to the model, and the token that lies among them.

    canary: letters only, not guessable; it must reach no log, no record and no exception. words: the prompt's own text.
    """

    canary: str = field(repr=False)
    words: str = field(repr=False)


@dataclass(frozen=True)
class RailContext:
    """What a rail may look at beside the text.

    sources: the evidence that a text may cite, by its number. documents: what the caller may read and the text comes from:
    the cited passages, the names of documents that it points to.
    """

    sources: Mapping[int, str] = field(default_factory=dict, repr=False)
    hidden: Hidden | None = None
    documents: tuple[str, ...] = field(default=(), repr=False)


NO_CONTEXT = RailContext()
