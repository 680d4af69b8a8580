"""Reads policy files. Every error is one line that starts with file:line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from moderation.policy.schema import RAILS, Policy
from moderation.types import ModerationError

DEFAULT_PATH = Path(__file__).parent.parent / "policies" / "default.yaml"

_QUOTED = re.compile(r"'(\w+)'")


class PolicyError(ModerationError):
    """A policy file that cannot be used; the message starts with file:line."""


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
            policy.resolve(tenant)
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
