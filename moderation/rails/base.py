"""What every rail is, what it is shown of a text, and the verdicts that actions come to.

Invariant: a rail's verdict is a function of its policy and of what `Seen` holds. It never swallows an error. `together`
leaves no character of any edit's span in the text that is released.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
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
    Edit,
    Finding,
    ModerationError,
    PiiSpan,
    RailContext,
    Redact,
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
    answer; None for what is no segment of one. instruction: whether it is meant to tell the assistant how to answer.
    """

    direction: Direction
    text: str = field(repr=False)
    embedding: Embedding = field(repr=False)
    before: str = field(default="", repr=False)
    beside: RailContext = NO_CONTEXT
    segment: int | None = None
    instruction: bool = False


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
            frame = words if words.preface or words.closing else rules.words
            return Steer(finding, words.instruction or rules.words.instruction, frame.preface, frame.closing)
        case "block" | "redact":  # `policy check` refuses redact of a rail that finds no spans: nothing is let through
            return Block(finding, words.message, words.alternatives)
        case _:
            assert_never(action)


def replaced(text: str, edits: Iterable[Edit]) -> str:
    """`text` with every edit made; of edits that overlap, the first (and of these the longest) says what stands there."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda e: (e.start, -e.end)):
        if edit.start >= at:
            parts += [text[at : edit.start], edit.text]
        at = max(at, edit.end)
    return "".join([*parts, text[at:]])


def redaction(finding: Finding, text: str, edits: Sequence[Edit]) -> Redact:
    return Redact(finding, replaced(text, edits), tuple(edits))


def together(text: str, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same verdicts, every redaction among them with the edits of all made."""
    redactions = [verdict for verdict in verdicts if isinstance(verdict, Redact)]
    if len(redactions) < 2:
        return list(verdicts)
    whole = replaced(text, [edit for one in redactions for edit in one.edits])
    return [replace(v, text=whole) if isinstance(v, Redact) else v for v in verdicts]
