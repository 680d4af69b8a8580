"""The advice rail: recommendations, promises, forecasts and praise, in a question as in an answer.

A sentence that stands in the cited document word for word is what the firm has published, and no advice of this service's:
it is scored and recorded, and let pass.
"""

from __future__ import annotations

from dataclasses import replace

from moderation.grounding.weighing import stands_in
from moderation.rails.base import Rail, Seen
from moderation.rails.parts import RailParts
from moderation.rails.scored import ScoredRail
from moderation.types import Allow, Direction, Verdict


def rail(parts: RailParts) -> Rail:
    return AdviceRail(parts.name, parts.rules, parts.heads, parts.readings)


class AdviceRail(ScoredRail):
    def judge(self, seen: Seen) -> Verdict:
        verdict = super().judge(seen)
        if isinstance(verdict, Allow) or seen.direction is Direction.INPUT:
            return verdict
        if any(stands_in(seen.text, source) for source in seen.beside.sources.values()):
            return Allow(replace(verdict.finding, reason=f"the document's own words ({verdict.finding.reason})"))
        return verdict
