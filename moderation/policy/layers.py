"""How one layer of a policy is laid over another: a file over the file it extends, a tenant over everybody.

Invariant: mappings are merged key by key, everything else is replaced whole (a list is not added to), and null
removes what was inherited. Nothing that is given is changed. What a layer must not do (remove what is not there, reword
and leave the old translation) is found here and told by the loader.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def layer_places(tenant: str, audience: str) -> tuple[Where, ...]:
    """Where the layers of one tenant's caller stand in a policy, the lowest first."""
    return ("audiences", audience), ("tenants", tenant), ("tenants", tenant, "audiences", audience)


def layers_of(tree: Mapping[str, Any], tenant: str, audience: str) -> Iterator[Mapping[str, Any]]:
    """Those layers, without what they say of layers; none where the policy knows neither name."""
    for where in layer_places(tenant, audience):
        layer: Any = tree
        for key in where:
            layer = layer.get(key) if isinstance(layer, Mapping) else None
        if isinstance(layer, Mapping) and layer:
            yield {key: value for key, value in layer.items() if key not in ("groups", "audiences")}


def waits(where: Where) -> bool:
    """Whether a place lies inside a tenant's or an audience's own layer: its nulls still have something to remove."""
    return len(where) > 2 and where[0] in LATER


def vain(base: Mapping[str, Any], over: Mapping[str, Any], where: Where = ()) -> Iterator[Where]:
    """The nulls of `over` that would remove nothing."""
    for key, value in over.items():
        here = (*where, str(key))
        if value is None and key not in base and not waits(here):
            yield here
        elif isinstance(value, Mapping):
            below = base.get(key)
            yield from vain(below if isinstance(below, Mapping) else {}, value, here)


def stale(base: Mapping[str, Any], over: Mapping[str, Any]) -> Iterator[tuple[Where, list[str]]]:
    """Where `over` rewords what a person reads and leaves the translations of the old words: the languages."""
    yield from _stale(_spoken(base, frozenset(languages)) if (languages := over.get("languages")) else base, over, ())


def _stale(base: Mapping[str, Any], over: Mapping[str, Any], where: Where) -> Iterator[tuple[Where, list[str]]]:
    for key, value in over.items():
        here, below = (*where, str(key)), base.get(key)
        if not isinstance(value, Mapping) or not isinstance(below, Mapping):
            continue
        yield from _stale(below, value, here)
        old, new = below.get("translations"), value.get("translations", {})
        if key not in ("words", "withheld") or not isinstance(old, Mapping) or not isinstance(new, Mapping | None):
            continue
        for part in ("message", "alternatives", "preface", "closing"):
            if part in value and part in below and value[part] != below[part]:
                kept = [one for one, said in old.items() if part in said and _inherited(new, one, part)]
                if kept:
                    yield (*here, part), kept


def _inherited(translations: Mapping[str, Any] | None, language: str, part: str) -> bool:
    """Whether a layer's translations leave a part of one language as it was."""
    if translations is None:
        return False
    given = translations.get(language, {})
    return isinstance(given, Mapping) and part not in given


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
