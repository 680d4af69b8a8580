"""What a rail is built from, and what the file of a rail has to offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from moderation.heads.head import Heads
from moderation.policy import Policy, RailPolicy
from moderation.rails.base import Embedding, FindsHardIdentifiers, Rail
from moderation.rails.readings import Readings


@dataclass(frozen=True)
class RailParts:
    """All that a rail may be built from.

    name      the rail's, as policies and records write it
    rules     what the policy says of this rail; policy: the whole of it
    heads     the trained heads of all rails
    readings  of texts, shared by the rails that judge them
    in_scope  whether a text, by its embedding, is about what the policy's service is for
    redactor  None where nothing looks for identifiers
    """

    name: str
    rules: RailPolicy
    policy: Policy
    heads: Heads
    readings: Readings
    in_scope: Callable[[Embedding], bool]
    redactor: FindsHardIdentifiers | None


class RailModule(Protocol):
    """The file that a line of `moderation.policy.catalogue.RAILS` names."""

    def rail(self, parts: RailParts, /) -> Rail: ...
