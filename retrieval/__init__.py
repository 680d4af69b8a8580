"""Retrieval: the firm's documents, and the passages that an answer may cite.

`retrieval.library.Library` ingests and searches; `retrieval.evidence.answer` says what its tables answer.
Importing this package does not load FAISS: only the light types are named here.
"""

from retrieval.types import (
    DocumentInfo,
    DocumentRefused,
    Embed,
    EmbeddingMismatch,
    IngestReport,
    LibraryBusy,
    LibraryChange,
    LibraryDamaged,
    NotForgotten,
    Passage,
    Problem,
    Remark,
    RetrievalError,
    RightsBroken,
    UnknownDocument,
    UnreadableDocument,
)

__all__ = [
    "DocumentInfo",
    "DocumentRefused",
    "Embed",
    "EmbeddingMismatch",
    "IngestReport",
    "LibraryBusy",
    "LibraryChange",
    "LibraryDamaged",
    "NotForgotten",
    "Passage",
    "Problem",
    "Remark",
    "RetrievalError",
    "RightsBroken",
    "UnknownDocument",
    "UnreadableDocument",
]
