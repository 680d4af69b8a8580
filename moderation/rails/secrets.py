"""The secrets rail: keys, tokens and passwords, in answers; and in questions what the first redaction could not see.

What a person types loses its secrets before anything is recorded (moderation.pii.redactor); this rail looks again, because
a rail alone would come too late, and a redaction alone would leave no verdict.
"""

from __future__ import annotations

from moderation.policy import RailPolicy
from moderation.rails.base import Rail, Seen, act, redaction
from moderation.rails.parts import RailParts
from moderation.secrets import MARKER, find
from moderation.types import Allow, Direction, Edit, Finding, Verdict


def rail(parts: RailParts) -> Rail:
    return SecretsRail(parts.rules)


class SecretsRail:
    def __init__(self, rules: RailPolicy) -> None:
        self._rules = rules

    def judges(self, direction: Direction) -> bool:
        return True

    def judge(self, seen: Seen) -> Verdict:
        rules, direction = self._rules, seen.direction
        found = [s for s in find(seen.text, seen.before) if s.probability >= rules.threshold_for(s.category, direction)]
        if not found:
            return self._gone_before(seen)
        worst = max(found, key=lambda one: one.probability)
        kinds = ", ".join(sorted({one.kind for one in found}))
        where = tuple((one.start, one.end) for one in found)
        threshold = rules.threshold_for(worst.category, direction)
        finding = Finding("secrets", worst.category, worst.probability, threshold, f"holds {kinds}", where)
        match rules.action_for(worst.category, direction):
            case "redact":
                return redaction(finding, seen.text, [Edit(one.start, one.end, MARKER) for one in found])
            case action:
                return act(action, finding, rules)

    def _gone_before(self, seen: Seen) -> Verdict:
        """Nothing is left to find; a question whose secrets went before is refused where the policy blocks on them."""
        gone = seen.text.count(MARKER) if seen.direction is Direction.INPUT else 0
        threshold = self._rules.threshold_for("key", seen.direction)
        if not gone:
            return Allow(Finding("secrets", "key", 0.0, threshold, "no secret found"))
        action = self._rules.action_for("key", seen.direction)
        reason = f"{gone} removed from the question before anything saw it"
        if action in ("redact", "allow"):
            return Allow(Finding("secrets", "key", 0.0, threshold, reason))
        return act(action, Finding("secrets", "key", 1.0, threshold, reason), self._rules)
