"""Examples that live beside a policy: what it must block, steer, redact and let pass. NAME.cases.yaml beside NAME.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from moderation.policy.catalogue import RAILS, unknown
from moderation.policy.schema import Policy
from moderation.policy.schema_errors import misshapen
from moderation.policy.source import PolicyError, Sourced, read
from moderation.severity import ACTIONS, Action
from moderation.types import Direction

Expected = Action | Literal["pass"]
_LISTS: Mapping[str, Expected] = {
    **{f"must_{action}": action for action in reversed(ACTIONS) if action != "allow"},
    "must_pass": "pass",
}


class Example(BaseModel):
    """One text and what it stands for.

    rail: the rail that must (or, to pass, must not) act; empty: any. category: of that rail's finding. context: what
    stood just before the text. sources: the passages that it may cite, by number. entity: what must be redacted.
    weakness: why the rails fail here today; such a failure is told, and fails nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(min_length=1)
    direction: Direction = Direction.INPUT
    rail: str = ""
    category: str = ""
    tenant: str = ""
    audience: str = ""
    context: str = ""
    sources: Mapping[int, str] = {}
    entity: str = ""
    weakness: str = ""


_lists: Any = dict.fromkeys(_LISTS, (tuple[Example, ...], ()))
_CaseFile: type[BaseModel] = create_model("_CaseFile", __config__=ConfigDict(extra="forbid", frozen=True), **_lists)


@dataclass(frozen=True)
class Case:
    """An example, what the policy must do with it, and the line that it stands on."""

    expected: Expected
    example: Example
    file: Path
    line: int


def cases_beside(policy: Path) -> Path:
    """bank.yaml's cases stand in bank.cases.yaml."""
    return policy.with_name(f"{policy.stem}.cases.yaml")


def read_cases(path: Path, policy: Policy) -> list[Case]:
    """The cases of a file, in its order. Raises PolicyError: lines "file:line: what is wrong", all of them."""
    sourced = read(path)
    tree = {name: _spelled_out(given) for name, given in sourced.tree.items()}
    try:
        found = _CaseFile.model_validate(tree)
    except ValidationError as error:
        faults = [(sourced.origin(one.where), one) for one in misshapen(_CaseFile, tree, error)]
        faults.sort(key=lambda fault: fault[0].line)
        raise PolicyError([f"{origin}: {'.'.join(one.where)}: {one.what}" for origin, one in faults]) from error
    cases = [
        Case(expected, example, path, _line(sourced, name, index))
        for name, expected in _LISTS.items()
        for index, example in enumerate(getattr(found, name))
    ]
    cases.sort(key=lambda case: case.line)
    problems = [f"{path}:{case.line}: {told}" for case in cases for told in _misnamed(case, policy)]
    if problems or not cases:
        raise PolicyError(problems or f"{path}:1: holds no case; give a text under one of {', '.join(_LISTS)}")
    return cases


def _spelled_out(given: Any) -> Any:
    """A bare text stands for a case with nothing else to say."""
    return [{"text": one} if isinstance(one, str) else one for one in given] if isinstance(given, list) else given


def _line(sourced: Sourced, name: str, index: int) -> int:
    return sourced.origin((name, str(index))).line


def _misnamed(case: Case, policy: Policy) -> list[str]:
    example, told = case.example, []
    if example.rail and example.rail not in RAILS:
        told.append(unknown("rail", example.rail, sorted(RAILS)))
    elif example.category and example.category not in (known := RAILS[example.rail].categories if example.rail else ()):
        told.append(unknown("category", example.category, known, of=f"rail '{example.rail}'", plural="categories"))
    if example.tenant and example.tenant not in policy.tenants:
        told.append(unknown("tenant", example.tenant, policy.tenants))
    if example.audience and example.audience not in policy.audiences:
        told.append(unknown("audience", example.audience, policy.audiences))
    return told
