"""From files to a new generation: read, cut, embed what is new, write, swap.

Work is committed every few thousand chunks, so that a crash in a long ingest loses little; each commit is a whole
generation (see retrieval.index.generations). What is embedded already is taken over, by its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from retrieval.documents import chunk as chunking
from retrieval.documents.file_names import describe
from retrieval.documents.parse import Parsed, find_documents, parse
from retrieval.graph.document import VERSION as GRAPH
from retrieval.graph.from_parsed import graph_of
from retrieval.graph.stored import encode
from retrieval.index.generations import Contents, Row, Store
from retrieval.index.tokens import VERSION as WORDS
from retrieval.index.tokens import tokens
from retrieval.types import (
    DocumentInfo,
    Embed,
    EmbeddingMismatch,
    IngestReport,
    Problem,
    Progress,
    RetrievalError,
    UnreadableDocument,
    Vectors,
)

_RULES = f"{chunking.VERSION}.{WORDS}.{GRAPH}"  # a document cut or worded by other rules counts as changed
_BATCH = 64
_COMMIT_EVERY = 4096  # chunks
_PROBE = "The annual management charge of the fund is 0.75% and dealing is daily at noon."


def quiet(done: int, total: int, label: str) -> None:
    """The progress of those who do not ask."""


@dataclass(frozen=True)
class Change:
    """What one call asks for: documents to add or replace for some groups, or names to remove."""

    paths: tuple[Path, ...] = ()
    access: frozenset[str] = frozenset()
    remove: frozenset[str] = frozenset()
    rebuild: bool = False


@dataclass(frozen=True)
class _Entry:
    """A document with its rows; `vectors` and `words` are None until the rows are embedded."""

    info: DocumentInfo
    rows: tuple[Row, ...]
    rules: str
    vectors: Vectors | None = None
    words: tuple[tuple[str, ...], ...] | None = None
    graph: bytes = b""


def apply(store: Store, embed: Embed, change: Change, progress: Progress, lock_timeout: float) -> IngestReport:
    """Carry out one change under the library's lock. See Library.ingest for what is raised."""
    if change.paths and not change.access:
        raise RetrievalError("no access group was given; name at least one group that may read these documents")
    with store.locked(lock_timeout):
        _, old = store.read()
        entries = {entry.info.key: entry for entry in _entries(old)}
        known: dict[str, Vectors] = {}
        probe = old.probe
        if change.paths:
            fresh = embed([_PROBE])[0]
            if not _same_model(old.probe, fresh):
                if not change.rebuild:
                    raise EmbeddingMismatch(
                        f"{store.root}: was embedded by another model; ingest with rebuild to embed all of it again"
                    )
                entries = {key: replace(entry, vectors=None) for key, entry in entries.items()}
            elif not change.rebuild:
                known = {_indexed(row): old.vectors[i] for i, row in enumerate(old.rows)}
            probe = tuple(round(float(value), 6) for value in fresh)
        for key in [key for key, entry in entries.items() if {key, entry.info.document} & change.remove]:
            del entries[key]
        reading = _read(change, entries, progress)
        pending = {**{key: one for key, one in entries.items() if one.vectors is None}, **reading.entries}
        entries.update(reading.regrouped)
        embedded = 0
        total = sum(len(entry.rows) for entry in pending.values())
        done = 0
        for group in _groups(pending):
            finished, new = _embed_group(group, embed, known, done, total, progress)
            done += sum(len(entry.rows) for entry in group.values())
            embedded += new
            entries.update(finished)
            if done < total and all(entry.vectors is not None for entry in entries.values()):
                store.write(_contents(entries, probe))  # what still waits stays as it was until its turn
        result = _contents(entries, probe)
        if result.digest != old.digest or pending:
            store.write(result)
    return replace(reading.report, chunks_embedded=embedded, digest=result.digest)


@dataclass(frozen=True)
class _Reading:
    entries: dict[str, _Entry]  # new or changed, not embedded yet
    regrouped: dict[str, _Entry]  # same bytes, other access groups
    report: IngestReport


def _read(change: Change, entries: dict[str, _Entry], progress: Progress) -> _Reading:
    found = list(find_documents(change.paths))
    fresh: dict[str, _Entry] = {}
    regrouped: dict[str, _Entry] = {}
    sorted_out: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
    problems: list[Problem] = []
    pages = 0
    for number, (key, path) in enumerate(found):
        progress(number, len(found), f"reading {key}")
        if key in fresh or key in regrouped or key in sorted_out["unchanged"]:
            problems.append(Problem(str(path), f"{key}: a second file of this name in one ingest; rename one of them"))
            continue
        old = entries.get(key)
        try:
            digest = _digest(path)
            if old and old.info.digest == digest and old.rules == _RULES and not change.rebuild:
                if old.info.access == change.access:
                    sorted_out["unchanged"].append(key)
                else:
                    regrouped[key] = replace(old, info=replace(old.info, access=change.access))
                    sorted_out["changed"].append(key)
                continue
            parsed = parse(path)
        except UnreadableDocument as error:
            problems.append(Problem(str(path), str(error)))
            continue
        pages += parsed.pages or 1
        fresh[key] = _cut(key, path, digest, parsed, change.access)
        sorted_out["changed" if old else "added"].append(key)
    progress(len(found), len(found), "read")
    report = IngestReport(
        added=tuple(sorted_out["added"]),
        changed=tuple(sorted_out["changed"]),
        unchanged=tuple(sorted_out["unchanged"]),
        problems=tuple(problems),
        chunks_embedded=0,
        pages_read=pages,
        digest="",
    )
    return _Reading(fresh, regrouped, report)


