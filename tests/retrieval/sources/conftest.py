"""A library and the sync of a source into it, with what it told on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from retrieval.library import Library
from retrieval.sources import Rights, Source, SyncReport, sync
from retrieval.types import LibraryChange

STAFF = frozenset({"staff"})
BOARD = frozenset({"board"})
EVERYBODY = Rights(default=STAFF)


@dataclass
class Syncing:
    """Syncs a source as often as it is called. told: of each change, before it happened."""

    library: Library
    root: Path
    told: list[LibraryChange] = field(default_factory=list)

    def __call__(self, source: Source, rights: Rights = EVERYBODY, name: str = "place", **options: Any) -> SyncReport:
        given: dict[str, Any] = {"record": self.told.append} | options
        return sync(name, source, rights, self.library, self.root, **given)

    def readers(self) -> dict[str, frozenset[str]]:
        """By key."""
        return {one.key: one.access for one in self.library.everything()}

    def finds(self, words: str, groups: frozenset[str] = STAFF) -> list[str]:
        """The texts that a member of these groups finds for a question."""
        return [passage.text for passage in self.library.search(words, 5, groups)]


@pytest.fixture
def syncing(library: Library, tmp_path: Path) -> Syncing:
    return Syncing(library, tmp_path / "sources")


@pytest.fixture
def share(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a file of a share and returns its path; the share is the folder `share`."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "share" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    return write
