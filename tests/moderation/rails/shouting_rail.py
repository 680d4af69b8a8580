"""A rail as docs/extending.md tells to write one: this file, and one line in `moderation.policy.catalogue.RAILS`."""

from __future__ import annotations

from moderation.policy import RailPolicy, Words
from moderation.rails.base import Rail, Seen, act
from moderation.rails.parts import RailParts
from moderation.types import Allow, Direction, Finding, Verdict

DEFAULT = RailPolicy(
    directions=(Direction.INPUT,),
    thresholds={"capitals": 0.8},
    action="block",
    words=Words(message="I read small letters just as well.", alternatives=("Ask again in small letters",)),
)


def rail(parts: RailParts) -> Rail:
    return ShoutingRail(parts.rules)


class ShoutingRail:
    """By the share of letters that are capitals."""

    def __init__(self, rules: RailPolicy) -> None:
        self._rules = rules

    def judges(self, direction: Direction) -> bool:
        return direction is Direction.INPUT

    def judge(self, seen: Seen) -> Verdict:
        letters = [c for c in seen.text if c.isalpha()]
        share = sum(c.isupper() for c in letters) / len(letters) if letters else 0.0
        threshold = self._rules.threshold_for("capitals", seen.direction)
        finding = Finding("shouting", "capitals", share, threshold, f"{share:.0%} of the letters are capitals")
        if share < threshold:
            return Allow(finding)
        return act(self._rules.action_for("capitals", seen.direction), finding, self._rules)
