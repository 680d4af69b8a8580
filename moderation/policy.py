"""The moderation policy: a versioned YAML file, validated, with a digest that goes into every record.

Invariant: a `Policy` that exists is complete (every rail named, every category with a threshold), and its
digest depends on its meaning alone: comments, order and layout of the file do not change it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from moderation.types import Direction, ModerationError

# The rails and the categories that each of them scores. A policy must give each category a threshold.
RAILS: Mapping[str, tuple[str, ...]] = {
    "injection": ("injection",),
    "toxicity": ("hate", "harassment", "violence", "self_harm", "sexual", "minors"),
    "topic": ("out_of_scope",),
    "advice": ("personal_advice", "promissory", "forward_looking"),
    "pii": ("hard_identifier",),
}
DEFAULT_PATH = Path(__file__).parent / "policies" / "default.yaml"

_QUOTED = re.compile(r"'(\w+)'")

Action = Literal["block", "steer", "redact", "allow"]


class PolicyError(ModerationError):
    """A policy file that cannot be used; the message starts with file:line."""


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


class PiiPolicy(_Strict):
    """Which entities become pseudonyms before anything else sees the text."""

    pseudonymise: tuple[str, ...] = Field(min_length=1)


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


def load_policy(path: Path | None = None) -> Policy:
    """Read and check a policy file (the shipped default without a path).

    Raises PolicyError: "file:line: what is wrong; what is known".
    """
    path = path or DEFAULT_PATH
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); name a policy file") from error
    try:
        lines = dict(_lines(yaml.compose(text, Loader=yaml.SafeLoader)))
        tree = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{path}:{line}: not valid YAML: {error.problem}") from error
    if not isinstance(tree, dict):
        raise PolicyError(f"{path}:1: a policy is a mapping with version, rails and pii")
    _check_names(path, tree, lines)
    policy = _validated(path, tree, lines)
    for tenant, overrides in policy.tenants.items():
        _check_names(path, dict(overrides), lines, ("tenants", tenant))
        try:
            policy.for_tenant(tenant)
        except ValidationError as error:
            raise _located(path, error, lines, ("tenants", tenant)) from error
    return policy


def _validated(path: Path, tree: dict[str, Any], lines: Mapping[tuple[str, ...], int]) -> Policy:
    try:
        return Policy.model_validate(tree)
    except ValidationError as error:
        raise _located(path, error, lines) from error


def _check_names(
    path: Path, tree: dict[str, Any], lines: Mapping[tuple[str, ...], int], under: tuple[str, ...] = ()
) -> None:
    """Rails and categories must be known; a complete policy must give each category a threshold."""
    rails = tree.get("rails") or {}
    if not isinstance(rails, dict):
        return
    for rail, body in rails.items():
        here = (*under, "rails", str(rail))
        if rail not in RAILS:
            known = ", ".join(sorted(RAILS))
            raise PolicyError(f"{path}:{_line(lines, here)}: rail '{rail}' is unknown; known rails: {known}")
        for section in ("thresholds", "categories"):
            named = body.get(section) if isinstance(body, dict) else None
            for category in named if isinstance(named, dict) else ():
                if category not in RAILS[rail]:
                    raise PolicyError(
                        f"{path}:{_line(lines, (*here, section, str(category)))}: category '{category}' "
                        f"of rail '{rail}' is unknown; known categories: {', '.join(RAILS[rail])}"
                    )
        if not under and isinstance(body, dict) and isinstance(body.get("thresholds"), dict):
            missing = [category for category in RAILS[rail] if category not in body["thresholds"]]
            if missing:
                raise PolicyError(
                    f"{path}:{_line(lines, (*here, 'thresholds'))}: rail '{rail}' gives no threshold for "
                    f"{', '.join(missing)}; add one between 0 and 1"
                )


def _located(
    path: Path, error: ValidationError, lines: Mapping[tuple[str, ...], int], under: tuple[str, ...] = ()
) -> PolicyError:
    first = error.errors()[0]
    where = (*under, *(str(part) for part in first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if (named := _QUOTED.search(message)) and (*where, named[1]) in lines:
        where = (*where, named[1])
    name = ".".join(where) or "policy"
    return PolicyError(f"{path}:{_line(lines, where)}: {name}: {message}")


def _line(lines: Mapping[tuple[str, ...], int], where: tuple[str, ...]) -> int:
    """The line of the deepest part of `where` that stands in the file."""
    while where not in lines and where:
        where = where[:-1]
    return lines.get(where, 1)


def _lines(node: yaml.Node | None, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*where, str(key.value))
            yield here, key.start_mark.line + 1
            yield from _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*where, str(index))
            yield here, value.start_mark.line + 1
            yield from _lines(value, here)


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
