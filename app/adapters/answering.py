"""Puts the evidence of the library behind the documents' bot. Nothing is decided here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cachetools import LRUCache

from app.adapters.retrieval import origin
from orchestrator.bots.base import Question
from orchestrator.closed_book.language_work import GIVEN_TEXT
from orchestrator.closed_book.own_names import own_names, product_names, product_words
from orchestrator.closed_book.ruling import ClosedBook, MemoryRuling
from orchestrator.errors import BotUnavailable
from orchestrator.live_data import LiveData
from orchestrator.ports import Passage, Source, Whole, Worked
from orchestrator.types import Origin
from retrieval.evidence.answer import answer
from retrieval.evidence.recomputation import recorded_computation, recorded_figure
from retrieval.evidence.result import Answer
from retrieval.evidence.result import Citation as Cited
from retrieval.evidence.slots import Slots, carried, remembered
from retrieval.evidence.sums.answering import own_sum
from retrieval.graph.document import DocumentGraph
from retrieval.graph.view import GraphView
from retrieval.library import Library
from retrieval.types import RightsBroken

_VIEWS_KEPT = 16


@dataclass(frozen=True)
class Resolved:
    """Implements `ports.Resolve` on a library: whatever the graph holds for a question, with its chance to be right."""

    library: Library

    def __call__(self, question: str, passages: Sequence[Passage], groups: frozenset[str], language: str) -> Worked | None:
        view = self.library.graph(groups, question)
        return resolved(question, view, passages, language, partial(self._source, groups))

    def _source(self, groups: frozenset[str], cited: Cited, document: DocumentGraph) -> Source:
        found = self.library.locate(document.key, cited.page, cited.quote, groups)
        opened = origin(found) if found is not None else Origin()
        return Source(cited.document, document.title, cited.page, cited.section, cited.quote, opened)


def _unopened(cited: Cited, document: DocumentGraph) -> Source:
    return Source(cited.document, document.title, cited.page, cited.section, cited.quote, Origin())


def resolved(
    question: str,
    view: GraphView,
    passages: Sequence[Passage] | None,
    language: str,
    source: Callable[[Cited, DocumentGraph], Source] = _unopened,
) -> Worked | None:
    """What the view's tables and statements say to a question, however unsure; None where they say nothing. Without
    passages the whole view is looked at.

    source: how a citation and its document become a source that can be opened. Raises `RightsBroken`."""
    found = answer(question, view, passages, None, language, threshold=0.0)
    if not isinstance(found, Answer) or found.kind == "quotation":
        return None
    documents = {one.document: one for one in view.documents}
    if any(one.document not in documents for one in found.citations):
        raise RightsBroken("an answer cites a document that its caller may not read; it was not used. Tell the maintainers")
    sources = [source(cited, documents[cited.document]) for cited in found.citations]
    plan: dict[str, Any] = {"kind": found.kind, "plan": found.plan, "working": found.working}
    if computation := recorded_computation(found):
        plan["computation"] = computation
    return Worked(found.text, sources, [recorded_figure(one) for one in found.figures], plan, found.confidence)


def calculated(question: str, language: str) -> Worked | None:
    """A sum of the question's own figures, of which code is sure. Implements `ports.Calculate`."""
    found = own_sum(question, language)
    if found is None:
        return None
    plan = {"kind": "own_sum", "plan": found.plan, "working": found.text, "computation": found.computation}
    return Worked(found.text, (), list(found.figures), plan, 1.0)


def made_whole(question: str, earlier: Iterable[str]) -> Whole | None:
    """A follow-up with what it leaves unsaid, from the questions before it, oldest first. Implements `ports.Complete`."""
    slots = Slots()
    for asked in earlier:
        whole, slots = carried(asked, slots)
        slots = remembered(whole, None, slots)
    whole, slots = carried(question, slots)
    if whole == question:
        return None
    taken = {"question": slots.question, "entity": slots.entity, "periods": [one.text for one in slots.periods]}
    return Whole(whole, taken)


class OwnProducts:
    """What the firm and its products are called by its documents at the moment. The lock guards what is kept: the names of
    all documents, for telling products from persons, and the words of what the last callers may read."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._names: tuple[str, frozenset[str]] = ("", frozenset())
        self._words: LRUCache[Hashable, frozenset[str]] = LRUCache(_VIEWS_KEPT)

    def names(self) -> frozenset[str]:
        """Of all documents, whoever may read them: they are never shown, and only keep a product from being masked."""
        digest = self._library.digest
        with self._lock:
            if self._names[0] == digest:
                return self._names[1]
        titles, _, labels, _ = self._library.wording()
        found = product_names(titles, labels)
        with self._lock:
            self._names = (digest, found)
        return found

    def words(self, groups: frozenset[str]) -> frozenset[str]:
        """In small letters, those by each of which a product is told from the others, in what these groups may read."""
        seen = self._library.visible(groups)
        with self._lock:
            if (known := self._words.get(seen)) is not None:
                return known
        titles, _, labels, bodies = self._library.wording(groups)
        found = product_words(titles, labels, bodies)
        with self._lock:
            self._words[seen] = found
        return found


class Memory:
    """What a question asks of a model's memory. The firm's own names are those of the documents that the caller may read,
    and of its live things: a name that stands in others alone must change nothing, or the answer would tell that it stands
    there. The lock guards the last callers' names."""

    def __init__(self, closed_book: ClosedBook, library: Library, live: LiveData) -> None:
        self._closed_book, self._library, self._live = closed_book, library, live
        self._lock = threading.Lock()
        self._known: LRUCache[Hashable, frozenset[str]] = LRUCache(_VIEWS_KEPT)

    def __call__(self, question: Question) -> MemoryRuling:
        names = set(self._documents_names(question.groups))
        with suppress(BotUnavailable):  # a catalogue that was never read names nothing; the documents still do
            names |= {name for thing in self._live.things() for name in thing.names}
        if any(turn.claimed and turn.answer for turn in question.turns):
            return self._beside_a_claim(self._closed_book.claimed(question.text, own_names=names))
        return self._closed_book.judge(
            question.text, own_names=names, history_turns=len(question.turns), embedding=question.embedding
        )

    def _beside_a_claim(self, ruling: MemoryRuling) -> MemoryRuling:
        """An answer that a client alone vouches for is no text to work on: its words would come out with our receipt.
        Only what stands by itself is let through: by its whole form, since the head also takes "that" and "again"."""
        if ruling.kind != "language_task" or ruling.rule == GIVEN_TEXT:
            return ruling
        return MemoryRuling("factual", "may ask for work on an answer that the client claims", 0.0)

    def _documents_names(self, groups: frozenset[str]) -> frozenset[str]:
        seen = self._library.visible(groups)
        with self._lock:
            if (known := self._known.get(seen)) is not None:
                return known
        titles, headings, labels, bodies = self._library.wording(groups)
        names = own_names(titles, headings, labels, bodies)
        with self._lock:
            self._known[seen] = names
        return names
