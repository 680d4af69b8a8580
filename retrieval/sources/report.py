"""What a sync did, or would do. Names are paths in the source."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.types import Problem, Remark


@dataclass(frozen=True)
class Given:
    """A document that came or changed. change: `new`, `changed`, `moved`, `readers`."""

    name: str
    change: str
    digest: str
    groups: frozenset[str]


@dataclass(frozen=True)
class SyncReport:
    """What one sync did, or would do. Names are paths in the source.

    removed: keys of the library, or names where nothing was done; keys: of what was added or changed. nobody: items that no
    group may read, with why; passed_over: of kinds that nobody reads. news: the problems are others than at the sync before.
    unavailable: the source could not be listed, and the library stays as it was.
    """

    source: str
    given: tuple[Given, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0
    problems: tuple[Problem, ...] = ()
    passed_over: tuple[Problem, ...] = ()
    nobody: tuple[Problem, ...] = ()
    remarks: tuple[Remark, ...] = ()
    keys: tuple[str, ...] = ()
    digest: str = ""
    news: bool = False
    unavailable: bool = False
