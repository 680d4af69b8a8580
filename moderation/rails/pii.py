"""The pii rail: identifiers in an answer that no pseudonym stands for, found by patterns and check digits alone.

Invariant: an identifier that stands in no document of the answer is objected to, and one of a kind that the policy does not
call quotable is objected to wherever it stands.
"""

from __future__ import annotations

import re

from moderation.pii.entities import known_entities
from moderation.policy import RailPolicy
from moderation.rails.base import FindsHardIdentifiers, Rail, Seen, UnknownRail, act, redaction
from moderation.rails.parts import RailParts
from moderation.types import Allow, Direction, Edit, Finding, PiiSpan, Verdict

_CATEGORY = "hard_identifier"


def rail(parts: RailParts) -> Rail:
    return IdentifiersRail(parts.rules, parts.redactor, known_entities(parts.policy.pii.quotable))


class IdentifiersRail:
    def __init__(
        self, rules: RailPolicy, redactor: FindsHardIdentifiers | None, quotable: frozenset[str] = frozenset()
    ) -> None:
        """quotable: entities that an answer may show as a document of the caller's writes them."""
        self._rules, self._redactor, self._quotable = rules, redactor, quotable

    def judges(self, direction: Direction) -> bool:
        return self._redactor is not None

    def judge(self, seen: Seen) -> Verdict:
        if self._redactor is None:
            raise UnknownRail("rail 'pii' needs a redactor; give one to Rails.load")
        spans = sorted(self._redactor.find_hard(seen.text), key=lambda span: span.start)
        threshold = self._rules.threshold_for(_CATEGORY, Direction.OUTPUT)
        spans = [span for span in spans if span.score >= threshold and not self._quoted(span, seen)]
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

    def _quoted(self, span: PiiSpan, seen: Seen) -> bool:
        """Whether it stands as it is, and whole, in a document that the answer comes from."""
        if span.entity not in self._quotable:
            return False
        wanted = re.compile(rf"(?<![\w@+]){re.escape(_even(seen.text[span.start : span.end]))}(?![\w@])")
        return any(wanted.search(_even(document)) for document in seen.beside.documents)


def _even(text: str) -> str:
    return " ".join(text.casefold().split())
