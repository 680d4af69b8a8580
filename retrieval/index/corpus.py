"""The searchable corpus in memory: FAISS for meaning, BM25 for words, each seeing only what the searcher may see.

Access rights act inside both searches. FAISS is given the permitted rows and compares no other. BM25 counts word
rarities and average lengths over the view's own passages when it is asked: what a searcher may not see shifts no order.

Invariant: what comes out of a search is of its view, or RightsBroken is raised and nothing comes out.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from retrieval.graph.document import DocumentGraph
from retrieval.graph.stored import OtherVersion, decode
from retrieval.graph.view import GraphView
from retrieval.index.fields import BODY
from retrieval.index.fusion import Place
from retrieval.index.generations import Contents
from retrieval.index.postings import WHOLE, Postings, SeenPostings, Weighing
from retrieval.index.tokens import compounds, tokens
from retrieval.index.versions.asked import asked_for, in_force
from retrieval.types import DocumentInfo, EmbeddingMismatch, RightsBroken, Vectors

Hits = list[tuple[int, float]]  # (row, score), best first
Seen = tuple[int, ...]  # numbers of documents, ascending
_VIEWS_KEPT = 16
_GRAPH_VIEWS_KEPT = 8  # each indexes its labels and sentences anew
_STRETCH = 4


class Corpus:
    """One generation, immutable. `_views`, `_graph_views` and `_graphs` are all that changes; `_lock` guards them."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._lock = threading.Lock()
        self._views: LRUCache[tuple[int, ...], View] = LRUCache(_VIEWS_KEPT)
        self._graph_views: LRUCache[tuple[int, ...], GraphView] = LRUCache(_GRAPH_VIEWS_KEPT)
        self._graphs: dict[int, DocumentGraph] = {}  # decoded when first seen, shared by all views
        self._faiss: Any = None
        if len(contents.rows):
            self._faiss = _faiss().IndexFlatIP(contents.vectors.shape[1])
            self._faiss.add(contents.vectors)
        self.document_of = np.array([row["document"] for row in contents.rows], np.int32)
        self._versions = any(one.of or one.valid_from or one.valid_until for one in contents.documents)
        self.places = _places(contents)
        self.pages = Pages(self.places)
        self.word_numbers = {word: number for number, word in enumerate(contents.words)}
        self.row_postings, self.page_postings = _postings(contents, self.pages)

    def seen(self, access: frozenset[str], day: date, question: str = "", *, strictly: bool = False) -> Seen:
        """What these groups may see on a day: the versions in force, or those that the question asks for (`strictly`: not
        even then)."""
        permitted = [i for i, document in enumerate(self.contents.documents) if document.access & access]
        if not self._versions:
            return tuple(permitted)
        if strictly:
            return in_force(self.contents.documents, permitted, day)
        return asked_for(self.contents.documents, permitted, day, question)

    def graph(self, seen: Seen) -> GraphView:
        """The evidence graph of these documents; those that an older version ingested have none yet. Raises RightsBroken."""
        with self._lock:
            view = self._graph_views.get(seen)
            if view is None:
                names = names_among(self.contents.documents, seen)
                graphs = ((i, graph) for i in seen if (graph := self._decoded(i)) is not None)
                view = self._graph_views[seen] = GraphView(_called(graph, names[i]) for i, graph in graphs)
        return view

    def ungraphed(self) -> tuple[str, ...]:
        """Keys of documents that hold no graph of this version."""
        with self._lock:
            return tuple(one.key for i, one in enumerate(self.contents.documents) if self._decoded(i) is None)

    def _decoded(self, number: int) -> DocumentGraph | None:
        if number not in self._graphs:
            stored = self.contents.graphs[number] if self.contents.graphs else b""
            if not stored:
                return None
            try:
                graph = decode(stored)
            except OtherVersion:
                return None  # built again at the document's next ingest
            if graph.key != self.contents.documents[number].key:
                raise RightsBroken("a document's stored graph is another document's; ingest the library again")
            self._graphs[number] = graph
        return self._graphs[number]

    def view(self, seen: Seen) -> View:
        """The rows of these documents. Views are shared by all searchers who see the same documents."""
        with self._lock:
            view = self._views.get(seen)
            if view is None:
                rows = np.flatnonzero(np.isin(self.document_of, np.array(seen, np.int32)))
                names = names_among(self.contents.documents, seen)
                view = self._views[seen] = View(self, self._faiss, rows, names)
        return view

    def rows_of(self, document: int) -> range:
        """The document's rows, in its own order."""
        first, last = (int(np.searchsorted(self.document_of, document, side)) for side in ("left", "right"))
        return range(first, last)

    def nearest(self, document: int, page: int | None, quote: str) -> int:
        """The document's row that holds most words of a quotation from this page; the first of several."""
        wanted = set(tokens(quote))
        rows = [row for row in self.rows_of(document) if page is None or self.contents.rows[row]["page"] == page]
        return max(
            rows or self.rows_of(document), key=lambda row: len(wanted & set(tokens(self.contents.rows[row]["text"])))
        )

    def number_of(self, row: int) -> int:
        """Which passage of its document a row is, from 1."""
        return row - self.rows_of(self.contents.rows[row]["document"]).start + 1


