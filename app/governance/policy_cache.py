"""Compiles policies: what is in force for a tenant's caller, with the rails, judges and redactor that follow from it.

Invariant: a `PolicyCache` belongs to one policy document and never changes its mind, so a query that has pinned a policy is
judged by that document to its end. What does not depend on the policy (heads, models, variants of a text, vectors of the
same examples) is made once, in the `PolicyCompiler`, and shared by all documents.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from cachetools import LRUCache

from app.adapters.pseudonyms import Pseudonymiser
from moderation.heads.head import Heads
from moderation.pii.redactor import Redactor, known_entities
from moderation.policy import Policy
from moderation.rails import Rails, Readings
from orchestrator.judging.judges import Judges
from orchestrator.judging.pinned_policy import PinnedPolicy
from orchestrator.ports import Embed, Meter
from orchestrator.types import Query

KEPT = 256
"""Compiled policies, and sets of examples, that are remembered; the one used longest ago is forgotten first."""


@dataclass
class PolicyCompiler:
    """Makes what a query is judged by from a policy. The lock guards the vectors of examples."""

    heads: Heads
    redactor: Redactor
    embed: Embed
    pool: Executor
    meter: Meter
    timeout_s: float
    readings: Readings
    _vectors: LRUCache[tuple[str, ...], np.ndarray] = field(default_factory=lambda: LRUCache(KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def compiled(self, policy: Policy, language: str) -> PinnedPolicy:
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
            self._vectors[key] = known
        return known


class PolicyCache:
    """What one policy document means for its callers, compiled when it is first asked for. The lock guards what is
    remembered; what two queries ask for at once is compiled twice and means the same."""

    def __init__(self, policy: Policy, compiler: PolicyCompiler) -> None:
        self.policy = policy
        self._compiler = compiler
        self._made: LRUCache[tuple[str, str], PinnedPolicy] = LRUCache(KEPT)
        self._callers: LRUCache[tuple[str, frozenset[str], tuple[str, ...]], None] = LRUCache(KEPT)
        self._lock = threading.Lock()

    def on(self, query: Query) -> PinnedPolicy:
        """For a query: its tenant's policy for the caller's audience, in a language that the caller reads."""
        return self.for_caller(query.tenant, query.groups, query.languages)

    def for_caller(self, tenant: str, groups: frozenset[str], languages: tuple[str, ...]) -> PinnedPolicy:
        policy = self.policy.resolve(tenant, self.policy.audience_of(groups))
        language = policy.language_for(languages)
        with self._lock:
            self._callers[tenant, groups, languages] = None
            made = self._made.get((policy.digest, language))
        if made is None:
            made = self._compiler.compiled(policy, language)
        with self._lock:
            self._made[policy.digest, language] = made
        return made

    def prepare(self, before: PolicyCache | None = None) -> PolicyCache:
        """Compiles for the callers that the document before this one lately had, so that no query waits for it."""
        self.for_caller("", frozenset(), ())
        if before is not None:
            with before._lock:
                callers = list(before._callers)
            for caller in callers:
                self.for_caller(*caller)
        return self
