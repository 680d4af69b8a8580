"""What every rail is, and what it is shown of a text.

Invariant: a rail's verdict is a function of its policy and of what `Seen` holds. It never swallows an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from moderation.policy import RailPolicy
from moderation.severity import Action
from moderation.types import (
    NO_CONTEXT,
    Allow,
    Block,
    Direction,
    Finding,
    ModerationError,
    PiiSpan,
    RailContext,
    Steer,
    Verdict,
)

Embedding = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Embedding]


class UnknownRail(ModerationError):
    """A rail that this policy does not run."""


class FindsHardIdentifiers(Protocol):
    """What the pii rail needs: identifiers that patterns and check digits find, without a language model."""

    def find_hard(self, text: str) -> list[PiiSpan]: ...


@dataclass(frozen=True)
class Seen:
    """One text as the rails see it.

    embedding: float32[384], unit length. before: what came just before, already judged. segment: its number within the
    answer; None for what is no segment of one.
    """

    direction: Direction
    text: str = field(repr=False)
    embedding: Embedding = field(repr=False)
    before: str = field(default="", repr=False)
    beside: RailContext = NO_CONTEXT
    segment: int | None = None


class Rail(Protocol):
    """One rail of one policy. Safe to call from many threads at once."""

    def judges(self, direction: Direction) -> bool:
        """Whether it has anything to say in this direction, beyond what the policy's `directions` allow."""

    def judge(self, seen: Seen) -> Verdict: ...


def act(action: Action, finding: Finding, rules: RailPolicy) -> Verdict:
    """The verdict that an action comes to. A rail that can redact does so itself, since it alone knows the edits."""
    words = rules.words_for(finding.category)
    match action:
        case "allow":
            return Allow(finding)
        case "steer":
            return Steer(finding, words.instruction or rules.words.instruction)
        case "block" | "redact":  # `policy check` refuses redact of a rail that finds no spans: nothing is let through
            return Block(finding, words.message, words.alternatives)
        case _:
            assert_never(action)
