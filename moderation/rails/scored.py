"""The rails that score: a trained head and the rules of one harm, against the thresholds of its categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from moderation.head import Heads, Lexical, lexical_parts
from moderation.policy import RAILS, RailPolicy
from moderation.rails.base import Embed, Embedding, Seen, act
from moderation.rules import Hit, hits
from moderation.types import Allow, Direction, Finding, Verdict
from moderation.views import View, views

_SEVERITY = {"allow": 0, "steer": 1, "redact": 2, "block": 3}
# Where categories are close: a person who speaks of harming themselves shall read words of help, not of refusal,
# and what sexualises a child shall not be filed as merely sexual.
_FIRST = {"self_harm": 1.15, "minors": 1.15}
_REMEMBERED = 128  # texts whose views and features are kept, so that rails judging one text share the work


class Readings:
    """The views and lexical features of texts, shared by the rails that judge them. A bounded memo, no more."""

    def __init__(self, embed: Embed | None = None) -> None:
        """embed: for what stands hidden in a text; without it a hidden reading has the given text's embedding."""
        self._embed = embed
        self.views: Callable[[str], Sequence[View]] = lru_cache(_REMEMBERED)(views)
        self.parts: Callable[[str], list[Lexical]] = lru_cache(_REMEMBERED)(lexical_parts)
        self._hidden: Callable[[str], Sequence[tuple[str, Embedding | None]]] = lru_cache(_REMEMBERED)(self._embedded)

    def all_of(self, text: str, embedding: Embedding) -> Sequence[tuple[Embedding, list[Lexical]]]:
        """What the heads are asked about: the text as given, then each reading of it that was hidden."""
        hidden = self._hidden(text)
        return [
            (embedding, self.parts(text)),
            *((embedding if vector is None else vector, self.parts(reading)) for reading, vector in hidden),
        ]

    def _embedded(self, text: str) -> Sequence[tuple[str, Embedding | None]]:
        texts = [view.text for view in self.views(text) if view.hidden and view.text.strip()]
        if not texts or self._embed is None:
            return [(one, None) for one in texts]
        return list(zip(texts, self._embed(texts), strict=True))


@dataclass(frozen=True)
class Score:
    """One category of one text."""

    category: str
    probability: float
    threshold: float
    reason: str
    spans: tuple[tuple[int, int], ...] = ()  # places in the given text that moved it

    @property
    def excess(self) -> float:
        return self.probability / self.threshold

    @property
    def over(self) -> bool:
        return self.probability >= self.threshold


class ScoredRail:
    """One rail with categories, by its head and its rules."""

    def __init__(
        self,
        name: str,
        rules: RailPolicy,
        heads: Heads,
        readings: Readings,
        excused: Callable[[Embedding], bool] = lambda _embedding: False,
    ) -> None:
        """excused: whether a text's embedding alone shows that the head need not be asked."""
        self._name, self._rules, self._heads, self._readings, self._excused = name, rules, heads, readings, excused

    def judges(self, direction: Direction) -> bool:
        return True

    def judge(self, seen: Seen) -> Verdict:
        return _verdict(self._name, self._rules, seen.direction, self.scores(seen))

    def scores(self, seen: Seen) -> list[Score]:
        """Every category's score, in the rail's order."""
        thresholds = {category: self._rules.threshold_for(category, seen.direction) for category in RAILS[self._name]}
        if not seen.text.strip():
            return [Score(category, 0.0, threshold, "empty text") for category, threshold in thresholds.items()]
        chances = {} if self._excused(seen.embedding) else self._chances(seen)
        found = self._hits(seen)
        scores = []
        for category, threshold in thresholds.items():
            chance = chances.get(category, 0.0)
            hit = next((hit for hit in found if hit.category == category), None)
            reason = f"trained head for {category.replace('_', ' ')}"
            spans: tuple[tuple[int, int], ...] = ()
            if hit is not None and hit.probability >= chance:
                chance, reason, spans = hit.probability, hit.reason, hit.spans
            scores.append(Score(category, chance, threshold, reason, spans))
        return scores

    def _chances(self, seen: Seen) -> dict[str, float]:
        """Each category's probability by the head, at its highest over the readings of the text."""
        chances: dict[str, float] = {}
        for vector, parts in self._readings.all_of(seen.text, seen.embedding):
            for category, chance in self._heads.probabilities(self._name, vector, parts).items():
                chances[category] = max(chance, chances.get(category, 0.0))
        return chances

    def _hits(self, seen: Seen) -> list[Hit]:
        """Rules that fire in the text, or only once it is read together with what came before."""
        views, name, direction = self._readings.views, self._name, seen.direction
        found = hits(name, direction, views(seen.text))
        if seen.before:
            before = {(hit.category, hit.reason) for hit in hits(name, direction, views(seen.before))}
            across = hits(name, direction, views(seen.before + seen.text))
            found += [hit for hit in across if (hit.category, hit.reason) not in before]
        return sorted(found, key=lambda hit: -hit.probability)


def _verdict(rail: str, rules: RailPolicy, direction: Direction, scores: Sequence[Score]) -> Verdict:
    """The severest action among the categories over their thresholds; where it is close, by `_FIRST`."""

    def weight(score: Score) -> tuple[bool, int, float]:
        severity = _SEVERITY[rules.action_for(score.category, direction)] if score.over else 0
        return score.over, severity, score.excess * _FIRST.get(score.category, 1.0)

    worst = max(scores, key=weight)
    finding = Finding(rail, worst.category, worst.probability, worst.threshold, worst.reason, worst.spans)
    if not worst.over:
        return Allow(finding)
    return act(rules.action_for(worst.category, direction), finding, rules)
