"""The rails: each looks at one text for one kind of harm and returns one verdict by the policy.

Invariant: `judge` is a function of (policy, heads, text, context, embedding) alone; it allows only if every
category of the rail stays below its threshold. It never swallows an error: the caller turns an exception or a
timeout into `fail(...)`, the policy's written fail mode. Safe to call from many threads at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from moderation.head import Heads, Lexical, lexical_parts
from moderation.policy import RAILS, Policy, RailPolicy
from moderation.rules import Hit, hits
from moderation.types import (
    Allow,
    Block,
    Direction,
    Finding,
    ModerationError,
    PiiSpan,
    Redact,
    Steer,
    Verdict,
)
from moderation.views import views

Embedding = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Embedding]

_SEVERITY = {"allow": 0, "steer": 1, "redact": 2, "block": 3}
# Where categories are close: a person who speaks of harming themselves shall read words of help, not of refusal,
# and what sexualises a child shall not be filed as merely sexual.
_FIRST = {"self_harm": 1.15, "minors": 1.15}
_REMEMBERED = 128  # texts whose views and features are kept, so that rails judging one text share the work


class FindsHardIdentifiers(Protocol):
    """What the pii rail needs: identifiers that patterns and check digits find, without a language model."""

    def find_hard(self, text: str) -> list[PiiSpan]: ...


class UnknownRail(ModerationError):
    """A rail that this policy does not run."""


@dataclass(frozen=True)
class _Score:
    """One category of one text."""

    category: str
    probability: float
    threshold: float
    reason: str

    @property
    def excess(self) -> float:
        return self.probability / self.threshold

    @property
    def over(self) -> bool:
        return self.probability >= self.threshold


class Reading:
    """The views and features of the last texts, kept so that all rails that judge one text share the work, be they of one
    policy or of several."""

    def __init__(self) -> None:
        self.views: Callable[[str], tuple[str, ...]] = lru_cache(_REMEMBERED)(_view_texts)
        self.parts: Callable[[str], list[Lexical]] = lru_cache(_REMEMBERED)(lexical_parts)


class Rails:
    """All rails of one policy. Holds no state but a bounded memo of features."""

    def __init__(
        self,
        policy: Policy,
        heads: Heads,
        redactor: FindsHardIdentifiers | None = None,
        exemplars: Embedding | None = None,
        reading: Reading | None = None,
    ) -> None:
        self._policy = policy
        self._heads = heads
        self._redactor = redactor
        self._exemplars = exemplars
        self._language = ""
        reading = reading or Reading()
        self._views, self._parts = reading.views, reading.parts

    @classmethod
    def load(
        cls,
        policy: Policy,
        heads: Heads,
        redactor: FindsHardIdentifiers | None,
        embed: Embed,
        reading: Reading | None = None,
    ) -> Rails:
        """`embed` turns the policy's in-scope examples into vectors, once. reading: shared with other policies' rails."""
        examples = policy.topic.in_scope
        return cls(policy, heads, redactor, embed(examples) if examples else None, reading)

    def speaking(self, language: str) -> Rails:
        """The same rails, whose words are in this language where the policy has them in it."""
        other = copy.copy(self)
        other._language = language
        return other

    def names(self, direction: Direction) -> tuple[str, ...]:
        """The rails that must judge in this direction."""
        return tuple(
            name
            for name in RAILS
            if self._policy.rails[name].enabled
            and direction in self._policy.rails[name].directions
            and not (name == "pii" and self._redactor is None)
        )

    def judge(self, rail: str, direction: Direction, text: str, embedding: Embedding, context: str = "") -> Verdict:
        """One rail's verdict on `text`; `context` is what came just before it (already judged).

        embedding: float32[384], unit length, of `text`. Raises what the rail raises; see fail().
        """
        rules = self._rules(rail)
        if rail == "pii":
            return self._identifiers(rules, text)
        scores = self._scores(rail, rules, direction, text, embedding, context)
        return _verdict(rail, rules, direction, scores)

    def fail(self, rail: str, direction: Direction, why: str) -> Verdict:
        """The verdict of a rail that erred or timed out: block, unless the policy says otherwise for this rail."""
        rules = self._rules(rail)
        finding = Finding(rail, "failure", 1.0, 1.0, f"the rail gave no verdict on the {direction}: {why}")
        if rules.fail == "allow":
            return Allow(finding)
        return Block(finding, rules.words.message, rules.words.alternatives)

    def explain(self, text: str, embedding: Embedding, direction: Direction = Direction.INPUT) -> list[dict[str, Any]]:
        """One plain dict for each rail of this direction, in the rails' order."""
        return [self._explained(rail, text, embedding, direction) for rail in self.names(direction)]

    def _explained(self, rail: str, text: str, embedding: Embedding, direction: Direction) -> dict[str, Any]:
        rules = self._rules(rail)
        verdict = self.judge(rail, direction, text, embedding)
        finding = verdict.finding
        entry: dict[str, Any] = {
            "rail": rail,
            "verdict": verdict.name,
            "probability": finding.probability,
            "threshold": finding.threshold,
            "category": finding.category,
            "reason": finding.reason,
        }
        if rail != "pii" and len(RAILS[rail]) > 1:
            scores = self._scores(rail, rules, direction, text, embedding, "")
            entry["categories"] = {score.category: score.probability for score in scores}
        return entry

    def _rules(self, rail: str) -> RailPolicy:
        if rail not in self._policy.rails:
            raise UnknownRail(f"rail '{rail}' is unknown; known rails: {', '.join(self._policy.rails)}")
        return self._policy.rails[rail]

    def _scores(
        self, rail: str, rules: RailPolicy, direction: Direction, text: str, embedding: Embedding, context: str
    ) -> list[_Score]:
        if not text.strip():
            return [_Score(c, 0.0, rules.threshold_for(c, direction), "empty text") for c in RAILS[rail]]
        chances = self._heads.probabilities(rail, embedding, self._parts(text))
        found = self._hits(rail, direction, text, context)
        if rail == "topic" and self._near_an_example(embedding):
            chances = {"out_of_scope": 0.0}
        scores = []
        for category in RAILS[rail]:
            chance = chances.get(category, 0.0)
            hit = next((hit for hit in found if hit.category == category), None)
            reason = f"trained head for {category.replace('_', ' ')}"
            if hit is not None and hit.probability >= chance:
                chance, reason = hit.probability, hit.reason
            scores.append(_Score(category, chance, rules.threshold_for(category, direction), reason))
        return scores

    def _hits(self, rail: str, direction: Direction, text: str, context: str) -> list[Hit]:
        """Rules that fire in the text, or only once it is read together with what came before."""
        found = hits(rail, direction, self._views(text))
        if context:
            before = {(hit.category, hit.reason) for hit in hits(rail, direction, self._views(context))}
            across = hits(rail, direction, self._views(context + text))
            found += [hit for hit in across if (hit.category, hit.reason) not in before]
        return sorted(found, key=lambda hit: -hit.probability)

    def _near_an_example(self, embedding: Embedding) -> bool:
        if self._exemplars is None:
            return False
        return bool((self._exemplars @ embedding).max() >= self._policy.topic.similarity)

    def _identifiers(self, rules: RailPolicy, text: str) -> Verdict:
        if self._redactor is None:
            raise UnknownRail("rail 'pii' needs a redactor; give one to Rails.load")
        spans = sorted(self._redactor.find_hard(text), key=lambda span: span.start)
        threshold = rules.threshold_for("hard_identifier", Direction.OUTPUT)
        spans = [span for span in spans if span.score >= threshold]
        if not spans:
            return Allow(Finding("pii", "hard_identifier", 0.0, threshold, "no identifier found"))
        kinds = ", ".join(sorted({span.entity for span in spans}))
        where = tuple((span.start, span.end) for span in spans)
        worst = max(span.score for span in spans)
        finding = Finding("pii", "hard_identifier", worst, threshold, f"holds {kinds}", where)
        match rules.action_for("hard_identifier", Direction.OUTPUT):
            case "allow":
                return Allow(finding)
            case "redact":
                return Redact(finding, _masked(text, spans))
            case action:
                return _act(action, finding, rules)