def _cut(key: str, path: Path, digest: str, parsed: Parsed, access: frozenset[str]) -> _Entry:
    named = describe(path.stem)
    own = parsed.title
    title = named.label if (named.year or not own) else own
    context = " ".join(part for part in (named.hints, own if own != title else "") if part)
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for one in chunking.chunk(parsed, title, context):
        # The n-th chunk of equal text and page gets its own id; ids outlive changes elsewhere in the document.
        content = f"{key}\n{one.page}\n{one.section}\n{one.text}"
        seen[content] = seen.get(content, 0) + 1
        identity = hashlib.sha256(f"{content}\n{seen[content]}".encode()).hexdigest()[:20]
        rows.append(Row(id=identity, document=-1, page=one.page, section=one.section, header=one.header, text=one.text))
    info = DocumentInfo(key, path.stem, path.name, title, digest, access, parsed.pages, len(rows))
    return _Entry(info, tuple(rows), _RULES, graph=encode(graph_of(key, path.stem, title, parsed)))


def _embed_group(
    group: dict[str, _Entry],
    embed: Embed,
    known: dict[str, Vectors],
    done: int,
    total: int,
    progress: Progress,
) -> tuple[dict[str, _Entry], int]:
    """Vectors and words for every row of the group; equal texts are embedded once. Long texts batch with long ones."""
    texts = [_indexed(row) for entry in group.values() for row in entry.rows]
    new = sorted({text for text in texts if text not in known}, key=len, reverse=True)
    reused = len(texts) - len(new)
    progress(done + reused, total, "embedding")
    for start in range(0, len(new), _BATCH):
        batch = new[start : start + _BATCH]
        known.update(zip(batch, embed(batch), strict=True))
        progress(done + reused + start + len(batch), total, "embedding")
    finished = {}
    for key, entry in group.items():
        indexed = [_indexed(row) for row in entry.rows]
        vectors = np.stack([known[text] for text in indexed]).astype(np.float32)
        finished[key] = replace(entry, vectors=vectors, words=tuple(tuple(tokens(text)) for text in indexed))
    return finished, len(new)


def _groups(pending: dict[str, _Entry]) -> Iterator[dict[str, _Entry]]:
    group: dict[str, _Entry] = {}
    for key, entry in pending.items():
        group[key] = entry
        if sum(len(one.rows) for one in group.values()) >= _COMMIT_EVERY:
            yield group
            group = {}
    if group:
        yield group


def _entries(contents: Contents) -> Iterator[_Entry]:
    rows: list[list[int]] = [[] for _ in contents.documents]
    for i, row in enumerate(contents.rows):
        rows[row["document"]].append(i)
    graphs = contents.graphs or (b"",) * len(contents.documents)
    for info, rules, graph, own in zip(contents.documents, contents.rules, graphs, rows, strict=True):
        yield _Entry(
            info,
            tuple(contents.rows[i] for i in own),
            rules,
            contents.vectors[own],
            tuple(tuple(contents.words[word] for word in contents.tokens[i]) for i in own),
            graph,
        )


def _contents(entries: dict[str, _Entry], probe: tuple[float, ...]) -> Contents:
    ordered = [entries[key] for key in sorted(entries)]
    vocabulary: dict[str, int] = {}
    ids = [
        np.array([vocabulary.setdefault(word, len(vocabulary)) for word in words], np.int32)
        for entry in ordered
        for words in entry.words or ()
    ]
    vectors = [entry.vectors for entry in ordered if entry.vectors is not None and len(entry.rows)]
    return Contents(
        documents=tuple(entry.info for entry in ordered),
        rows=tuple(Row(**{**row, "document": i}) for i, entry in enumerate(ordered) for row in entry.rows),
        vectors=np.concatenate(vectors) if vectors else np.zeros((0, len(probe)), np.float32),
        words=tuple(vocabulary),
        tokens=tuple(ids),
        rules=tuple(entry.rules for entry in ordered),
        graphs=tuple(entry.graph for entry in ordered),
        probe=probe,
        digest=_corpus_digest(ordered),
    )


def _corpus_digest(entries: Sequence[_Entry]) -> str:
    facts = [f"{one.info.key}\t{one.info.digest}\t{','.join(sorted(one.info.access))}\t{one.rules}" for one in entries]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def _digest(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableDocument(f"{path.name}: cannot be read ({error.strerror}); check the path and its rights") from None


def _same_model(old: tuple[float, ...], fresh: Vectors) -> bool:
    """Whether the probe's old and new embeddings agree; bfloat16 or int8 of the same model still does."""
    return not old or (len(old) == len(fresh) and float(np.dot(np.array(old, np.float32), fresh)) > 0.99)


def _indexed(row: Row) -> str:
    return f"{row['header']}\n{row['text']}" if row["header"] else row["text"]
