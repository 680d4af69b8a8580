"""From files to a new generation: read, cut, embed what is new, write, swap.

Files are embedded while others are still being read. Work is committed every few thousand chunks, so that a crash in a long
ingest loses little; each commit is a whole generation (see retrieval.index.generations). What is embedded already is taken
over, by its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from retrieval.index.entries import Entry, contents_of, entries_of, indexed
from retrieval.index.fields import marked
from retrieval.index.generations import Contents, Store
from retrieval.index.reading import Change, Reading, read_files
from retrieval.index.versions.changes import aligned, altered, difference, moved, restored, with_former
from retrieval.types import (
    Embed,
    EmbeddingMismatch,
    IngestReport,
    LibraryChange,
    Progress,
    RetrievalError,
    Vectors,
)

Record = Callable[[LibraryChange], None]
"""Told what a generation changes before it is in force. What it raises leaves the library as it is."""

Entries = Mapping[str, Entry]

_BATCH = 64
_TOGETHER = 512  # chunks that are embedded at a time, by their length
_COMMIT_EVERY = 4096  # chunks
_PROBE = "The annual management charge of the fund is 0.75% and dealing is daily at noon."


def quiet(done: int, total: int, label: str) -> None:
    """The progress of those who do not ask."""


def unrecorded(change: LibraryChange) -> None:
    """The record of those who keep none."""


def apply(
    store: Store, embed: Embed, change: Change, progress: Progress, lock_timeout: float, record: Record = unrecorded
) -> IngestReport:
    """Carry out one change under the library's lock. See Library.ingest for what is raised."""
    if (change.access is not None and not change.access) or not all(change.given.values()):
        raise RetrievalError("no access group was given; name at least one group that may read these documents")
    with store.locked(lock_timeout):
        _, old = store.read()
        before = {entry.info.key: entry for entry in entries_of(old)}
        probe, until_now, known = _taken_over(store, embed, change, old, before)
        swapped = _Swapped(store, record, old, before)
        reading = Reading()
        work = _Embedding(embed, known, reading, progress)
        embedded_at_swap = 0
        for key in read_files(change, until_now, progress, reading):
            if work.done - embedded_at_swap >= _COMMIT_EVERY:
                embedded_at_swap = work.done
                entries, _ = _entries(change, until_now, reading, work.finished)
                if all(entry.vectors is not None for entry in entries.values()):
                    swapped.by(entries, probe)  # what still waits stays as it was until its turn
            work.add(key)
        entries, removed = _entries(change, until_now, reading, work.finished)
        work.rest({key: one for key, one in entries.items() if one.vectors is None})
        entries, removed = _entries(change, until_now, reading, work.finished)
        digest = swapped.by(entries, probe, always=work.done > 0)
    return _report(reading, removed, work.new, digest)


def _taken_over(
    store: Store, embed: Embed, change: Change, old: Contents, before: Entries
) -> tuple[tuple[float, ...], Entries, dict[bytes, Vectors]]:
    """The probe that tells this model, the entries that are there, without the vectors of another model, and what is
    embedded already, by its text's digest. Raises EmbeddingMismatch."""
    if not (change.paths or change.given):
        return old.probe, before, {}
    fresh = embed([_PROBE])[0]
    probe = tuple(round(float(value), 6) for value in fresh)
    if _same_model(old.probe, fresh):
        rows = enumerate(old.rows) if not change.rebuild else ()
        return probe, before, {_digest(indexed(row)): old.vectors[i] for i, row in rows}
    if not change.rebuild:
        raise EmbeddingMismatch(f"{store.root}: was embedded by another model; ingest with rebuild to embed all of it again")
    return probe, {key: replace(one, vectors=None, words=None, fields=None) for key, one in before.items()}, {}


def _entries(change: Change, until_now: Entries, reading: Reading, finished: Entries) -> tuple[dict[str, Entry], list[str]]:
    """The library as far as it is read and embedded, and the keys of what is removed from it. What was moved is where it was
    until its new entry is finished."""
    moves = {old: new for old, new in reading.moved.items() if new in finished}
    entries = altered(moved({**until_now, **reading.kept}, moves), change.alter)
    for key, since in change.restore.items():
        entries = restored(entries, key, since)
    gone = change.remove | (reading.gone - reading.moved.keys()) | moves.keys()
    removed = sorted(with_former(gone, entries) & set(entries))
    for key, entry in finished.items():
        former = reading.former.get(key)
        if former is not None:
            entries[former.info.key] = finished.get(former.info.key, former)
        entries[key] = entry
    return {key: one for key, one in entries.items() if key not in removed}, removed


