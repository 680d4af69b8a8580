"""Rules: what is said so plainly that no statistics are needed, one pattern a line, one file a rail."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from moderation.rules.advice import ADVICE
from moderation.rules.base import Hit, Rule
from moderation.rules.harm_multilingual import ABROAD
from moderation.rules.injection import INJECTION
from moderation.rules.injection_multilingual import LANGUAGES
from moderation.rules.toxicity import TOXICITY
from moderation.text.variants import Variant
from moderation.types import Direction

__all__ = ["RULES", "Hit", "Rule", "hits"]

RULES: tuple[Rule, ...] = (*INJECTION, *LANGUAGES, *TOXICITY, *ADVICE, *ABROAD)
_MOST_SPANS = 8  # places that a finding names


def _sorted_out() -> Mapping[tuple[str, Direction], Sequence[Rule]]:
    by_place: dict[tuple[str, Direction], list[Rule]] = defaultdict(list)
    for rule in RULES:
        for direction in rule.directions:
            by_place[rule.rail, direction].append(rule)
    return by_place


_BY_PLACE = _sorted_out()


def hits(rail: str, direction: Direction, variants: Sequence[Variant], before: str = "") -> list[Hit]:
    """Every rule of `rail` that fires in one of the variants, the most probable first, with its places in the given text.

    before: what came just before the text, in plain form; it may hold the words that a rule misses."""
    found: dict[tuple[str, str], Hit] = {}
    for rule in _BY_PLACE.get((rail, direction), ()):
        for variant in variants:
            if rule.beside is not None and (rule.beside.search(variant.text) or rule.beside.search(before)):
                continue
            matches = [m.span() for m in rule.pattern.finditer(variant.text) if not _excused(rule, variant.text, m)]
            if matches:
                reason = f"{rule.reason} (read as {variant.kind})" if variant.hidden else rule.reason
                spans = tuple(variant.offset_text.span(*where) for where in matches[:_MOST_SPANS] if where[0] < where[1])
                found.setdefault((rule.category, rule.reason), Hit(rule.category, rule.probability, reason, spans))
                break
    return sorted(found.values(), key=lambda hit: -hit.probability)


def _excused(rule: Rule, variant: str, match: re.Match[str]) -> bool:
    """Whether the match's surroundings (one sentence or so) make it harmless."""
    if rule.unless is None:
        return False
    return bool(rule.unless.search(variant[max(0, match.start() - 60) : match.end() + 30]))
