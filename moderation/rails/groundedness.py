"""The groundedness rail: each sentence of a cited answer against the passages that it cites.

On redact, the sentence is replaced by the rail's message; the sentences beside it stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from moderation.grounding.weighing import Weighed, weigh
from moderation.policy import RailPolicy
from moderation.rails.base import Rail, Seen, act, redaction
from moderation.rails.parts import RailParts
from moderation.text.sentences import begun, cited_sentences
from moderation.types import Allow, Direction, Edit, Finding, Verdict

_CATEGORY = "unsupported"
_MARK = re.compile(r"\[(\d+)\]")


def rail(parts: RailParts) -> Rail:
    return GroundednessRail(parts.rules)


class GroundednessRail:
    def __init__(self, rules: RailPolicy) -> None:
        self._rules = rules

    def judges(self, direction: Direction) -> bool:
        return direction is Direction.OUTPUT

    def judge(self, seen: Seen) -> Verdict:
        rules, sources = self._rules, seen.beside.sources
        threshold = rules.threshold_for(_CATEGORY, seen.direction)
        if not sources or not seen.text.strip():
            return Allow(Finding("groundedness", _CATEGORY, 0.0, threshold, "cites nothing"))
        judged = [(span, self._weighed(seen, span, sources)) for span in cited_sentences(seen.text)]
        worst = min((weighed for _, weighed in judged), key=lambda one: one.probability)
        doubtful = [span for span, weighed in judged if 1.0 - weighed.probability >= threshold]
        probability = 1.0 - worst.probability
        finding = Finding("groundedness", _CATEGORY, probability, threshold, worst.reason, tuple(doubtful))
        if not doubtful:
            return Allow(finding)
        match rules.action_for(_CATEGORY, seen.direction):
            case "redact":
                message = rules.words_for(_CATEGORY).message
                return redaction(finding, seen.text, [Edit(start, end, message) for start, end in doubtful])
            case action:
                return act(action, finding, rules)

    def _weighed(self, seen: Seen, span: tuple[int, int], sources: Mapping[int, str]) -> Weighed:
        """A sentence that a segment cuts in two is read from its beginning; one without a mark against every source."""
        claim = seen.text[slice(*span)]
        cited = [number for number in map(int, _MARK.findall(claim)) if number in sources]
        if not seen.text[: span[0]].strip():
            claim = begun(seen.before) + claim
        return weigh(claim, [sources[number] for number in cited] or list(sources.values()))
