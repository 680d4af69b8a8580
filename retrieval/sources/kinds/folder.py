"""A folder whose files are read where they lie: a share, a folder that a client of SharePoint or OneDrive keeps in step.

A file is known by its path, and looked into again when its time or its size is another; its bytes' digest then says whether
anything changed. What may be read of a folder, and which links are followed, is retrieval.documents.find's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from retrieval.documents.find import Found, find
from retrieval.documents.parse import READERS
from retrieval.sources.types import Item, Listing, SourceFile, SourceUnavailable
from retrieval.types import Problem


class Folder:
    """Implements `Source`."""

    def __init__(self, path: Path) -> None:
        self.root: Path | None = Path(os.path.abspath(path))
        self._folder = self.root

    def look(self) -> Listing:
        """Every file of a known kind; the others as problems. Raises SourceUnavailable."""
        if not self._folder.is_dir():
            raise SourceUnavailable(f"{self._folder}: there is no such folder; is a disk or a share missing?")
        found, passed_over = find([self._folder], READERS)
        items, problems, unseen = [], [], []
        for one in found:
            try:
                items.append(self._item(one))
            except FileNotFoundError:
                continue  # it went while we looked
            except OSError as error:
                problems.append(Problem(one.inside, f"cannot be read ({error.strerror}); check its rights"))
                unseen.append(one.inside)
        for problem in passed_over:
            inside = os.path.relpath(problem.path, self._folder)
            problems.append(Problem(inside, problem.reason))
            if "the folder cannot be read" in problem.reason:
                unseen.append("" if inside == "." else inside)
        return Listing(tuple(items), tuple(problems), tuple(unseen))

    def rights(self, name: str) -> tuple[frozenset[str], ...]:
        """What is known of who may read a file: nothing, but for what a path of the firm's mapping says."""
        return ()

    def fetch(self, item: Item) -> Iterable[SourceFile]:
        raise AssertionError(f"{item.name} is read where it lies")

    def close(self) -> None:
        """Nothing is held open."""

    def _item(self, found: Found) -> Item:
        seen = found.path.stat()
        version = f"{seen.st_mtime_ns}.{seen.st_size}"
        return Item(found.inside, found.inside, version, seen.st_size, self.rights(found.inside), found.path)
