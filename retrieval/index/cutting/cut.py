"""What stands in one file, cut into rows with their words, and its evidence graph: all that is slow and needs no library.

Invariant: a cut is a function of the file and its document's key alone, whichever process makes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retrieval.documents import chunk as chunking
from retrieval.documents.file_names import describe
from retrieval.documents.parse import Parsed, Reader
from retrieval.documents.quality.facts import IGNORED, Facts, facts_of
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.stored import encode
from retrieval.index.fields import marked
from retrieval.index.generations import Row
from retrieval.types import UnreadableDocument


@dataclass(frozen=True)
class Cut:
    """One file's rows, with the words of each and the field of each word. graph: as it is stored."""

    title: str
    pages: int | None
    notes: tuple[str, ...]
    rows: tuple[Row, ...]
    words: tuple[tuple[str, ...], ...]
    fields: tuple[npt.NDArray[np.uint8], ...]
    graph: bytes
    facts: Facts


class Cutting(Protocol):
    """Cuts files. workers: how many at a time, each called from a thread of its own; 0: one after the other."""

    @property
    def workers(self) -> int: ...

    def __call__(self, key: str, path: Path, /) -> Cut:
        """The cut of the document of this key. Raises UnreadableDocument, or whatever a file provokes."""
        ...


def cut(key: str, path: Path, parsed: Parsed) -> Cut:
    """Raises UnreadableDocument where there is nothing to search."""
    named = describe(path.stem)
    own = parsed.title
    title = named.label if (named.year or not own) else own
    context = " ".join(part for part in (named.hints, own if own != title else "") if part)
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for one in chunking.chunk(parsed, title, context):
        # The n-th chunk of equal text and page gets its own id; ids outlive changes elsewhere in the document.
        content = f"{key}\n{one.page}\n{one.section}\n{one.text}"
        seen[content] = seen.get(content, 0) + 1
        identity = hashlib.sha256(f"{content}\n{seen[content]}".encode()).hexdigest()[:20]
        rows.append(Row(id=identity, document=-1, page=one.page, section=one.section, header=one.header, text=one.text))
    if not rows:
        raise UnreadableDocument(f"{path.name}: holds no text that could be searched")
    words = [marked(row) for row in rows]
    return Cut(
        title,
        parsed.pages,
        parsed.notes,
        tuple(rows),
        tuple(own for own, _ in words),
        tuple(kinds for _, kinds in words),
        encode(graph_of(key, path.stem, title, parsed)),
        facts_of(parsed),
    )


@dataclass(frozen=True)
class Here:
    """Implements Cutting in this process, one file after the other."""

    read: Reader
    workers: int = 0

    def __call__(self, key: str, path: Path, /) -> Cut:
        return cut(key, path, self.read(path))


@dataclass
class Noting:
    """Implements Cutting by another, and keeps the facts of each file, by its absolute path. ignored: suffixes, in small
    letters, that are not read. Files' facts are set one by one, by any thread.
    """

    cutting: Cutting
    ignored: Collection[str] = ()
    facts: dict[str, Facts] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        return self.cutting.workers

    def __call__(self, key: str, path: Path, /) -> Cut:
        if path.suffix.lower() in self.ignored:
            raise UnreadableDocument(f"{IGNORED}: {path.suffix.lower()}")
        made = self.cutting(key, path)
        self.facts[str(path)] = made.facts
        return made
