"""How long a search takes over many chunks, where a searcher may see some of them, beside FAISS's own comparison of all."""

from __future__ import annotations

import time
from typing import Any

import faiss
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from retrieval.index.corpus import Corpus
from retrieval.index.generations import Contents, Row
from retrieval.ranking.asked import asked_of
from retrieval.ranking.rank import Ranker
from retrieval.types import DocumentInfo

WORDS, PER_CHUNK, PER_DOCUMENT, PER_PAGE = 40_000, 120, 200, 4
DIMENSION, ASKED, GROUPS = 384, 60, 100


def search_times(chunks: int, console: Console) -> dict[str, Any]:
    """Milliseconds of a search, one thread, without the question's embedding; rounds of both take turns."""
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(0)
    corpus = Corpus(_made(chunks, random))
    ranker = Ranker(corpus)
    raw = faiss.IndexFlatIP(DIMENSION)
    raw.add(corpus.contents.vectors)
    table = Table(title=f"{chunks:,} chunks, one thread, ms")
    for column in ("may see", "search p50", "p95", "raw FAISS over all p50"):
        table.add_column(column, justify="right")
    result: dict[str, Any] = {}
    for share in (1, 10, 50, 100):
        access = frozenset(f"g{number}" for number in range(share * GROUPS // 100))
        view, graph = corpus.view(access), corpus.graph(access)
        own, theirs = [], []
        for _ in track(range(ASKED), f"{share} %", console=console, transient=True):
            question = " ".join(f"w{int(word)}" for word in _zipf(random, 8))
            embedding = _unit(random, 1)[0]
            began = time.perf_counter()
            ranker.rank(asked_of(question, graph), embedding, view.query_words(question), view, graph, 10)
            own.append(1000 * (time.perf_counter() - began))
            began = time.perf_counter()
            raw.search(embedding[None], 100)
            theirs.append(1000 * (time.perf_counter() - began))
        figures = [float(np.median(own)), float(np.quantile(own, 0.95)), float(np.median(theirs))]
        result[str(share)] = dict(zip(("p50", "p95", "faiss p50"), figures, strict=True))
        table.add_row(f"{share} %", *(f"{value:.1f}" for value in figures))
    console.print(table)
    return result


def _made(chunks: int, random: np.random.Generator) -> Contents:
    """Chunks of words as rare as words are, four a page, two hundred a document; every hundredth document is one group's."""
    count = -(-chunks // PER_DOCUMENT)
    documents = tuple(
        DocumentInfo(f"d{n}", f"d{n}", f"d{n}.pdf", f"d{n}", "", frozenset({f"g{n % GROUPS}"}), None, PER_DOCUMENT)
        for n in range(count)
    )
    words = _zipf(random, chunks * PER_CHUNK).astype(np.int32).reshape(chunks, PER_CHUNK)
    rows = tuple(
        Row(id=str(n), document=n // PER_DOCUMENT, page=n % PER_DOCUMENT // PER_PAGE + 1, section="", header="", text="")
        for n in range(chunks)
    )
    return Contents(
        documents=documents,
        rows=rows,
        vectors=_unit(random, chunks),
        words=tuple(f"w{n}" for n in range(WORDS)),
        tokens=tuple(words),
        rules=("",) * count,
    )


def _zipf(random: np.random.Generator, size: int) -> np.ndarray:
    return np.minimum(random.zipf(1.2, size) - 1, WORDS - 1)


def _unit(random: np.random.Generator, size: int) -> np.ndarray:
    vectors = random.standard_normal((size, DIMENSION)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
