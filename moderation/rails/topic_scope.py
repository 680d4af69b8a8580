"""The topic rail, and what a tenant's service is for as it sees it: the policy's examples and description as vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moderation.policy.schema import TopicPolicy
from moderation.rails.base import Embed, Embedding, Rail
from moderation.rails.parts import RailParts
from moderation.rails.scored import ScoredRail
from moderation.text.sentences import clauses


def rail(parts: RailParts) -> Rail:
    return ScoredRail(parts.name, parts.rules, parts.heads, parts.readings, parts.in_scope)


@dataclass(frozen=True)
class Scope:
    """vectors: float32[n, 384], unit length; least[i]: how near (cosine) a question must be to the i-th to be in scope."""

    vectors: Embedding
    least: Embedding

    @classmethod
    def of(cls, topic: TopicPolicy, embed: Embed) -> Scope | None:
        """None where the policy gives neither examples nor a description."""
        described = clauses(topic.description)
        if not topic.in_scope and not described:
            return None
        least = [topic.similarity] * len(topic.in_scope) + [topic.description_similarity] * len(described)
        return cls(embed([*topic.in_scope, *described]), np.array(least, dtype=np.float32))

    def holds(self, embedding: Embedding) -> bool:
        return bool((self.vectors @ embedding >= self.least).any())
