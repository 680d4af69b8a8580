"""A document with all that the library keeps of it, and how entries become a generation and back.

Invariant: what a generation holds of a document is its entry's alone; an entry that is left out leaves nothing behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.index.fields import BODY
from retrieval.index.generations import Contents, Row
from retrieval.types import DocumentInfo, Vectors


@dataclass(frozen=True)
class Entry:
    """A document with its rows; `vectors`, `words` and `fields` are None until the rows are embedded; `fields` also in
    what an older version ingested."""

    info: DocumentInfo
    rows: tuple[Row, ...]
    rules: str
    vectors: Vectors | None = None
    words: tuple[tuple[str, ...], ...] | None = None
    graph: bytes = b""
    fields: tuple[npt.NDArray[np.uint8], ...] | None = None


def indexed(row: Row) -> str:
    """What is embedded and searched of a row."""
    return f"{row['header']}\n{row['text']}" if row["header"] else row["text"]


def entries_of(contents: Contents) -> Iterator[Entry]:
    """A generation's documents, one by one."""
    rows: list[list[int]] = [[] for _ in contents.documents]
    for i, row in enumerate(contents.rows):
        rows[row["document"]].append(i)
    graphs = contents.graphs or (b"",) * len(contents.documents)
    for info, rules, graph, own in zip(contents.documents, contents.rules, graphs, rows, strict=True):
        yield Entry(
            info,
            tuple(contents.rows[i] for i in own),
            rules,
            contents.vectors[own],
            tuple(tuple(contents.words[word] for word in contents.tokens[i]) for i in own),
            graph,
            tuple(contents.fields[i] for i in own) if contents.fields else None,
        )


def contents_of(entries: Mapping[str, Entry], probe: tuple[float, ...]) -> Contents:
    """The generation that holds these documents, by their keys."""
    ordered = [entries[key] for key in sorted(entries)]
    vocabulary: dict[str, int] = {}
    ids = [
        np.array([vocabulary.setdefault(word, len(vocabulary)) for word in words], np.int32)
        for entry in ordered
        for words in entry.words or ()
    ]
    fields = [_fields(entry) for entry in ordered]
    vectors = [entry.vectors for entry in ordered if entry.vectors is not None and len(entry.rows)]
    return Contents(
        documents=tuple(entry.info for entry in ordered),
        rows=tuple(Row(**{**row, "document": i}) for i, entry in enumerate(ordered) for row in entry.rows),
        vectors=np.concatenate(vectors) if vectors else np.zeros((0, len(probe)), np.float32),
        words=tuple(vocabulary),
        tokens=tuple(ids),
        fields=tuple(one for own in fields for one in own),
        rules=tuple(entry.rules for entry in ordered),
        graphs=tuple(entry.graph for entry in ordered),
        probe=probe,
        digest=corpus_digest(ordered),
    )


def _fields(entry: Entry) -> tuple[npt.NDArray[np.uint8], ...]:
    """Of every word its field; where an older version did not tell them, all are running text."""
    if entry.fields is not None:
        return entry.fields
    return tuple(np.full(len(words), BODY, np.uint8) for words in entry.words or ())


def corpus_digest(entries: Sequence[Entry]) -> str:
    """SHA-256 over each document's key, bytes and groups, the rules that cut it, and its version and dates where it has
    any."""
    return hashlib.sha256("\n".join(_facts(one.info, one.rules) for one in entries).encode()).hexdigest()


def _facts(info: DocumentInfo, rules: str) -> str:
    facts = f"{info.key}\t{info.digest}\t{','.join(sorted(info.access))}\t{rules}"
    dated = (info.version, info.valid_from, info.valid_until)
    return facts if dated == (1, None, None) else facts + "".join(f"\t{one or ''}" for one in dated)
