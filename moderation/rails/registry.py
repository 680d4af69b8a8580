"""All rails of one policy: which of them judge, what each says, and what one that fails comes to.

Invariant: `judge` is a function of (policy, heads, `Seen`) alone. It never swallows
an error: the caller turns an exception or a timeout into `fail(...)`, the policy's written fail mode. Safe to call
from many threads at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from moderation.heads.head import Heads
from moderation.policy import RAILS, Policy, RailPolicy
from moderation.rails.base import Embed, Embedding, FindsHardIdentifiers, Rail, Seen, UnknownRail
from moderation.rails.parts import RailModule, RailParts, Readings
from moderation.rails.passage_screen import PassageScreen
from moderation.rails.scored import ScoredRail
from moderation.rails.topic_scope import Scope
from moderation.types import Allow, Block, Direction, Finding, Verdict


class Rails:
    """All rails of one policy. Holds no state but bounded memos of what texts look like."""

    def __init__(
        self,
        policy: Policy,
        heads: Heads,
        redactor: FindsHardIdentifiers | None = None,
        scope: Scope | None = None,
        embed: Embed | None = None,
        readings: Readings | None = None,
    ) -> None:
        """embed: for what stands hidden in a text (encoded, backwards); scope: of the topic rail."""
        self._policy = policy
        self._scope = scope
        readings = readings or Readings(embed)
        self._rails: dict[str, Rail] = {}
        for name in RAILS:
            if name in policy.rails:  # one that the policy does not name is off
                parts = RailParts(name, policy.rails[name], policy, heads, readings, self._in_scope, redactor)
                self._rails[name] = cast(RailModule, import_module(RAILS[name].module)).rail(parts)
        injection = policy.rails.get("injection")
        self._screen = PassageScreen(injection, heads, embed, readings) if injection and embed else None

    @classmethod
    def load(
        cls,
        policy: Policy,
        heads: Heads,
        redactor: FindsHardIdentifiers | None,
        embed: Embed,
        readings: Readings | None = None,
    ) -> Rails:
        """`embed` turns the policy's examples and description into vectors, once, and what is found hidden in a text.

        readings: shared with other policies' rails; what is hidden is then embedded as they say.
        """
        return cls(policy, heads, redactor, Scope.of(policy.topic, embed), embed, readings)

    def names(self, direction: Direction) -> tuple[str, ...]:
        """The rails that must judge in this direction."""
        return tuple(
            name
            for name, rail in self._rails.items()
            if self._policy.rails[name].judges(direction) and rail.judges(direction)
        )

    def judge(self, rail: str, seen: Seen) -> Verdict:
        """One rail's verdict on a text. Raises what the rail raises; see fail()."""
        self._rules(rail)
        return self._rails[rail].judge(seen)

    def screen(self, text: str) -> Verdict:
        """Whether a model may read what nobody typed: Block for a passage that gives orders. Raises as `judge` does."""
        rules = self._policy.rails.get("injection")
        if rules is None or not rules.enabled:
            return Allow(Finding("injection", "injection", 0.0, 1.0, "the injection rail is switched off"))
        if self._screen is None:
            raise UnknownRail("passages cannot be screened without the sentence encoder; give `embed` to Rails")
        finding = self._screen.judge(text)
        if finding.probability < finding.threshold:
            return Allow(finding)
        return Block(finding, rules.words.message, rules.words.alternatives)

    def fail(self, rail: str, direction: Direction, why: str) -> Verdict:
        """The verdict of a rail that erred or timed out: block, unless the policy says otherwise for this rail."""
        finding = Finding(rail, "failure", 1.0, 1.0, f"the rail gave no verdict on the {direction}: {why}")
        if rail in RAILS and rail not in self._policy.rails:  # it is off, and has no fail mode
            return Allow(finding)
        rules = self._rules(rail)
        if rules.fail == "allow":
            return Allow(finding)
        return Block(finding, rules.words.message, rules.words.alternatives)

    def explain(self, text: str, embedding: Embedding, direction: Direction = Direction.INPUT) -> list[dict[str, Any]]:
        """One plain dict for each rail of this direction, in the rails' order."""
        return [self._explained(rail, Seen(direction, text, embedding)) for rail in self.names(direction)]

    def _explained(self, name: str, seen: Seen) -> dict[str, Any]:
        rail = self._rails[name]
        verdict = rail.judge(seen)
        finding = verdict.finding
        entry: dict[str, Any] = {
            "rail": name,
            "verdict": verdict.name,
            "probability": finding.probability,
            "threshold": finding.threshold,
            "category": finding.category,
            "reason": finding.reason,
            "spans": [list(span) for span in finding.spans],
        }
        if isinstance(rail, ScoredRail) and len(RAILS[name].categories) > 1:
            entry["categories"] = {score.category: score.probability for score in rail.scores(seen)}
        return entry

    def _rules(self, rail: str) -> RailPolicy:
        if rail not in self._policy.rails:
            raise UnknownRail(f"rail '{rail}' is unknown; known rails: {', '.join(self._policy.rails)}")
        return self._policy.rails[rail]

    def _in_scope(self, embedding: Embedding) -> bool:
        return self._scope is not None and self._scope.holds(embedding)
