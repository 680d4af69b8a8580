"""A policy written out in YAML, each value with the file and line that it came from.

Invariant: what is written reads back as the same policy.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from moderation.policy.layers import Where
from moderation.policy.load import PolicyFile

_WIDTH = 100
_BY_DEFAULT = "by default"


def written_out(found: PolicyFile) -> str:
    """The policy as YAML; comments say who wrote each value ("by default": the schema, nobody wrote it)."""
    return "\n".join(_mapping(found, _tree(found), ())) + "\n"


def origins(found: PolicyFile) -> dict[str, str]:
    """Dotted place to "file:line", for every single value."""
    return {".".join(where): origin_of(found, where) for where in _leaves(_tree(found), ())}


def origin_of(found: PolicyFile, where: Where) -> str:
    return str(found.origin(*where)) if found.wrote(*where) else _BY_DEFAULT


def _tree(found: PolicyFile) -> dict[str, Any]:
    tree = found.policy.model_dump(mode="json", exclude_none=True)
    return {key: value for key, value in tree.items() if value or key not in ("tenants", "audiences", "language")}


def _leaves(value: Any, where: Where) -> Iterator[Where]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*where, str(key)))
    else:
        yield where


def _mapping(found: PolicyFile, tree: Mapping[str, Any], where: Where) -> Iterator[str]:
    pad = "  " * len(where)
    for key, value in tree.items():
        here = (*where, str(key))
        name = f"{pad}{_scalar(str(key))}:"
        said = f"  # {origin_of(found, here)}"
        if isinstance(value, Mapping) and value:
            yield name
            yield from _mapping(found, value, here)
        elif isinstance(value, list) and value:
            yield name + said
            yield from (f"{pad}  - {_scalar(item)}" for item in value)
        elif isinstance(value, str) and _folds(value):
            yield f"{name} >-{said}"
            lines = textwrap.wrap(value, _WIDTH - len(pad), break_long_words=False, break_on_hyphens=False)
            yield from (f"{pad}  {line}" for line in lines)
        else:
            yield f"{name} {_scalar(value)}{said}"


def _folds(text: str) -> bool:
    """Whether a folded block gives the same text back."""
    return len(text) > 60 and text.isprintable() and " ".join(text.split()) == text and text[0] not in "#%@"


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")  # YAML takes 1e-06 for a word
    if not isinstance(value, str):
        return json.dumps(value)
    return value if _reads_back(value) else json.dumps(value, ensure_ascii=not value.isprintable())


def _reads_back(text: str) -> bool:
    """Whether YAML takes the bare text for itself, also in front of a comment."""
    try:
        return bool(text.isprintable() and yaml.safe_load(f"a: {text}  # b\n") == {"a": text})
    except (yaml.YAMLError, ValueError):
        return False
