"""Puts the evidence of the library behind the documents' bot. Nothing is decided here."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.adapters.model import LoadedLater
from app.engine_client.engines import Engines
from orchestrator.bots.base import Question
from orchestrator.bots.wording import where
from orchestrator.closed_book.own_names import own_names
from orchestrator.closed_book.ruling import ClosedBook, MemoryRuling
from orchestrator.errors import BotUnavailable
from orchestrator.live_data import LiveData
from orchestrator.ports import Embed, Passage, Quoted, Source, Worked
from retrieval.evidence.answer import answer
from retrieval.evidence.quotations import Likeness, Reads, quotations
from retrieval.evidence.reader import Reader, ReaderHead
from retrieval.evidence.result import Answer, AnswerFigure
from retrieval.evidence.slots import Slots, carried, remembered
from retrieval.index.tokens import tokens
from retrieval.library import Library


@dataclass(frozen=True)
class Resolved:
    """Implements `ports.Resolve` on a library: whatever the graph holds for a question, with its chance to be right."""

    library: Library

    def __call__(self, question: str, passages: Sequence[Passage], groups: frozenset[str], language: str) -> Worked | None:
        view = self.library.graph(groups)
        found = answer(question, view, passages, None, language, threshold=0.0)
        if not isinstance(found, Answer) or found.kind == "quotation":
            return None
        titles = {one.document: one.title for one in view.documents}
        sources = [Source(c.document, titles.get(c.document, ""), c.page, c.section, c.quote) for c in found.citations]
        plan: dict[str, Any] = {"kind": found.kind, "plan": found.plan, "working": found.working}
        return Worked(found.text, sources, [_figure(one) for one in found.figures], plan, found.confidence)


@dataclass(frozen=True)
class Quoting:
    """Implements `ports.Quote`."""

    likeness: Likeness
    reads: Reads

    def __call__(self, question: str, passages: Sequence[Passage], least: float) -> Quoted | None:
        found = quotations(question, [(where(p), p.text) for p in passages], self.likeness, self.reads, least)
        return None if found is None else Quoted(found.text, found.passage, found.chance)


def made_whole(question: str, earlier: Iterable[str]) -> str:
    """A follow-up with what it leaves unsaid, from the questions before it, oldest first. Implements `ports.Complete`."""
    slots = Slots()
    for asked in earlier:
        whole, slots = carried(asked, slots)
        slots = remembered(whole, None, slots)
    return carried(question, slots)[0]


def _figure(figure: AnswerFigure) -> Mapping[str, Any]:
    """A figure with the places of its cells. A cell's words are in the quote alone, which the rails judge."""
    cells = [
        {"document": c.document, "page": c.page, "table": c.table, "row": c.row, "column": c.column} for c in figure.cells
    ]
    return {
        "value": figure.value,
        "unit": figure.unit,
        "scale": figure.scale,
        "currency": figure.currency,
        "period": figure.period,
        "cells": cells,
    }


def likeness_by(embed: Embed) -> Likeness:
    """The nearer a text is to the question in meaning, and the more of its words stand in it, the likelier it answers."""

    def likeness(question: str, evidence: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = embed([question, *evidence])
        asked = set(tokens(question))
        share = [len(asked & set(tokens(one))) / max(1, len(asked)) for one in evidence]
        return np.asarray(0.7 * (vectors[1:] @ vectors[0]) + 0.3 * np.array(share), np.float32)

    return likeness


def reads_with(model: LoadedLater | Engines) -> Reads:
    """A reader that asks the on-prem model, where it is the one that the head was trained on; else nobody reads, and what
    stands in prose is withheld."""
    head = ReaderHead.load()
    if not isinstance(model, LoadedLater):
        return lambda _question, _heading, _passage, _nearest: None

    def logits(messages: Sequence[tuple[str, str]], wanted: npt.NDArray[np.int32]) -> npt.NDArray[np.float32] | None:
        return model.logits(messages, wanted) if model.digest == head.model else None

    return Reader(head, logits)


class Memory:
    """What a question asks of a model's memory. The firm's own names are those of all its documents, whoever may read them,
    and of its live things: a name closes the book and is told to nobody. The lock guards one library's names."""

    def __init__(self, closed_book: ClosedBook, library: Library, live: LiveData) -> None:
        self._closed_book, self._library, self._live = closed_book, library, live
        self._lock = threading.Lock()
        self._known: tuple[str, frozenset[str]] = ("", frozenset())

    def __call__(self, question: Question) -> MemoryRuling:
        names = set(self._documents_names())
        with suppress(BotUnavailable):  # a catalogue that was never read names nothing; the documents still do
            names |= {name for thing in self._live.things() for name in thing.names}
        return self._closed_book.judge(
            question.text, own_names=names, history_turns=len(question.turns), embedding=question.embedding
        )

    def _documents_names(self) -> frozenset[str]:
        digest = self._library.digest
        with self._lock:
            if self._known[0] == digest:
                return self._known[1]
        titles, headings, labels, bodies = self._library.wording()
        names = own_names(titles, headings, labels, bodies)
        with self._lock:
            self._known = (digest, names)
        return names
