"""The policy in force for one query: pinned at its start, and used for everything that the query leads to.

Invariant: a journey asks for its policy once. A policy that is swapped meanwhile, a caller whose groups change or a tenant
that gets rules of its own change the next query, never one under way: its record names one policy digest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.judging.judges import Judges
from orchestrator.judging.shadow import CandidatePolicy
from orchestrator.ports import OpenPseudonyms
from orchestrator.types import Query


@dataclass(frozen=True)
class PinnedPolicy:
    """A policy as it stands for one tenant, one audience and one language.

    digest, version: of the policy, resolved for this tenant and audience. redact: replaces what this policy names as
    personal data. candidate: a policy that judges silently too, without any effect.
    """

    digest: str
    version: str
    judges: Judges
    redact: OpenPseudonyms
    candidate: CandidatePolicy | None = None


PolicyFor = Callable[[Query], PinnedPolicy]
"""The policy for a query that begins now."""
