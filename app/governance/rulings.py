"""Compiles policies into rulings: what is in force for a tenant's caller, with the rails, judges and redactor that follow.

What must stay true: a `Rulings` belongs to one policy document and never changes its mind, so a query that has pinned a
ruling is judged by that document to its end. What does not depend on the policy (heads, models, views of a text, vectors of
the same examples) is made once, in the `Workshop`, and shared by all rulings of all documents.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from app.adapters.pseudonyms import Pseudonymiser
from moderation.heads.head import Heads
from moderation.pii.redactor import Redactor, known_entities
from moderation.policy import Policy
from moderation.rails import Rails, Readings
from orchestrator.judging.judges import Judges
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.ports import Embed, Meter
from orchestrator.types import Query

K = TypeVar("K")
V = TypeVar("V")
KEPT = 256
"""Rulings, and sets of examples, that are remembered; the one used longest ago is forgotten first."""


@dataclass
class Workshop:
    """What every ruling is made of. The lock guards the vectors of examples."""

    heads: Heads
    redactor: Redactor
    embed: Embed
    pool: Executor
    meter: Meter
    timeout_s: float
    readings: Readings
    _vectors: OrderedDict[tuple[str, ...], np.ndarray] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ruling(self, policy: Policy, language: str) -> PinnedPolicy:
        """What follows from a resolved policy. Raises what the encoder raises."""
        rails = Rails.load(policy.spoken(language), self.heads, self.redactor, self._examples, self.readings)
        judges = Judges(rails, self.pool, self.meter, self.timeout_s, self.heads.digest)
        entities = known_entities(policy.redacted_first)
        return PinnedPolicy(policy.digest, policy.version, judges, Pseudonymiser(self.redactor, entities, policy.pii.styles))

    def _examples(self, texts: Sequence[str]) -> np.ndarray:
        """Policies mostly share their examples of what is in scope: each set is embedded once."""
        key = tuple(texts)
        with self._lock:
            known = self._vectors.get(key)
        if known is None:
            known = self.embed(key)
        with self._lock:
            _keep(self._vectors, key, known)
        return known


class Rulings:
    """The rulings of one policy document, made when they are first asked for. The lock guards what is remembered; a ruling
    that two queries ask for at once is made twice and means the same."""

    def __init__(self, policy: Policy, workshop: Workshop) -> None:
        self.policy = policy
        self._workshop = workshop
        self._made: OrderedDict[tuple[str, str], PinnedPolicy] = OrderedDict()
        self._callers: OrderedDict[tuple[str, frozenset[str], tuple[str, ...]], None] = OrderedDict()
        self._lock = threading.Lock()

    def on(self, query: Query) -> PinnedPolicy:
        """The ruling for a query: its tenant's policy for the caller's audience, in a language that the caller reads."""
        return self.for_caller(query.tenant, query.groups, query.languages)

    def for_caller(self, tenant: str, groups: frozenset[str], languages: tuple[str, ...]) -> PinnedPolicy:
        policy = self.policy.resolve(tenant, self.policy.audience_of(groups))
        language = policy.language_for(languages)
        with self._lock:
            _keep(self._callers, (tenant, groups, languages), None)
            made = self._made.get((policy.digest, language))
        if made is None:
            made = self._workshop.ruling(policy, language)
        with self._lock:
            _keep(self._made, (policy.digest, language), made)
        return made

    def prepare(self, before: Rulings | None = None) -> Rulings:
        """Makes the rulings that the document before this one was lately asked for, so that no query waits for them."""
        self.for_caller("", frozenset(), ())
        if before is not None:
            with before._lock:
                callers = list(before._callers)
            for caller in callers:
                self.for_caller(*caller)
        return self


def _keep(memo: OrderedDict[K, V], key: K, value: V) -> None:
    memo[key] = value
    memo.move_to_end(key)
    while len(memo) > KEPT:
        memo.popitem(last=False)
