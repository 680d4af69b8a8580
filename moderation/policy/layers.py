"""How one layer of a policy is laid over another: a file over the file it extends, a tenant over everybody.

Invariant: mappings are merged key by key, everything else is replaced whole (a list is not added to), and null
removes what was inherited. Nothing that is given is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Where = tuple[str, ...]

# What stands below one of their names is a layer that waits to be laid over the rest.
LATER = ("tenants", "audiences")


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`. Where `over` names the languages, what `base` says in others is left behind."""
    kept = over.get("languages")
    if isinstance(kept, (list, tuple)):
        base = _spoken(base, frozenset(map(str, kept)))
    return _merged(base, over, ())


def waits(where: Where) -> bool:
    """Whether a place lies inside a tenant's or an audience's own layer: its nulls still have something to remove."""
    return len(where) > 2 and where[0] in LATER


def _merged(base: Mapping[str, Any], over: Mapping[str, Any], where: Where) -> dict[str, Any]:
    whole = dict(base)
    for key, value in over.items():
        here = (*where, str(key))
        if isinstance(value, Mapping):
            below = whole.get(key)
            whole[key] = _merged(below if isinstance(below, Mapping) else {}, value, here)
        elif value is None and not waits(here):
            whole.pop(key, None)
        else:
            whole[key] = value
    return whole


def _spoken(tree: Any, languages: frozenset[str]) -> Any:
    """The tree without translations into other languages."""
    if not isinstance(tree, Mapping):
        return tree
    return {
        key: {name: said for name, said in value.items() if name in languages}
        if key == "translations" and isinstance(value, Mapping)
        else _spoken(value, languages)
        for key, value in tree.items()
    }
