"""The pii rail: identifiers in an answer that no pseudonym stands for, found by patterns and check digits alone."""

from __future__ import annotations

from moderation.policy import RailPolicy
from moderation.rails.base import FindsHardIdentifiers, Rail, Seen, UnknownRail, act, redaction
from moderation.rails.parts import RailParts
from moderation.types import Allow, Direction, Edit, Finding, Verdict

_CATEGORY = "hard_identifier"


def rail(parts: RailParts) -> Rail:
    return IdentifiersRail(parts.rules, parts.redactor)


class IdentifiersRail:
    def __init__(self, rules: RailPolicy, redactor: FindsHardIdentifiers | None) -> None:
        self._rules, self._redactor = rules, redactor

    def judges(self, direction: Direction) -> bool:
        return self._redactor is not None

    def judge(self, seen: Seen) -> Verdict:
        if self._redactor is None:
            raise UnknownRail("rail 'pii' needs a redactor; give one to Rails.load")
        spans = sorted(self._redactor.find_hard(seen.text), key=lambda span: span.start)
        threshold = self._rules.threshold_for(_CATEGORY, Direction.OUTPUT)
        spans = [span for span in spans if span.score >= threshold]
        if not spans:
            return Allow(Finding("pii", _CATEGORY, 0.0, threshold, "no identifier found"))
        kinds = ", ".join(sorted({span.entity for span in spans}))
        where = tuple((span.start, span.end) for span in spans)
        worst = max(span.score for span in spans)
        finding = Finding("pii", _CATEGORY, worst, threshold, f"holds {kinds}", where)
        match self._rules.action_for(_CATEGORY, Direction.OUTPUT):
            case "redact":
                edits = [Edit(span.start, span.end, f"[{span.entity}]") for span in spans]
                return redaction(finding, seen.text, edits)
            case action:
                return act(action, finding, self._rules)
