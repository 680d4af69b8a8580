"""Puts the library's search behind the orchestrator's port. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.ports import Passage
from retrieval.library import Library
from retrieval.types import Passage as Found


@dataclass(frozen=True)
class Searched:
    """Implements `ports.Search` on a library."""

    library: Library

    def __call__(self, question: str, k: int, groups: frozenset[str], embedding: np.ndarray) -> Sequence[Passage]:
        return [_passage(p) for p in self.library.search(question, k, groups, embedding)]


def _passage(found: Found) -> Passage:
    return Passage(
        document=found.document,
        title=found.title,
        page=found.page,
        section=found.section,
        text=found.text,
        score=found.score,
        dense=found.dense,
        chunk=found.chunk_id,
    )
