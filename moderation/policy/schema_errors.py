"""What pydantic says of a wrongly shaped policy, in the words of who writes one: the place, what is known, the near name."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from moderation.policy.catalogue import near
from moderation.policy.checks import Problem
from moderation.policy.layers import Where

_EXPECTED = re.compile(r"'([^']*)'")
_MAPPING_WANTED = ("dict_type", "mapping_type", "model_type", "model_attributes_type")


def misshapen(model: type[BaseModel], tree: Mapping[str, Any], error: ValidationError) -> Iterator[Problem]:
    """One problem for each place that has the wrong shape. `tree`: what `model` was to be made of."""
    found: dict[Where, list[ErrorDetails]] = {}
    for one in error.errors(include_url=False):
        if one["type"] == "value_error" and not one["loc"]:
            continue  # the checks of the whole, which are told by themselves
        found.setdefault(_place(tree, one), []).append(one)
    for where, errors in found.items():
        deeper = any(len(other) > len(where) and other[: len(where)] == where for other in found)
        value = _at(tree, where)
        if deeper and isinstance(value, Mapping | list):
            continue  # of several shapes that would do, the one that was meant has its own, deeper errors
        wanted = [one for one in errors if one["type"] not in _MAPPING_WANTED] or errors
        yield Problem(where, _told(model, where, wanted), named=True)


def _place(tree: Any, error: ErrorDetails) -> Where:
    """The error's place in the tree: its `loc` without the names of a union's branches."""
    where: list[str] = []
    for part in error["loc"]:
        listed = isinstance(tree, Sequence) and not isinstance(tree, str) and isinstance(part, int) and part < len(tree)
        if listed or (isinstance(tree, Mapping) and part in tree):
            tree = tree[part]
        elif error["type"] not in ("missing", "extra_forbidden") or part is not error["loc"][-1]:
            continue
        where.append(str(part))
    return tuple(where)


def _at(tree: Any, where: Where) -> Any:
    for part in where:
        if isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(tree, Sequence) and not isinstance(tree, str):
            tree = tree[int(part)]
    return tree


def _told(model: type[BaseModel], where: Where, errors: Sequence[ErrorDetails]) -> str:
    first, last = errors[0], where[-1] if where else "policy"
    value = first["input"]
    match first["type"]:
        case "extra_forbidden":
            known = sorted(_keys(model, where[:-1]))
            return f"key '{last}' is unknown here;{near(last, known)} known keys: {', '.join(known)}"
        case "missing":
            return f"key '{last}' is missing; add it"
        case "literal_error" | "enum":
            known = [name for one in errors for name in _EXPECTED.findall(str(one.get("ctx", {}).get("expected", "")))]
            return f"'{value}' is unknown;{near(str(value), known)} known: {', '.join(known)}"
        case "string_type" if isinstance(value, bool | int | float) or type(value).__name__ in ("date", "datetime"):
            return f"{value} is read as {_kind(value)}, not as text; put it in quotes"
        case "value_error":
            return first["msg"].removeprefix("Value error, ")
    if value is None:
        return "stands there empty; give it a value, or take the key out"
    said = " or ".join(dict.fromkeys(_lowered(one["msg"]) for one in errors))
    return f"{said}, not {value!r}" if isinstance(value, str | int | float) else said


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a number" if isinstance(value, int | float) else "a date"


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:].replace("valid dictionary", "mapping").replace("valid ", "")


def _keys(model: type[BaseModel], where: Where) -> set[str]:
    """The keys that a mapping at this place of a policy may have."""
    kinds: list[Any] = [model]
    for part in where:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    return {name for kind in kinds for one in _branches(kind) if _is_model(one) for name in one.model_fields}


def _inside(kind: Any, part: str) -> list[Any]:
    found: list[Any] = []
    for one in _branches(kind):
        if _is_model(one):
            found += [one.model_fields[part].annotation] if part in one.model_fields else []
        else:
            found += list(get_args(one))[-1:] if get_origin(one) in (Mapping, dict) else list(get_args(one))[:1]
    return found


def _branches(kind: Any) -> list[Any]:
    if get_origin(kind) in (Union, types.UnionType):
        return [branch for one in get_args(kind) for branch in _branches(one)]
    return _branches(get_args(kind)[0]) if get_origin(kind) is Annotated else [kind]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
