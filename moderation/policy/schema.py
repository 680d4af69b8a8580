"""What a moderation policy is: the rails, their categories, thresholds, actions and words, as pydantic models.

Invariant: a `Policy` that exists is complete (every rail named, every category with a threshold), and its
digest depends on its meaning alone: comments, order and layout of the file do not change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moderation.types import Direction

# The rails and the categories that each of them scores. A policy must give each category a threshold.
RAILS: Mapping[str, tuple[str, ...]] = {
    "injection": ("injection",),
    "toxicity": ("hate", "harassment", "violence", "self_harm", "sexual", "minors"),
    "topic": ("out_of_scope",),
    "advice": ("personal_advice", "promissory", "forward_looking"),
    "pii": ("hard_identifier",),
}
Action = Literal["block", "steer", "redact", "allow"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Strict):
    """What a person reads on a block, and what the model reads on a steer."""

    message: str = Field(min_length=1)
    alternatives: tuple[str, ...] = Field(min_length=1)
    instruction: str = ""


class CategoryRule(_Strict):
    """What one category does where it differs from its rail."""

    action: Action | Mapping[Direction, Action] | None = None
    words: Words | None = None


class RailPolicy(_Strict):
    enabled: bool = True
    directions: tuple[Direction, ...] = (Direction.INPUT, Direction.OUTPUT)
    thresholds: Mapping[str, float | Mapping[Direction, float]]
    action: Action | Mapping[Direction, Action] = "block"
    fail: Literal["block", "allow"] = "block"
    words: Words
    categories: Mapping[str, CategoryRule] = {}

    @field_validator("thresholds")
    @classmethod
    def _between_nought_and_one(
        cls, thresholds: Mapping[str, float | Mapping[Direction, float]]
    ) -> Mapping[str, float | Mapping[Direction, float]]:
        for category, given in thresholds.items():
            for value in given.values() if isinstance(given, Mapping) else (given,):
                if not 0.0 < value <= 1.0:
                    raise ValueError(f"threshold of '{category}' is {value}; it must be above 0 and at most 1")
            if isinstance(given, Mapping) and set(given) != set(Direction):
                raise ValueError(f"threshold of '{category}' by direction needs both input and output")
        return thresholds

    def threshold_for(self, category: str, direction: Direction) -> float:
        given = self.thresholds[category]
        return given[direction] if isinstance(given, Mapping) else given

    def action_for(self, category: str, direction: Direction) -> Action:
        rule = self.categories.get(category)
        action = rule.action if rule is not None and rule.action is not None else self.action
        return action if isinstance(action, str) else action.get(direction, "block")

    def words_for(self, category: str) -> Words:
        rule = self.categories.get(category)
        return rule.words if rule is not None and rule.words is not None else self.words


Style = Literal["tag", "surrogate"]


class PiiPolicy(_Strict):
    """Which entities become pseudonyms before anything else sees the text, and what a model reads in their place.

    pseudonym: `tag` (<PERSON_1>) or `surrogate` (a false but well-formed value); by entity too, where `default` names
    the style of those that are not listed (tag, unless it says otherwise)."""

    pseudonymise: tuple[str, ...] = Field(min_length=1)
    pseudonym: Style | Mapping[str, Style] = "tag"

    @property
    def styles(self) -> Mapping[str, Style]:
        """The style by entity, with `default`."""
        given = self.pseudonym
        return {"default": given} if isinstance(given, str) else {"default": "tag", **given}


class TopicPolicy(_Strict):
    """What belongs to this service, in examples: a question near one of them is in scope."""

    in_scope: tuple[str, ...] = ()
    similarity: float = Field(default=0.6, gt=0.0, le=1.0)


class Policy(_Strict):
    version: str = Field(min_length=1)
    rails: Mapping[str, RailPolicy]
    pii: PiiPolicy
    topic: TopicPolicy = TopicPolicy()
    tenants: Mapping[str, Mapping[str, Any]] = {}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in RAILS:
            if name not in self.rails:
                raise ValueError(f"rail '{name}' is missing; write it down, even if enabled: false")
            actions = [self.rails[name].action_for(c, d) for c in RAILS[name] for d in Direction]
            if "redact" in actions and name != "pii":
                raise ValueError(f"rail '{name}' cannot redact, it finds no spans; use block, steer or allow")
            steers = "steer" in actions
            if steers and not self.rails[name].words.instruction:
                raise ValueError(f"rail '{name}' steers but its words give no instruction; add one")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical form: sorted compact ASCII JSON, fractions as millionths."""
        canonical = json.dumps(_integers(self.model_dump(mode="json")), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def for_tenant(self, tenant: str) -> Policy:
        """The policy with this tenant's overrides laid over it (and so with a digest of its own)."""
        overrides = self.tenants.get(tenant)
        if not overrides:
            return self
        whole = self.model_dump(mode="json")
        whole["tenants"] = {}
        return Policy.model_validate(_merged(whole, overrides))


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, Mapping):
        return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}
    return over


def _integers(value: Any) -> Any:
    if isinstance(value, float):
        return round(value * 1_000_000)
    if isinstance(value, dict):
        return {key: _integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_integers(item) for item in value]
    return value