class View:
    """The permitted rows of one corpus, and both searches over them. Immutable and thread-safe."""

    def __init__(self, corpus: Corpus, faiss_index: Any, rows: npt.NDArray[np.int64], names: Mapping[int, str]) -> None:
        """names: of the documents that may be seen, by their numbers."""
        self.contents = corpus.contents
        self.rows = rows
        self._corpus = corpus
        self._names = names
        self._faiss = faiss_index
        self._selector = _faiss().IDSelectorArray(rows) if len(rows) else None
        self._of_rows = SeenPostings(corpus.row_postings, rows)
        self._of_pages = SeenPostings(corpus.page_postings, np.unique(corpus.pages.of_row[rows]))

    def name_of(self, row: int) -> str:
        """What the row's document is called in answers."""
        return self._names[self.contents.rows[row]["document"]]

    def dense(self, embedding: Vectors, n: int) -> Hits:
        """Rows by cosine. Raises EmbeddingMismatch where the dimension is another one."""
        if not len(self.rows):
            return []
        if embedding.shape != (self._faiss.d,):
            raise EmbeddingMismatch(
                f"the question's embedding has shape {embedding.shape}, the library's has {self._faiss.d} dimensions; "
                "open the library with the model that ingested it, or ingest again"
            )
        parameters = _faiss().SearchParameters(sel=self._selector)
        query = np.ascontiguousarray(embedding[None], np.float32)
        scores, found = self._faiss.search(query, min(n, len(self.rows)), params=parameters)
        hits = [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if row >= 0]
        return self.own(sorted(hits, key=lambda hit: (-hit[1], hit[0])))

    def sparse(self, weighted: Mapping[str, float], n: int) -> Hits:
        """Rows by BM25 over the view's own word statistics; `weighted` gives each query word its weight."""
        scores = self.row_scores(weighted)
        best = best_of(scores, n)
        return self.own([(int(row), float(scores[row])) for row in best if scores[row] > 0])

    def row_scores(self, weighted: Mapping[str, float]) -> Vectors:
        """float32[all rows]: by BM25 over fields; 0 where a row holds none of the words or may not be seen."""
        return self._of_rows.scores(self._numbered(weighted), WHOLE)

    def page_scores(self, weighted: Mapping[str, float], how: Weighing) -> Vectors:
        """float32[all pages]: the same of whole pages."""
        return self._of_pages.scores(self._numbered(weighted), how)

    def own(self, hits: Hits) -> Hits:
        """The same hits. Raises RightsBroken where one is of another view."""
        self.own_rows(np.array([row for row, _ in hits], np.int64))
        return hits

    def own_rows(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The same rows. Raises RightsBroken where one is of another view."""
        places = np.searchsorted(self.rows, rows)
        if len(rows) and (places.max() >= len(self.rows) or (self.rows[places] != rows).any()):
            raise RightsBroken(
                "a search found a passage that its caller may not read; it was not used. Tell the maintainers"
            )
        return rows

    def query_words(self, question: str) -> dict[str, float]:
        """The question's words, and its neighbouring words written as one where the view knows such a word."""
        numbers = self._corpus.word_numbers
        written = (word for word in compounds(question) if word in numbers and self._of_rows.holds(numbers[word]))
        return dict.fromkeys(tokens(question), 1.0) | dict.fromkeys(written, 1.0)

    def _numbered(self, weighted: Mapping[str, float]) -> dict[int, float]:
        numbers = self._corpus.word_numbers
        return {numbers[word]: weight for word, weight in weighted.items() if word in numbers}


class Pages:
    """Which page each row stands on (a stretch, where a document has no pages), and the rows of each."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.numbers = {place: number for number, place in enumerate(dict.fromkeys(places))}
        self.places = tuple(self.numbers)
        self.of_row = np.array([self.numbers[place] for place in places], np.int64)
        self._order = np.argsort(self.of_row, kind="stable")
        self._starts = np.searchsorted(self.of_row[self._order], np.arange(len(self.places) + 1))

    def rows(self, page: int) -> npt.NDArray[np.int64]:
        """The page's rows, in reading order."""
        return self._order[self._starts[page] : self._starts[page + 1]]


def best_of(scores: Vectors, n: int) -> npt.NDArray[np.int64]:
    """The places of the n highest scores, best first; equal ones in their order."""
    if n < len(scores):
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        chosen = np.flatnonzero(scores >= least)
    else:
        chosen = np.arange(len(scores))
    return chosen[np.argsort(-scores[chosen], kind="stable")][:n]


def names_among(documents: Sequence[DocumentInfo], seen: Sequence[int]) -> dict[int, str]:
    """What each visible document is called: its file's name without suffix, or its key where another visible document has
    that name. What may not be seen changes no name."""
    often = Counter(documents[i].document for i in seen)
    return {i: documents[i].document if often[documents[i].document] == 1 else documents[i].key for i in seen}


def _called(graph: DocumentGraph, name: str) -> DocumentGraph:
    return graph if graph.document == name else replace(graph, document=name)


def _places(contents: Contents) -> tuple[Place, ...]:
    """Each row's page; unpaged documents count in stretches of a few rows, about as long as a page."""
    places: list[Place] = []
    inside: dict[int, int] = {}
    for row in contents.rows:
        document, page = row["document"], row["page"]
        if page is not None:
            places.append(Place(document, page, paged=True))
        else:
            nth = inside[document] = inside.get(document, -1) + 1
            places.append(Place(document, nth // _STRETCH, paged=False))
    return tuple(places)


def _postings(contents: Contents, pages: Pages) -> tuple[Postings, Postings]:
    """The rows' words, and the pages'."""
    lengths = [len(one) for one in contents.tokens]
    words = np.concatenate(contents.tokens) if contents.tokens else np.zeros(0, np.int32)
    kinds = np.concatenate(contents.fields) if contents.fields else np.full(len(words), BODY, np.uint8)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    known = len(contents.words)
    of_pages = pages.of_row[rows] if len(rows) else rows
    return Postings(words, kinds, rows, len(lengths), known), Postings(words, kinds, of_pages, len(pages.places), known)


def _faiss() -> Any:
    import faiss

    return faiss
