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
        return answerable(embedding, [_found(p) for p in passages], question)

    def weigh(self, passages: Sequence[Passage]) -> Callable[[str], tuple[int, float]]:
        return Evidence([evidence_text(_found(p)) for p in passages], self._embed).support

    def extract(
        self, embedding: np.ndarray, passages: Sequence[Passage], limit: int, question: str
    ) -> Sequence[tuple[str, int]]:
        found = [_found(p) for p in passages]
        chosen = extract(embedding, found, self._embed, limit, question)
        place = {p.chunk_id: n for n, p in enumerate(found)}
        return [(sentence, place[passage.chunk_id]) for sentence, passage, _ in chosen]


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


def _found(passage: Passage) -> Found:
    return Found(
        chunk_id=passage.chunk,
        document=passage.document,
        source=passage.document,
        title=passage.title,
        page=passage.page,
        section=passage.section,
        text=passage.text,
        score=passage.score,
        dense=passage.dense,
        rank=0,
    )
