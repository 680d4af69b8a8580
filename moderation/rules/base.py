"""What a rule is: one pattern over the views of a text, with a probability and a reason.

Invariant: a rule only ever raises a probability, and gives its reason; every gap in a pattern is bounded, so that
judging is linear in the text's length. Patterns see the views of moderation.views (lower case, unmasked).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moderation.types import Direction


@dataclass(frozen=True)
class Rule:
    rail: str
    category: str
    probability: float
    pattern: re.Pattern[str]
    reason: str
    unless: re.Pattern[str] | None = None
    directions: tuple[Direction, ...] = (Direction.INPUT, Direction.OUTPUT)


@dataclass(frozen=True)
class Hit:
    category: str
    probability: float
    reason: str


def rule(
    place: str, probability: float, pattern: str, reason: str, unless: str | None = None, only: Direction | None = None
) -> Rule:
    rail, _, category = place.partition("/")
    directions = (only,) if only else (Direction.INPUT, Direction.OUTPUT)
    excuse = re.compile(unless) if unless else None
    return Rule(rail, category or rail, probability, re.compile(pattern), reason, excuse, directions)
