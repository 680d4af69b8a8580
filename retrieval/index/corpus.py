"""The searchable corpus in memory: FAISS for meaning, BM25 for words, each seeing only what the searcher may see.

Access rights act inside both searches. FAISS skips forbidden vectors by selector, before it compares. BM25 is
indexed per view, over permitted chunks alone: masking scores afterwards would let forbidden documents shift word
rarities and average lengths, hence the order, of permitted ones. A search costs what its view costs.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.graph.document import DocumentGraph
from retrieval.graph.stored import OtherVersion, decode
from retrieval.graph.view import GraphView
from retrieval.index.fusion import Place
from retrieval.index.generations import Contents
from retrieval.index.tokens import compounds, tokens
from retrieval.types import EmbeddingMismatch, Vectors

Hits = list[tuple[int, float]]  # (row, score), best first
_VIEWS_KEPT = 16
_GRAPH_VIEWS_KEPT = 8  # each indexes its labels and sentences anew
_STRETCH = 4


class Corpus:
    """One generation, immutable. `_views`, `_graph_views` and `_graphs` are all that changes; `_lock` guards them."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._lock = threading.Lock()
        self._views: OrderedDict[tuple[int, ...], View] = OrderedDict()
        self._graph_views: OrderedDict[tuple[int, ...], GraphView] = OrderedDict()
        self._graphs: dict[int, DocumentGraph] = {}  # decoded when first seen, shared by all views
        self._faiss: Any = None
        if len(contents.rows):
            self._faiss = _faiss().IndexFlatIP(contents.vectors.shape[1])
            self._faiss.add(contents.vectors)
        self._document_of = np.array([row["document"] for row in contents.rows], np.int32)

        self.places = _places(contents)

    def graph(self, access: frozenset[str]) -> GraphView:
        """The evidence graph of what these groups may see; documents that an older version ingested have none yet."""
        seen = tuple(i for i, document in enumerate(self.contents.documents) if document.access & access)
        with self._lock:
            view = self._graph_views.get(seen)
            if view is None:
                view = self._graph_views[seen] = GraphView(graph for i in seen if (graph := self._decoded(i)) is not None)
                if len(self._graph_views) > _GRAPH_VIEWS_KEPT:
                    self._graph_views.popitem(last=False)
            self._graph_views.move_to_end(seen)
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
                self._graphs[number] = decode(stored)
            except OtherVersion:
                return None  # built again at the document's next ingest
        return self._graphs[number]

    def view(self, access: frozenset[str]) -> View:
        """What these groups may see. Views are shared by all searchers who may see the same documents."""
        seen = tuple(i for i, document in enumerate(self.contents.documents) if document.access & access)
        with self._lock:
            view = self._views.get(seen)
            if view is None:
                rows = np.flatnonzero(np.isin(self._document_of, np.array(seen, np.int32)))
                view = self._views[seen] = View(self.contents, self._faiss, rows)
                if len(self._views) > _VIEWS_KEPT:
                    self._views.popitem(last=False)
            self._views.move_to_end(seen)
        return view


class View:
    """The permitted rows of one corpus, and both searches over them. Immutable and thread-safe."""

    def __init__(self, contents: Contents, faiss_index: Any, rows: npt.NDArray[np.int64]) -> None:
        self.contents = contents
        self.rows = rows
        self._faiss = faiss_index
        self._selector: Any = None
        self._bm25: Any = None
        if len(rows):
            self._selector = _selector(rows, len(contents.rows))
            self._bm25 = _bm25(contents, rows)

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
        return [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if row >= 0]

    def sparse(self, weighted: dict[str, float], n: int) -> Hits:
        """Rows by BM25 over the view's own word statistics; `weighted` gives each query word its weight."""
        known = {word: weight for word, weight in weighted.items() if self._bm25 and word in self._bm25.vocab_dict}
        if not known:
            return []
        scores = np.zeros(len(self.rows), np.float32)
        for weight in sorted(set(known.values())):
            scores += weight * self._bm25.get_scores([word for word in known if known[word] == weight])
        best = np.argsort(-scores, kind="stable")[:n]
        return [(int(self.rows[i]), float(scores[i])) for i in best if scores[i] > 0]

    def query_words(self, question: str) -> dict[str, float]:
        """The question's words, and its neighbouring words written as one where the view knows such a word."""
        words = dict.fromkeys(tokens(question), 1.0)
        if self._bm25:
            words |= dict.fromkeys((word for word in compounds(question) if word in self._bm25.vocab_dict), 1.0)
        return words


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


def _selector(rows: npt.NDArray[np.int64], total: int) -> Any:
    mask = np.zeros(total, np.uint8)
    mask[rows] = 1
    return _faiss().IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _bm25(contents: Contents, rows: npt.NDArray[np.int64]) -> Any:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # its import sets DEBUG

    used, compact = np.unique(np.concatenate([contents.tokens[row] for row in rows]), return_inverse=True)
    lengths = [len(contents.tokens[row]) for row in rows]
    ids = [part.tolist() for part in np.split(compact, np.cumsum(lengths)[:-1])]
    words = {contents.words[old]: new for new, old in enumerate(used.tolist())}
    index = bm25s.BM25(k1=1.5, b=0.75)
    index.index(bm25s.tokenization.Tokenized(ids=ids, vocab=words), show_progress=False)
    return index


def _faiss() -> Any:
    import faiss

    return faiss