def _view_texts(text: str) -> tuple[str, ...]:
    return tuple(view.text for view in views(text))


def _verdict(rail: str, rules: RailPolicy, direction: Direction, scores: Sequence[_Score]) -> Verdict:
    """The severest action among the categories over their thresholds; where it is close, by `_FIRST`."""

    def weight(score: _Score) -> tuple[bool, int, float]:
        severity = _SEVERITY[rules.action_for(score.category, direction)] if score.over else 0
        return score.over, severity, score.excess * _FIRST.get(score.category, 1.0)

    worst = max(scores, key=weight)
    finding = Finding(rail, worst.category, worst.probability, worst.threshold, worst.reason)
    if not worst.over:
        return Allow(finding)
    return _act(rules.action_for(worst.category, direction), finding, rules)


def _act(action: str, finding: Finding, rules: RailPolicy) -> Verdict:
    words = rules.words_for(finding.category)
    match action:
        case "allow":
            return Allow(finding)
        case "steer":
            return Steer(finding, words.instruction or rules.words.instruction)
        case _:
            return Block(finding, words.message, words.alternatives)


def _masked(text: str, spans: Sequence[PiiSpan]) -> str:
    parts, at = [], 0
    for span in spans:
        if span.start >= at:
            parts += [text[at : span.start], f"[{span.entity}]"]
            at = span.end
    return "".join([*parts, text[at:]])
