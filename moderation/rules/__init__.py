"""Rules: what is said so plainly that no statistics are needed, one pattern a line, one file a rail."""

from __future__ import annotations

import re
from collections.abc import Iterable

from moderation.rules.advice import ADVICE
from moderation.rules.base import Hit, Rule
from moderation.rules.injection import INJECTION
from moderation.rules.toxicity import TOXICITY
from moderation.types import Direction

__all__ = ["RULES", "Hit", "Rule", "hits"]

RULES: tuple[Rule, ...] = (*INJECTION, *TOXICITY, *ADVICE)


def hits(rail: str, direction: Direction, views: Iterable[str]) -> list[Hit]:
    """Every rule of `rail` that fires in one of the views, the most probable first."""
    found: dict[tuple[str, str], Hit] = {}
    for rule in RULES:
        if rule.rail != rail or direction not in rule.directions:
            continue
        for view in views:
            if any(not _excused(rule, view, match) for match in rule.pattern.finditer(view)):
                found[rule.category, rule.reason] = Hit(rule.category, rule.probability, rule.reason)
                break
    return sorted(found.values(), key=lambda hit: -hit.probability)


def _excused(rule: Rule, view: str, match: re.Match[str]) -> bool:
    """Whether the match's surroundings (one sentence or so) make it harmless."""
    if rule.unless is None:
        return False
    return bool(rule.unless.search(view[max(0, match.start() - 60) : match.end() + 30]))
