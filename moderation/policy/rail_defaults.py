"""What holds for a rail that a policy names without saying everything: the `DEFAULT` in the rail's own file.

Invariant: only a rail that the policy names gets anything from here. One that it does not name stays off, so that a newer
version's rails change neither what an older policy does nor its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from moderation.policy.catalogue import RAILS
from moderation.policy.layers import Where
from moderation.policy.schema import RailPolicy
from moderation.policy.source import Origin, Sourced


def over_defaults(sourced: Sourced) -> Sourced:
    """The policy laid over the defaults of the rails that it names."""
    named = sourced.tree.get("rails")
    for name, rail in named.items() if isinstance(named, Mapping) else ():
        if name in RAILS and RAILS[name].has_default and isinstance(rail, Mapping):
            sourced = _default_of(name).under(sourced)
    return sourced


def _default_of(name: str) -> Sourced:
    """As a policy of its own, whose every part stands in the rail's file."""
    module = import_module(RAILS[name].module)
    origin = Origin(Path(module.__file__ or RAILS[name].module), 1)
    default: RailPolicy = module.DEFAULT
    tree = {"rails": {name: default.model_dump(mode="json", exclude_unset=True)}}
    return Sourced(tree, dict.fromkeys(_places(tree), origin))


def _places(tree: Any, where: Where = ()) -> list[Where]:
    below = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list) else ()
    return [where, *(place for key, value in below for place in _places(value, (*where, str(key))))]
