"""Retrieval: the firm's documents, and the passages that an answer may cite.

`retrieval.library.Library` ingests and searches; `retrieval.evidence.answer` says what its tables answer.
Importing this package loads neither FAISS nor bm25s: only the light types are named here.
"""

from retrieval.types import (
    DocumentInfo,
    Embed,
    EmbeddingMismatch,
    IngestReport,
    LibraryBusy,
    LibraryDamaged,
    Passage,
    Problem,
    RetrievalError,
    UnreadableDocument,
)

__all__ = [
    "DocumentInfo",
    "Embed",
    "EmbeddingMismatch",
    "IngestReport",
    "LibraryBusy",
    "LibraryDamaged",
    "Passage",
    "Problem",
    "RetrievalError",
    "UnreadableDocument",
]
