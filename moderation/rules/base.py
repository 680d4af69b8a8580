"""What a rule is: one pattern over the variants of a text, with a probability and a reason.

Invariant: a rule only ever raises a probability, and gives its reason and its places; no pattern repeats anything
without a bound, so that judging is linear in the text's length (a test reads every pattern for it). Patterns see the
variants of moderation.text.variants: lower case, without accents, unmasked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moderation.text.disguises import folded
from moderation.types import Direction


@dataclass(frozen=True)
class Rule:
    """`unless`: words close by that make a match harmless; `beside`: words anywhere in the text, or just before it."""

    rail: str
    category: str
    probability: float
    pattern: re.Pattern[str]
    reason: str
    unless: re.Pattern[str] | None = None
    directions: tuple[Direction, ...] = (Direction.INPUT, Direction.OUTPUT)
    beside: re.Pattern[str] | None = None


@dataclass(frozen=True)
class Hit:
    category: str
    probability: float
    reason: str
    spans: tuple[tuple[int, int], ...] = ()  # places in the text as given


def rule(
    place: str,
    probability: float,
    pattern: str,
    reason: str,
    unless: str | None = None,
    only: Direction | None = None,
    beside: str | None = None,
) -> Rule:
    rail, _, category = place.partition("/")
    directions = (only,) if only else (Direction.INPUT, Direction.OUTPUT)
    excuse, balance = (re.compile(_bounded(words)) if words else None for words in (unless, beside))
    return Rule(rail, category or rail, probability, re.compile(_bounded(pattern)), reason, excuse, directions, balance)


_WORDS = re.compile(r"(?<!\[)\\w\+")


def _bounded(pattern: str) -> str:
    r"""A pattern may be written with accents (its variants have none) and with \w+ (a word of at most 30 letters)."""
    return _WORDS.sub(r"\\w{1,30}", "".join(c if c.isascii() else folded(c) for c in pattern))
