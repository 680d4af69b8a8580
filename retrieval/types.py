"""The words of this room: documents, passages, what an ingest reports, and what can go wrong.

Everything here is frozen and light. An error's message names the thing, the reason and the next step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Progress = Callable[[int, int, str], None]


class Embed(Protocol):
    """Turns texts into float32[n, d] rows of unit length."""

    def __call__(self, texts: Sequence[str], /) -> Vectors: ...


@dataclass(frozen=True)
class Passage:
    """A found piece of a document, as an answer cites it.

    `score` orders one search's results and means nothing across searches; `dense` is the cosine with the question.
    document_id: `DocumentInfo.id`; number: of the passage in its document, from 1. valid_from, valid_until: of the document.
    """

    chunk_id: str
    document: str
    source: str
    title: str
    page: int | None
    section: str
    text: str
    score: float
    dense: float
    rank: int
    document_id: str = ""
    number: int = 0
    valid_from: date | None = None
    valid_until: date | None = None

    @property
    def citation(self) -> str:
        """'Fees and charges, p. 2, Dealing': what a reader looks up."""
        where = [self.title]
        if self.page is not None:
            where.append(f"p. {self.page}")
        if self.section and self.section != self.title:
            where.append(self.section)
        return ", ".join(where)


class PassageLike(Protocol):
    """What evidence is judged by: a `Passage`, or a caller's own word for one. Read only."""

    @property
    def title(self) -> str: ...
    @property
    def section(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def dense(self) -> float: ...


@dataclass(frozen=True)
class DocumentInfo:
    """One version of a document of the library. `key` names it; `digest` is the SHA-256 of its bytes.

    path: of its file when it was last read, absolute; folder: the one that was named then. Both are empty in a library of
    a version that did not keep them, and of former versions. version: counts from 1. valid_from, valid_until: the first and
    the last day of its force; None: not known. of: the document's key, where this is a former version of it; else empty.
    aside: SHA-256 of the bytes that lie at `path` but were replaced; an ingest leaves them alone.
    """

    key: str
    document: str
    source: str
    title: str
    digest: str
    access: frozenset[str]
    pages: int | None
    chunks: int
    path: str = ""
    folder: str = ""
    version: int = 1
    valid_from: date | None = None
    valid_until: date | None = None
    of: str = ""
    aside: str = ""

    @property
    def name(self) -> str:
        """The document's key, which all its versions share."""
        return self.of or self.key

    @property
    def id(self) -> str:
        """The same for the same bytes under the same name, in every library."""
        return "d_" + hashlib.sha256(f"{self.name}\n{self.digest}".encode()).hexdigest()[:24]

    def in_force(self, day: date) -> bool:
        """Whether this version's dates hold on a day; a date that is not known rules nothing out."""
        return (self.valid_from or day) <= day <= (self.valid_until or day)


@dataclass(frozen=True)
class Problem:
    """A file that could not be read, and why, in one line."""

    path: str
    reason: str


@dataclass(frozen=True)
class Remark:
    """What a person should know of a document that was read, in one line."""

    key: str
    text: str


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did. Keys are those of `DocumentInfo.key`.

    problems: what could not be read; passed_over: what a folder holds besides, of kinds that nobody reads; removed:
    documents whose files are gone from their folder.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    problems: tuple[Problem, ...]
    chunks_embedded: int
    pages_read: int
    digest: str
    passed_over: tuple[Problem, ...] = ()
    removed: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class LibraryChange:
    """What the next generation of the library changes, told before it is in force.

    replaced: (until now, from now on), where a document's bytes are others or are read by other rules; changed: the same
    for rights and dates alone. former: versions that were replaced and stay in the library. before, after: the library's
    digests.
    """

    added: tuple[DocumentInfo, ...] = ()
    replaced: tuple[tuple[DocumentInfo, DocumentInfo], ...] = ()
    changed: tuple[tuple[DocumentInfo, DocumentInfo], ...] = ()
    removed: tuple[DocumentInfo, ...] = ()
    former: tuple[DocumentInfo, ...] = ()
    before: str = ""
    after: str = ""


class RetrievalError(Exception):
    """Base of this room's errors."""


class UnreadableDocument(RetrievalError):
    """One file cannot be read; others are not affected."""


class UnknownDocument(RetrievalError):
    """No document of the library has this name, or several have."""


class DocumentRefused(RetrievalError):
    """A change of the library that cannot be made as it was asked for; nothing was changed."""


class RightsBroken(RetrievalError):
    """A search came back with something that its caller may not read. Nothing of it is used."""


class NotForgotten(RetrievalError):
    """Files that hold what was removed could not be deleted."""


class LibraryBusy(RetrievalError):
    """Another process holds the library's write lock."""


class LibraryDamaged(RetrievalError):
    """The files of the current generation are missing or do not fit together."""


class EmbeddingMismatch(RetrievalError):
    """The library was embedded by another model than the one in hand."""
