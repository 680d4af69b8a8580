"""Who may read an item of a source: the firm's table from the source's words to groups of Countersign.

Invariant: what no line maps is read by nobody, unless the firm gave a default, and a default never opens what the source
restricts. An item's readers are never more than each of its restrictions admits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

from retrieval.documents.find import composed
from retrieval.sources.types import Item

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Readers:
    """Groups that may read an item; where there are none, why: '' where the firm meant it so."""

    groups: frozenset[str]
    why: str = ""


@dataclass(frozen=True)
class Rights:
    """groups: a name in the source's rights to groups here. paths: a path in the source to groups; the longest one counts,
    and an empty list closes what is below it. default: for items of which neither the source nor a path says anything."""

    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    paths: Mapping[str, frozenset[str]] = field(default_factory=dict)
    default: frozenset[str] | None = None

    def readers(self, item: Item) -> Readers:
        """Where the source restricts an item its word counts; else the path's; else the default."""
        path = self._path(item.name)
        if path is not None and not self.paths[path]:
            return Readers(NOBODY)
        if item.rights:
            return self._of_source(item.rights)
        if path is not None:
            return Readers(self.paths[path])
        if self.default is not None:
            return Readers(self.default)
        return Readers(NOBODY, "no line of groups or paths says who reads it, and there is no default")

    def _of_source(self, rights: tuple[frozenset[str], ...]) -> Readers:
        admitted = [frozenset().union(*(self.groups.get(name, NOBODY) for name in names)) for names in rights]
        readers = reduce(frozenset.intersection, admitted)
        if readers:
            return Readers(readers)
        unknown = sorted(frozenset().union(*rights) - self.groups.keys())
        if unknown:
            return Readers(NOBODY, f"groups maps none of {', '.join(repr(name) for name in unknown)}")
        return Readers(NOBODY, "the source restricts it to people, or to groups that no reader is in together")

    def _path(self, name: str) -> str | None:
        parts = _parts(name)
        fitting = [path for path in self.paths if parts[: len(_parts(path))] == _parts(path)]
        return max(fitting, key=lambda path: len(_parts(path)), default=None)


def _parts(path: str) -> list[str]:
    return [part for part in composed(path).split("/") if part]
