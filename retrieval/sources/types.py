"""The words of this stage: what a source lists and hands over. A new kind of source is a class that fits `Source`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from retrieval.types import Problem, RetrievalError


@dataclass(frozen=True)
class Item:
    """One thing of a source: a file, an object, a message, a page.

    id: stays the same when the item is renamed, where the source knows such a thing. name: its path in the source, parts
    divided by "/". version: changes with the content. size: in bytes, where the source tells. rights: what the source says
    of who may read it: every one of the sets must admit a reader, by at least one of its names (groups, tags); no set: the
    source says nothing. path: of a file that is read where it lies; None: it is fetched.
    """

    id: str
    name: str
    version: str
    size: int | None = None
    rights: tuple[frozenset[str], ...] = ()
    path: Path | None = None


@dataclass(frozen=True)
class Listing:
    """All that a source holds at the moment.

    problems: what could not be listed, and why. unseen: paths in the source whose content is unknown this time, so that
    nothing is taken for gone below them.
    """

    items: tuple[Item, ...]
    problems: tuple[Problem, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceFile:
    """A file of an item. name: its path in the source, parts divided by "/", with a suffix that tells its kind."""

    name: str
    content: bytes


class Source(Protocol):
    """Used by one thread. It only reads: nothing in the source is changed, marked or moved.

    root: the folder whose files are read where they lie; None: what is fetched is kept beside the library.
    """

    root: Path | None

    def look(self) -> Listing:
        """Raises SourceUnavailable where the source cannot be listed as a whole: then nothing is taken for gone."""
        ...

    def fetch(self, item: Item) -> Iterable[SourceFile]:
        """The item's files, as they were listed. Raises UnreadableDocument, SourceUnavailable."""
        ...

    def close(self) -> None:
        """Ends connections; `look` opens them again."""
        ...


class SourceUnavailable(RetrievalError):
    """A source cannot be reached, or refuses; the message names the source's address and no secret."""
