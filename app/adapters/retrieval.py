"""Puts the library and its judgement of support behind the orchestrator's ports. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.ports import Embed, Passage
from retrieval.evidence.support import Evidence, answerable, evidence_text, extract
from retrieval.library import Library
from retrieval.types import Passage as Found


class Supported:
    """Retrieval's judgement of support. Implements `ports.Support`."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed

    def answerable(self, embedding: np.ndarray, passages: Sequence[Passage], question: str) -> float:
        return answerable(embedding, passages, question)

    def weigh(self, passages: Sequence[Passage]) -> Callable[[str], tuple[int, float]]:
        return Evidence([evidence_text(passage) for passage in passages], self._embed).support

    def extract(
        self, embedding: np.ndarray, passages: Sequence[Passage], limit: int, question: str
    ) -> Sequence[tuple[str, int]]:
        chosen = extract(embedding, passages, self._embed, limit, question)
        return [(sentence, passages.index(passage)) for sentence, passage, _ in chosen]


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
