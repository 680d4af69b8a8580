"""The library: documents go in with their access groups, passages come out ranked.

One object serves many threads; other processes may ingest into the same folder and are noticed at the next call.
`_corpus` and `_stamp` are swapped together under `_lock`; a search works on the corpus it began with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from retrieval.documents.parse import Reader, parse
from retrieval.graph.view import GraphView
from retrieval.index.corpus import Corpus, Seen, View
from retrieval.index.cutting.cut import Cutting
from retrieval.index.generations import Contents, Store
from retrieval.index.glossary import widen
from retrieval.index.identity import named
from retrieval.index.ingest import Record, apply, quiet, unrecorded
from retrieval.index.reading import Change
from retrieval.index.shared import Shared
from retrieval.index.tokens import tokens
from retrieval.index.versions.stated import UNDATED, Validity
from retrieval.ranking.asked import asked_of
from retrieval.ranking.lists import Lists, by_lists
from retrieval.ranking.rank import Ranked, Ranker
from retrieval.types import DocumentInfo, Embed, IngestReport, Passage, Progress, RightsBroken, Vectors

_WIDENED = 0.3  # the weight of words that the glossary adds to a question
_TOWARDS = 0.5  # how far the glossary's meaning moves the question's embedding


def today() -> date:
    """The day that tells which versions are in force, the same on every replica."""
    return datetime.now(UTC).date()


class Library:
    """Open with `Library.open(root, embed)`. Thread-safe; cheap to keep open.

    What is searched is in force today, or what the question names by a day or a version (retrieval.index.versions.asked).
    """

    def __init__(self, store: Store, embed: Embed, day: Callable[[], date] = today) -> None:
        self._store = store
        self._embed = embed
        self._day = day
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._corpus = Corpus(Contents())
        self._ranker = Ranker(self._corpus)
        self._meanings: dict[str, Vectors] = {}  # at most the glossary's; a lost race embeds one twice

    @classmethod
    def open(cls, root: Path, embed: Embed, day: Callable[[], date] = today, shared: Shared | None = None) -> Library:
        """The library kept in `root`, empty where nothing was ingested yet; with `shared` the copy there of what several
        machines share, brought up to date. day: today's. Raises LibraryDamaged."""
        library = cls(Store(root, shared), embed, day)
        library.follow()
        library._fresh()
        return library

    def follow(self) -> bool:
        """Takes over what another machine changed; whether it did. Raises LibraryDamaged, and what `shared` raises: then the
        library stays as it was."""
        return self._store.follow()

    @property
    def generation(self) -> str:
        """The name of the generation on this disk; '' while there is none. A later one sorts after an earlier one."""
        return self._store.generation

    @property
    def digest(self) -> str:
        """SHA-256 over every document's key, bytes and access groups, and the rules that cut them."""
        return self._fresh()[0].contents.digest

    def documents(self, access: frozenset[str]) -> list[DocumentInfo]:
        """What these groups may see and is in force, by key."""
        corpus = self._fresh()[0]
        found = [corpus.contents.documents[number] for number in corpus.seen(access, self._day())]
        return sorted(found, key=lambda document: document.key)

    def everything(self) -> list[DocumentInfo]:
        """Every document with its former versions, whoever may read it, by key: for those who look after the library."""
        return sorted(self._fresh()[0].contents.documents, key=lambda document: document.key)

    def find(self, name: str) -> DocumentInfo:
        """The document of a key, a file or an id, or of a name without suffix where one alone is called so; for those who
        look after the library. Raises UnknownDocument."""
        return named(name, self.everything())

    def passage(self, identity: str, number: int, access: frozenset[str]) -> tuple[DocumentInfo, Passage] | None:
        """A passage of a document's version, by `DocumentInfo.id` and its place from 1; None where there is none that these
        groups may read."""
        corpus = self._fresh()[0]
        documents = corpus.contents.documents
        named = [i for i, one in enumerate(documents) if one.access & access and one.id == identity]
        for document in sorted(named, key=lambda i: -documents[i].version):
            rows = corpus.rows_of(document)
            if 1 <= number <= len(rows):
                found = documents[document]
                return found, _passage(corpus, rows[number - 1], found.document, 0.0, 0.0, 0)
        return None

    def locate(self, key: str, page: int | None, quote: str, access: frozenset[str]) -> Passage | None:
        """The passage of a document that holds most words of a quotation from this page; None where these groups may not
        read it."""
        corpus = self._fresh()[0]
        for number, one in enumerate(corpus.contents.documents):
            if one.key == key and one.access & access:
                row = corpus.nearest(number, page, quote)
                return _passage(corpus, row, one.document, 0.0, 0.0, 0)
        return None

    def passages(self, keys: Iterable[str]) -> Iterator[tuple[DocumentInfo, Passage]]:
        """Every passage of these documents, whoever may read them, in their order."""
        corpus, wanted = self._fresh()[0], frozenset(keys)
        contents = corpus.contents
        for row, stored in enumerate(contents.rows):
            document = contents.documents[stored["document"]]
            if document.key in wanted:
                yield document, _passage(corpus, row, document.document, 0.0, 0.0, 0)

    def graph(self, access: frozenset[str], question: str = "") -> GraphView:
        """The evidence graph of the documents that a search for the question by these groups sees, joined; kept until the
        library changes. Raises RightsBroken."""
        corpus = self._fresh()[0]
        return corpus.graph(corpus.seen(access, self._day(), question))

    def ungraphed(self) -> tuple[str, ...]:
        """The keys of documents without a graph: ingested by an older version, they get one at their next ingest."""
        return self._fresh()[0].ungraphed()

    def visible(self, access: frozenset[str]) -> tuple[str, Seen]:
        """Tells apart what groups may see, and the library's generations: for whoever keeps something made of `wording`."""
        corpus = self._fresh()[0]
        return corpus.contents.digest, corpus.seen(access, self._day())

    def wording(self, access: frozenset[str] | None = None) -> tuple[list[str], list[str], list[str], list[str]]:
        """Titles, headings, row labels and texts of the documents that these groups may see, or of all: for telling what
        the firm and its products are called, never for an answer."""
        corpus = self._fresh()[0]
        contents = corpus.contents
        seen = frozenset(range(len(contents.documents)) if access is None else corpus.seen(access, self._day()))
        titles = [document.title for i, document in enumerate(contents.documents) if i in seen]
        rows = [row for row in contents.rows if row["document"] in seen]
        headings = sorted({part for row in rows for part in row["section"].split(" › ") if part})
        texts = [row["text"] for row in rows]
        labels = [line.split(" | ")[0] for text in texts for line in text.splitlines() if " | " in line]
        return titles, headings, labels, texts

    def apply(
        self, change: Change, progress: Progress = quiet, *, record: Record = unrecorded, lock_timeout: float = 600.0
    ) -> IngestReport:
        """Carry out one change; see `retrieval.life` for those that there are. `record` is told of each new generation
        before it is in force. Raises what `ingest` raises, and DocumentRefused."""
        return apply(self._store, self._embed, change, progress, lock_timeout, record)

    def ingest(
        self,
        paths: Iterable[Path],
        access: frozenset[str] | None = None,
        progress: Progress = quiet,
        *,
        rebuild: bool = False,
        prune: bool = False,
        read: Reader = parse,
        cut: Cutting | None = None,
        record: Record = unrecorded,
        validity: Validity = UNDATED,
        only_new: bool = False,
        lock_timeout: float = 600.0,
    ) -> IngestReport:
        """Add or replace documents; folders are searched for known kinds of file. `progress(done, total, label)`.

        Without `access` a document keeps its groups; a new one is read by those who read its copies or its folder's
        documents, else by "public". What is gone from a named folder is forgotten (`prune`: even if it is most of it). What
        has not changed is not embedded again, unless `rebuild`. What a document said until now goes, unless its file says
        from when it is in force and that is later: then it stays as a former version. validity: of all these files, whatever
        they say themselves; only_new: refuse those of known documents. A file that cannot be read is reported in
        `IngestReport.problems` and does not stop the others. cut: reads files several at a time; else `read` does, one by
        one. `record` is told of each new generation before it is in force.
        Raises LibraryBusy, EmbeddingMismatch, LibraryDamaged, NotForgotten, and what `record` raises.
        """
        change = Change(
            tuple(paths), access, rebuild=rebuild, prune=prune, read=read, cut=cut, validity=validity, only_new=only_new
        )
        return self.apply(change, progress, record=record, lock_timeout=lock_timeout)

    def remove(self, names: Iterable[str], *, record: Record = unrecorded, lock_timeout: float = 600.0) -> tuple[str, ...]:
        """Forget documents with their former versions, or one former version; named as in `find`; returns their keys.

        `record` is told first; then nothing of them is left in the library's folder. Raises UnknownDocument before anything
        is removed, LibraryBusy, NotForgotten, and what `record` raises.
        """
        everything = self.everything()
        keys = frozenset(named(name, everything).key for name in names)
        return self.apply(Change(remove=keys), record=record, lock_timeout=lock_timeout).removed

    def search(
        self,
        question: str,
        k: int,
        access: frozenset[str],
        embedding: Vectors | None = None,
        *,
        using: Lists = "all",
        on: date | None = None,
    ) -> list[Passage]:
        """The `k` best passages that these groups may see, best first. Raises RightsBroken rather than return another.

        `embedding` is the question's, where the caller has it already. `using` another list is for measuring. on: search
        what was in force on that day, whatever the question names.
        """
        return [passage for passage, _ in self.explained(question, k, access, embedding, using=using, on=on)]

    def explained(
        self,
        question: str,
        k: int,
        access: frozenset[str],
        embedding: Vectors | None = None,
        *,
        using: Lists = "all",
        on: date | None = None,
    ) -> list[tuple[Passage, Ranked]]:
        """What `search` finds, and for each passage why its page stands where it does. Raises RightsBroken."""
        if k < 1 or not question.strip():
            return []
        corpus, ranker = self._fresh()
        seen = corpus.seen(access, on or self._day(), question, strictly=on is not None)
        view = corpus.view(seen)
        if not len(view.rows):
            return []
        if embedding is None:
            embedding = self._embed([question])[0]
        embedding = np.asarray(embedding, np.float32)
        meanings = widen(question)
        towards = self._towards(embedding, meanings)
        further = {word: _WIDENED for meaning in meanings for word in tokens(meaning)}
        if using == "all":
            graph = corpus.graph(seen)
            asked = asked_of(question, graph)
            words = {**further, **view.query_words(asked.proper)}
            ranked = ranker.rank(asked, towards, words, view, graph, k)[:k]
        else:
            ranked = by_lists(corpus, view, towards, {**further, **view.query_words(question)}, using, k)[:k]
        _permitted(ranked, view, corpus, access)
        vectors = corpus.contents.vectors
        return [
            (_passage(corpus, one.row, view.name_of(one.row), one.score, float(vectors[one.row] @ embedding), rank), one)
            for rank, one in enumerate(ranked, 1)
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

    def _fresh(self) -> tuple[Corpus, Ranker]:
        """The corpus in force, with its ranker; reads the folder again if another generation has been swapped in."""
        with self._lock:
            if self._store.stamp() != self._stamp:
                self._stamp, contents = self._store.read()
                self._corpus = Corpus(contents)
                self._ranker = Ranker(self._corpus)
            return self._corpus, self._ranker


def _permitted(ranked: Sequence[Ranked], view: View, corpus: Corpus, access: frozenset[str]) -> None:
    """Raises RightsBroken where a passage is not of the view, or its document not for these groups."""
    view.own([(one.row, one.score) for one in ranked])
    documents, rows = corpus.contents.documents, corpus.contents.rows
    if not all(documents[rows[one.row]["document"]].access & access for one in ranked):
        raise RightsBroken("a search found a document that its caller may not read; it was not used. Tell the maintainers")


def _passage(corpus: Corpus, row: int, name: str, score: float, dense: float, rank: int) -> Passage:
    stored = corpus.contents.rows[row]
    document = corpus.contents.documents[stored["document"]]
    return Passage(
        chunk_id=stored["id"],
        document=name,
        source=document.source,
        title=document.title,
        page=stored["page"],
        section=stored["section"],
        text=stored["text"],
        score=score,
        dense=dense,
        rank=rank,
        document_id=document.id,
        number=corpus.number_of(row),
        valid_from=document.valid_from,
        valid_until=document.valid_until,
    )
