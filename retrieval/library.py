"""The library: documents go in with their access groups, passages come out ranked.

One object serves many threads; other processes may ingest into the same folder and are noticed at the next call.
`_corpus` and `_stamp` are swapped together under `_lock`; a search works on the corpus it began with.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from retrieval.graph.view import GraphView
from retrieval.index.corpus import Corpus
from retrieval.index.fusion import fuse
from retrieval.index.generations import Contents, Store
from retrieval.index.glossary import widen
from retrieval.index.ingest import Change, apply, quiet
from retrieval.index.tokens import tokens
from retrieval.types import DocumentInfo, Embed, IngestReport, Passage, Progress, Vectors

Lists = Literal["both", "dense", "sparse"]

_DEPTH = 100  # how far down each list is fused
_WIDENED = 0.3  # the weight of words that the glossary adds to a question
_TOWARDS = 0.5  # how far the glossary's meaning moves the question's embedding


class Library:
    """Open with `Library.open(root, embed)`. Thread-safe; cheap to keep open."""

    def __init__(self, store: Store, embed: Embed) -> None:
        self._store = store
        self._embed = embed
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._corpus = Corpus(Contents())
        self._meanings: dict[str, Vectors] = {}  # at most the glossary's; a lost race embeds one twice

    @classmethod
    def open(cls, root: Path, embed: Embed) -> Library:
        """The library kept in `root`, empty where nothing was ingested yet. Raises LibraryDamaged."""
        library = cls(Store(root), embed)
        library._fresh()
        return library

    @property
    def digest(self) -> str:
        """SHA-256 over every document's key, bytes and access groups, and the rules that cut them."""
        return self._fresh().contents.digest

    def documents(self, access: frozenset[str]) -> list[DocumentInfo]:
        """What these groups may see, by key."""
        return sorted(
            (one for one in self._fresh().contents.documents if one.access & access),
            key=lambda document: document.key,
        )

    def texts(self, keys: Iterable[str]) -> Iterator[tuple[DocumentInfo, int | None, str]]:
        """(document, page from 1, text) of every passage of these documents, whoever may read them."""
        contents, wanted = self._fresh().contents, frozenset(keys)
        for row in contents.rows:
            document = contents.documents[row["document"]]
            if document.key in wanted:
                yield document, row["page"], row["text"]

    def graph(self, access: frozenset[str]) -> GraphView:
        """The evidence graph of the documents that these groups may see, joined; kept until the library changes."""
        return self._fresh().graph(access)

    def ungraphed(self) -> tuple[str, ...]:
        """The keys of documents without a graph: ingested by an older version, they get one at their next ingest."""
        return self._fresh().ungraphed()

    def wording(self) -> tuple[list[str], list[str], list[str], list[str]]:
        """Titles, headings, row labels and texts of all documents, whoever may read them: for telling what the firm
        and its products are called, never for an answer."""
        contents = self._fresh().contents
        titles = [document.title for document in contents.documents]
        headings = sorted({part for row in contents.rows for part in row["section"].split(" › ") if part})
        texts = [row["text"] for row in contents.rows]
        labels = [line.split(" | ")[0] for text in texts for line in text.splitlines() if " | " in line]
        return titles, headings, labels, texts

    def ingest(
        self,
        paths: Iterable[Path],
        access: frozenset[str],
        progress: Progress = quiet,
        *,
        rebuild: bool = False,
        lock_timeout: float = 600.0,
    ) -> IngestReport:
        """Add or replace documents; folders are searched for known kinds of file. `progress(done, total, label)`.

        What has not changed is not embedded again, unless `rebuild`. A file that cannot be read is reported in
        `IngestReport.problems` and does not stop the others. Raises LibraryBusy, EmbeddingMismatch, LibraryDamaged.
        """
        return apply(self._store, self._embed, Change(tuple(paths), access, rebuild=rebuild), progress, lock_timeout)

    def remove(self, names: Iterable[str], *, lock_timeout: float = 600.0) -> tuple[str, ...]:
        """Drop documents by key or by name without suffix; returns the keys dropped."""
        before = {one.key for one in self._fresh().contents.documents}
        apply(self._store, self._embed, Change(remove=frozenset(names)), quiet, lock_timeout)
        return tuple(sorted(before - {one.key for one in self._fresh().contents.documents}))

    def search(
        self,
        question: str,
        k: int,
        access: frozenset[str],
        embedding: Vectors | None = None,
        *,
        using: Lists = "both",
    ) -> list[Passage]:
        """The `k` best passages that these groups may see, best first; at first one passage a page.

        `embedding` is the question's, where the caller has it already. `using` one list alone is for measuring.
        """
        if k < 1 or not question.strip():
            return []
        corpus = self._fresh()
        view = corpus.view(access)
        if not len(view.rows):
            return []
        if embedding is None:
            embedding = self._embed([question])[0]
        embedding = np.asarray(embedding, np.float32)
        depth = max(_DEPTH, 4 * k)
        meanings = widen(question)
        dense = view.dense(self._towards(embedding, meanings), depth) if using != "sparse" else []
        words = view.query_words(question)
        further = {word: _WIDENED for meaning in meanings for word in tokens(meaning)}
        sparse = view.sparse({**further, **words}, depth) if using != "dense" else []
        places = {row: corpus.places[row] for row, _ in [*dense, *sparse]}
        ranked = fuse(dense, sparse, places, strong=min(_DEPTH, len(view.rows) // 20))[:k]
        vectors = corpus.contents.vectors
        return [
            _passage(corpus.contents, row, score, float(vectors[row] @ embedding), rank)
            for rank, (row, score) in enumerate(ranked, 1)
        ]

    def _towards(self, embedding: Vectors, meanings: tuple[str, ...]) -> Vectors:
        """The question's embedding, moved towards what its financial terms mean."""
        if not meanings:
            return embedding
        unknown = [meaning for meaning in meanings if meaning not in self._meanings]
        if unknown:
            self._meanings.update(zip(unknown, self._embed(unknown), strict=True))
        moved = embedding + _TOWARDS * np.mean([self._meanings[meaning] for meaning in meanings], axis=0)
        return np.asarray(moved / np.linalg.norm(moved), np.float32)

    def _fresh(self) -> Corpus:
        """The corpus in force; reads the folder again if another generation has been swapped in."""
        with self._lock:
            if self._store.stamp() != self._stamp:
                self._stamp, contents = self._store.read()
                self._corpus = Corpus(contents)
            return self._corpus


def _passage(contents: Contents, row: int, score: float, dense: float, rank: int) -> Passage:
    stored = contents.rows[row]
    document = contents.documents[stored["document"]]
    return Passage(
        chunk_id=stored["id"],
        document=document.document,
        source=document.source,
        title=document.title,
        page=stored["page"],
        section=stored["section"],
        text=stored["text"],
        score=score,
        dense=dense,
        rank=rank,
    )
