"""Puts the library's search behind the orchestrator's port. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.ports import Passage
from orchestrator.types import Origin
from retrieval.library import Library
from retrieval.types import Passage as Found


@dataclass(frozen=True)
class Searched:
    """Implements `ports.Search` on a library. shared: the library is searched by the encoder that made the embedding."""

    library: Library
    shared: bool = True

    def __call__(self, question: str, k: int, groups: frozenset[str], embedding: np.ndarray) -> Sequence[Passage]:
        return [passage(p) for p in self.library.search(question, k, groups, embedding if self.shared else None)]


@dataclass(frozen=True)
class Readable:
    """Implements `orchestrator.memory.carried.MayRead` on a library, former versions of its documents among them."""

    library: Library

    def __call__(self, versions: frozenset[str], groups: frozenset[str]) -> frozenset[str]:
        return versions & {one.id for one in self.library.everything() if one.access & groups}


def passage(found: Found) -> Passage:
    """A passage in the orchestrator's words: what the library finds, and what a rail is shown of it."""
    return Passage(
        document=found.document,
        title=found.title,
        page=found.page,
        section=found.section,
        text=found.text,
        score=found.score,
        dense=found.dense,
        chunk=found.chunk_id,
        origin=origin(found),
    )


def origin(found: Found) -> Origin:
    """Where a passage can be opened, and from when to when its document is in force."""
    first, last = (day.isoformat() if day else "" for day in (found.valid_from, found.valid_until))
    return Origin(found.document_id, found.number, first, last)
