"""The words of this room: documents, passages, what an ingest reports, and what can go wrong.

Everything here is frozen and light. An error's message names the thing, the reason and the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    """One document of the library. `key` names it; `digest` is the SHA-256 of its bytes."""

    key: str
    document: str
    source: str
    title: str
    digest: str
    access: frozenset[str]
    pages: int | None
    chunks: int


@dataclass(frozen=True)
class Problem:
    """A file that could not be read, and why, in one line."""

    path: str
    reason: str


@dataclass(frozen=True)
class IngestReport:
    """What one ingest did. Keys are those of `DocumentInfo.key`."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    problems: tuple[Problem, ...]
    chunks_embedded: int
    pages_read: int
    digest: str


class RetrievalError(Exception):
    """Base of this room's errors."""


class UnreadableDocument(RetrievalError):
    """One file cannot be read; others are not affected."""


class LibraryBusy(RetrievalError):
    """Another process holds the library's write lock."""


class LibraryDamaged(RetrievalError):
    """The files of the current generation are missing or do not fit together."""


class EmbeddingMismatch(RetrievalError):
    """The library was embedded by another model than the one in hand."""