@dataclass
class _Swapped:
    """The generation in force, and the entries it was made of. Under the library's lock; used by one thread."""

    store: Store
    record: Record
    contents: Contents
    entries: Entries

    def by(self, entries: Entries, probe: tuple[float, ...], *, always: bool = False) -> str:
        """Put these entries in force, once it is recorded what they change; returns the library's digest then."""
        entries = aligned(entries)
        contents = contents_of(entries, probe)
        change = difference(self.entries, entries, self.contents.digest, contents.digest)
        if change.before != change.after:
            self.record(change)
        if contents.documents != self.contents.documents or always:
            self.store.write(contents, forget=bool(change.removed or change.replaced))
            self.contents, self.entries = contents, entries
        return contents.digest


def _report(reading: Reading, removed: list[str], embedded: int, digest: str) -> IngestReport:
    return IngestReport(
        added=tuple(reading.added),
        changed=tuple(reading.changed),
        unchanged=tuple(reading.unchanged),
        problems=tuple(reading.problems),
        chunks_embedded=embedded,
        pages_read=reading.pages,
        digest=digest,
        passed_over=tuple(reading.passed_over),
        removed=tuple(removed),
        remarks=tuple(reading.remarks),
    )


@dataclass
class _Embedding:
    """Embeds entries, many at a time; equal texts once. Long texts batch with long ones. Used by one thread.

    known: vectors by their text's digest. finished: entries with their vectors, by key. done: their rows; new: of these,
    embedded and not taken over.
    """

    embed: Embed
    known: dict[bytes, Vectors]
    reading: Reading
    progress: Progress
    finished: dict[str, Entry] = field(default_factory=dict)
    waiting: dict[str, Entry] = field(default_factory=dict)
    done: int = 0
    new: int = 0

    def add(self, key: str) -> None:
        """A new entry of the reading, with the version that it leaves as a former one."""
        for one in (self.reading.former.get(key), self.reading.entries[key]):
            if one is not None and one.vectors is None:
                self.waiting[one.info.key] = one
        if sum(len(one.rows) for one in self.waiting.values()) >= min(_TOGETHER, _COMMIT_EVERY):
            group, self.waiting = self.waiting, {}
            self._embed_group(group, self.reading.expected)

    def rest(self, unembedded: Entries) -> None:
        """What is waiting, and what the library held before, of another model."""
        left = {**unembedded, **self.waiting}
        total = self.done + sum(len(one.rows) for one in left.values())
        for group in _groups(left):
            self._embed_group(group, total)

    def _embed_group(self, group: Entries, total: int) -> None:
        texts = {_digest(text): text for one in group.values() for text in map(indexed, one.rows)}
        new = sorted((digest for digest in texts if digest not in self.known), key=lambda one: len(texts[one]), reverse=True)
        rows = sum(len(one.rows) for one in group.values())
        reused = rows - len(new)
        self._tell(reused, total)
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self.known.update(zip(batch, self.embed([texts[one] for one in batch]), strict=True))
            self._tell(reused + start + len(batch), total)
        for key, entry in group.items():
            self.finished[key] = self._with_vectors(entry)
        self.done += rows
        self.new += len(new)

    def _with_vectors(self, entry: Entry) -> Entry:
        digests = [_digest(indexed(row)) for row in entry.rows]
        vectors = np.stack([self.known[one] for one in digests]).astype(np.float32)
        self.known.update(zip(digests, vectors, strict=True))  # the same, without what they came in
        if entry.words is not None and entry.fields is not None:
            return replace(entry, vectors=vectors)
        words = [marked(row) for row in entry.rows]
        return replace(entry, vectors=vectors, words=tuple(w for w, _ in words), fields=tuple(f for _, f in words))

    def _tell(self, further: int, total: int) -> None:
        self.progress(self.done + further, max(total, self.done + further), "embedding")


def _groups(pending: Entries) -> Iterator[dict[str, Entry]]:
    group: dict[str, Entry] = {}
    for key, entry in pending.items():
        group[key] = entry
        if sum(len(one.rows) for one in group.values()) >= _TOGETHER:
            yield group
            group = {}
    if group:
        yield group


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _same_model(old: tuple[float, ...], fresh: Vectors) -> bool:
    """Whether the probe's old and new embeddings agree; bfloat16 or int8 of the same model still does."""
    return not old or (len(old) == len(fresh) and float(np.dot(np.array(old, np.float32), fresh)) > 0.99)
