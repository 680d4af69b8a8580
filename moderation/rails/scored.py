"""The rails that score: a trained head and the rules of one harm, against the thresholds of its categories."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from moderation.heads.head import Heads
from moderation.policy import RAILS, RailPolicy
from moderation.rails.base import Embedding, Rail, Seen, act
from moderation.rails.parts import RailParts, Reading, Readings
from moderation.rules import Hit, hits
from moderation.severity import severity
from moderation.text.foreign import is_foreign
from moderation.types import Allow, Direction, Finding, Verdict

# Where several are over, by how much (in log odds) one comes before another: what sexualises a child shall not be filed as
# merely sexual, a person who speaks of harming themselves shall read words of help, and hate is most often violent too.
_FIRST = {"minors": 4.0, "self_harm": 1.0, "hate": 1.0}


FOREIGN_MEANING = 2.0
"""Log-odds that the meaning of a text in another language than English may add for an attack. Harmless questions in
four languages have about 3 (English ones −0.7), since the encoder has not learned them; attacks 5 to 8 by their words."""


@dataclass(frozen=True)
class Score:
    """One category of one text."""

    category: str
    probability: float
    threshold: float
    reason: str
    spans: tuple[tuple[int, int], ...] = ()  # places in the given text that moved it

    @property
    def log_odds(self) -> float:
        chance = min(max(self.probability, 1e-9), 1 - 1e-9)
        return math.log(chance / (1 - chance))

    @property
    def over(self) -> bool:
        return self.probability >= self.threshold


def rail(parts: RailParts) -> Rail:
    return ScoredRail(parts.name, parts.rules, parts.heads, parts.readings)


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
        thresholds = {
            category: self._rules.threshold_for(category, seen.direction) for category in RAILS[self._name].categories
        }
        if not seen.text.strip():
            return [Score(category, 0.0, threshold, "empty text") for category, threshold in thresholds.items()]
        chances = {} if self._unasked(seen) or self._excused(seen.embedding) else self._chances(seen)
        found = self._hits(seen)
        scores = []
        for category, threshold in thresholds.items():
            chance, reading = chances.get(category, (0.0, None))
            hit = next((hit for hit in found if hit.category == category), None)
            if hit is not None and hit.probability >= min(chance, threshold):  # a rule says more plainly what it saw
                scores.append(Score(category, max(chance, hit.probability), threshold, hit.reason, hit.spans))
            elif reading is not None and chance >= threshold:
                reason, spans = self._moved(category, reading)
                scores.append(Score(category, chance, threshold, reason, spans))
            else:
                scores.append(Score(category, chance, threshold, _head_of(category)))
        return scores

    def _unasked(self, seen: Seen) -> bool:
        """Whether the head is not asked: that of injection has learned what people type, among whom whoever gives orders is
        suspicious. An instruction is made of orders ("You are a helpful assistant."); the rules tell the dangerous ones."""
        return seen.instruction and self._name == "injection"

    def _chances(self, seen: Seen) -> dict[str, tuple[float, Reading]]:
        """Each category's probability by the head, at its highest over the readings of the text, and that reading."""
        chances: dict[str, tuple[float, Reading]] = {}
        most = FOREIGN_MEANING if self._name == "injection" and is_foreign(seen.text) else math.inf
        for reading in self._readings.all_of(seen.text, seen.embedding):
            for category, chance in self._heads.probabilities(self._name, reading.embedding, reading.parts, most).items():
                if category not in chances or chance > chances[category][0]:
                    chances[category] = chance, reading
        return chances

    def _moved(self, category: str, reading: Reading) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Why the head scored so: in which reading, by which words of the given text, or by the sense of the whole."""
        moved = self._heads.moved_by(self._name, category, reading.embedding, reading.offset_text, reading.parts)
        reason = _head_of(category)
        if reading.kind:
            reason += f" (read as {reading.kind})"
        if moved.meaning > moved.wording:
            reason += ", by the sense of the whole"
        return reason, moved.places

    def _hits(self, seen: Seen) -> list[Hit]:
        """Rules that fire in the text, or only once it is read together with what came before."""
        variants, name, direction = self._readings.variants, self._name, seen.direction
        found = hits(name, direction, variants(seen.text), variants(seen.before)[0].text if seen.before else "")
        if seen.before:
            before = {(hit.category, hit.reason) for hit in hits(name, direction, variants(seen.before))}
            across = hits(name, direction, variants(seen.before + seen.text))
            shift = len(seen.before)
            found += [
                replace(hit, spans=tuple((max(0, a - shift), b - shift) for a, b in hit.spans if b > shift))
                for hit in across
                if (hit.category, hit.reason) not in before
            ]
        return sorted(found, key=lambda hit: -hit.probability)


def _head_of(category: str) -> str:
    return f"trained head for {category.replace('_', ' ')}"


def _verdict(rail: str, rules: RailPolicy, direction: Direction, scores: Sequence[Score]) -> Verdict:
    """The severest action among the categories over their thresholds; where it is close, by `_FIRST`."""

    def weight(score: Score) -> tuple[bool, int, float]:
        strictness = severity(rules.action_for(score.category, direction)) if score.over else 0
        return score.over, strictness, score.log_odds + _FIRST.get(score.category, 0.0)

    worst = max(scores, key=weight)
    finding = Finding(rail, worst.category, worst.probability, worst.threshold, worst.reason, worst.spans)
    if not worst.over:
        return Allow(finding)
    return act(rules.action_for(worst.category, direction), finding, rules)
