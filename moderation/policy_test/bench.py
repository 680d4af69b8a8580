"""A policy tried on texts with the real rails: first the redaction, then every rail on what is left, as in a journey.

Invariant: a case passes only if the rails really did what it asks of them; a rail that errs raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from moderation.heads.head import Heads
from moderation.pii.entities import known_entities
from moderation.pii.pseudonyms import Pseudonyms
from moderation.pii.redactor import Redaction
from moderation.policy.schema import Policy
from moderation.policy_test.cases import Case
from moderation.rails import Embed, Embedding, Rails
from moderation.rails.base import Seen
from moderation.severity import severity
from moderation.types import Allow, Direction, Finding, PiiSpan, RailContext, Verdict

_BATCH = 64


class Redacts(Protocol):
    """The redactor, as a trial needs it."""

    def redact(self, text: str, pseudonyms: Pseudonyms, entities: frozenset[str]) -> Redaction: ...

    def find_hard(self, text: str) -> list[PiiSpan]: ...


@dataclass(frozen=True)
class JudgedText:
    """One text under one policy. text: what the rails saw; entities: what was redacted before they saw it."""

    text: str
    entities: tuple[str, ...]
    embedding: Embedding
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class CaseOutcome:
    """What came of a case. got: block, steer, redact or pass; deciding: the finding behind it, or nearest to it."""

    case: Case
    passed: bool
    got: str
    deciding: Finding | None
    entities: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether it is a failure that the case itself announces."""
        return not self.passed and bool(self.case.example.weakness)


class Bench:
    """A policy with all that its rails need. Not safe for several threads: it keeps the rails of each caller."""

    def __init__(self, policy: Policy, heads: Heads, redactor: Redacts, embed: Embed) -> None:
        self._policy, self._heads, self._redactor, self.embed = policy, heads, redactor, embed
        self._rails: dict[str, Rails] = {}

    def rails(self, tenant: str, audience: str) -> Rails:
        policy = self._policy.resolve(tenant, audience)
        if policy.digest not in self._rails:
            self._rails[policy.digest] = Rails.load(policy, self._heads, self._redactor, self.embed)
        return self._rails[policy.digest]

    def try_all(self, cases: Sequence[Case], report: Callable[[int], None] = lambda done: None) -> Iterator[CaseOutcome]:
        """Each case's outcome, in their order. report: called with how many are done."""
        done = 0
        for start in range(0, len(cases), _BATCH):
            batch = cases[start : start + _BATCH]
            seen = [self._redacted(case) for case in batch]
            vectors = self.embed([text for text, _ in seen])
            for case, (text, entities), vector in zip(batch, seen, vectors, strict=True):
                yield outcome(case, self._judged(case, text, entities, vector))
                done += 1
                report(done)

    def judge(self, text: str, direction: Direction, tenant: str = "", audience: str = "") -> JudgedText:
        """One text as a caller's own."""
        policy = self._policy.resolve(tenant, audience)
        left, entities = self._redact(policy, text) if direction is Direction.INPUT else (text, ())
        vector = self.embed([left])[0]
        rails = self.rails(tenant, audience)
        verdicts = tuple(rails.judge(name, Seen(direction, left, vector)) for name in rails.names(direction))
        return JudgedText(left, entities, vector, verdicts)

    def _redacted(self, case: Case) -> tuple[str, tuple[str, ...]]:
        example = case.example
        if example.direction is not Direction.INPUT:
            return example.text, ()
        return self._redact(self._policy.resolve(example.tenant, example.audience), example.text)

    def _redact(self, policy: Policy, text: str) -> tuple[str, tuple[str, ...]]:
        made = self._redactor.redact(text, Pseudonyms(), known_entities(policy.redacted_first))
        return made.text, tuple(sorted(made.counts))

    def _judged(self, case: Case, text: str, entities: tuple[str, ...], vector: Embedding) -> JudgedText:
        example = case.example
        rails = self.rails(example.tenant, example.audience)
        beside = RailContext(dict(example.sources), documents=tuple(example.sources.values()))
        names = [name for name in rails.names(example.direction) if example.rail in ("", name)]
        verdicts = [rails.judge(name, Seen(example.direction, text, vector, example.context, beside)) for name in names]
        return JudgedText(text, entities, vector, tuple(verdicts))


def outcome(case: Case, judged: JudgedText) -> CaseOutcome:
    """Whether the verdicts are what the case asks for."""
    example, worst = case.example, worst_of(judged.verdicts)
    got = "pass" if worst is None or isinstance(worst, Allow) else worst.name
    if case.expected == "redact" and example.direction is Direction.INPUT and got != "block":
        wanted = known_entities([example.entity]) if example.entity else frozenset(judged.entities)
        got = "redact" if judged.entities and wanted <= set(judged.entities) else got
    passed = got == case.expected
    if passed and example.category and worst is not None and not isinstance(worst, Allow):
        passed = worst.finding.category == example.category
    return CaseOutcome(case, passed, got, worst.finding if worst else None, judged.entities)


def worst_of(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The severest verdict; among equals, that of the rail nearest to (or farthest over) its threshold."""
    return max(
        verdicts, key=lambda v: (severity(v.name), v.finding.probability / (v.finding.threshold or 1.0)), default=None
    )
