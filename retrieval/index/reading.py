"""From files to entries: which document each file is, who may read it, and what stands in it.

Invariant: whatever one file provokes ends in a Problem of its own; no other file and no document suffers from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path

from retrieval.documents import chunk as chunking
from retrieval.documents.find import shown
from retrieval.documents.parse import Found, Reader, find_documents, parse
from retrieval.graph.document import VERSION as GRAPH
from retrieval.index.cutting.ahead import as_they_come
from retrieval.index.cutting.cut import Cut, Cutting, Here
from retrieval.index.entries import Entry
from retrieval.index.identity import Known, Undecided, digest_of, gone_from
from retrieval.index.tokens import VERSION as WORDS
from retrieval.index.versions.changes import Attributes
from retrieval.index.versions.stated import UNDATED, Validity, stated
from retrieval.index.versions.succession import as_version, dated, nothing, succeeding
from retrieval.types import DocumentInfo, Problem, Progress, Remark, UnreadableDocument

RULES = f"{chunking.VERSION}.{WORDS}.{GRAPH}"  # a document cut or worded by other rules counts as changed
_FEW_GONE = 5  # so many documents may leave a folder unasked, even if they are most of it
_STAYS = "; what was read of it before stays in the library"


@dataclass(frozen=True)
class Change:
    """What one call asks for: documents to add or replace, to remove, to alter or to restore.

    access: who may read the documents; None: as before, and new ones as their copies or neighbours. prune: forget what is
    gone from a folder even where that is most of it. validity: of the named files, whatever they say themselves. cut: reads
    and cuts files, several at a time; None: one after the other, in this process, by `read`.
    given: files beside those of the paths, each with who may read it.

    key: the one document that the one named file is a version of. since: from when it is in force where nothing else says
    so, and the version until now stays as a former one; None: that one goes. only_new: refuse files of known documents.
    alter: by key, without reading anything. restore: keys of former versions, in force again from the day on.
    """

    paths: tuple[Path, ...] = ()
    access: frozenset[str] | None = None
    remove: frozenset[str] = frozenset()
    rebuild: bool = False
    prune: bool = False
    read: Reader = parse
    given: Mapping[Found, frozenset[str]] = field(default_factory=dict)
    validity: Validity = UNDATED
    key: str = ""
    since: date | None = None
    only_new: bool = False
    alter: Mapping[str, Attributes] = field(default_factory=dict)
    restore: Mapping[str, date] = field(default_factory=dict)
    cut: Cutting | None = None

    @property
    def cutting(self) -> Cutting:
        """What reads and cuts the files."""
        return self.cut or Here(self.read)


@dataclass
class Reading:
    """What the files of one call came to. entries: new or changed, not embedded yet; former: by the same keys, the versions
    that they leave as former ones; kept: the same bytes, whose groups or whose place may be others; gone: to be forgotten;
    moved: old key to new key. chunks: of the entries; read: bytes of the files they came from; left: of those to come.
    Filled by `read_files` alone."""

    entries: dict[str, Entry] = field(default_factory=dict)
    former: dict[str, Entry] = field(default_factory=dict)
    kept: dict[str, Entry] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    passed_over: list[Problem] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    pages: int = 0
    chunks: int = 0
    read: int = 0
    left: int = 0

    @property
    def expected(self) -> int:
        """How many chunks there will be, as far as the bytes that are left tell."""
        return self.chunks + round(self.chunks * self.left / self.read if self.read else 0)


def read_files(change: Change, entries: Mapping[str, Entry], progress: Progress, reading: Reading) -> Iterator[str]:
    """Reads what is new or changed among the files that the change names, and tells the key of each as it comes, in no
    order. What is reported of them is in their order in the end."""
    files, reading.passed_over = find_documents(change.paths)
    files += change.given
    known = Known(entries)
    keys = [change.key or known.key(found) for found in files]
    reading.left = sum(map(_size, files))
    steps = _Steps(change, entries, known, reading, progress, len(files))
    waiting = list(zip(range(len(files)), keys, files, strict=True))
    cutting = change.cutting
    while waiting:
        again: list[tuple[int, str, Found]] = []
        jobs = steps.decided(waiting, again)
        for file, made in as_they_come(jobs, partial(_cut, cutting), cutting.workers, _File.size):
            if steps.taken(file, made):
                yield file.key
        waiting = again
    reading.left = 0
    progress(len(files), len(files), "read")
    _in_order(reading, keys, files)
    _forget_gone(change, entries, reading)


@dataclass(frozen=True)
class _File:
    """A file that is to be read, and what is known of its document already. moved: the document that it was elsewhere;
    said: its dates in its own words."""

    number: int
    key: str
    found: Found
    digest: str
    placed: DocumentInfo
    access: frozenset[str]
    why: str
    before: frozenset[str] | None
    moved: DocumentInfo | None
    said: Validity

    def size(self) -> int:
        return _size(self.found)


@dataclass
class _Steps:
    """What happens to each file: it is decided whether it is to be read, and what came of it is taken in. Used by one
    thread; between the two others may read."""

    change: Change
    entries: Mapping[str, Entry]
    known: Known
    reading: Reading
    progress: Progress
    total: int
    done: int = 0
    at_work: set[str] = field(default_factory=set)

    def decided(self, files: Iterable[tuple[int, str, Found]], again: list[tuple[int, str, Found]]) -> Iterator[_File]:
        """Those that are to be read. again: where those go whose document is being read from another file."""
        reading = self.reading
        for number, key, found in files:
            if key in self.at_work:
                again.append((number, key, found))
                continue
            if key in reading.entries or key in reading.kept:
                why = "its name is written like another file's of this folder, but for its accents; rename one of them"
                reading.problems.append(Problem(shown(found.path), f"{found.inside}: {why}"))
            else:
                try:
                    if (
                        file := _decided(number, key, found, self.entries.get(key), self.change, self.known, reading)
                    ) is not None:
                        self.at_work.add(key)
                        yield file
                        continue
                except Exception as error:  # the boundary: a file may provoke anything in the libraries that read it
                    reading.problems.append(_problem(found, error, self.entries.get(key)))
            self._done(key, found)

    def taken(self, file: _File, made: Cut | Exception) -> bool:
        """Takes in what came of a file; whether that is a new entry."""
        old = self.entries.get(file.key)
        try:
            if isinstance(made, Exception):
                raise made
            _taken(file, made, old, self.change, self.reading)
        except Exception as error:  # the boundary, as above
            self.reading.problems.append(_problem(file.found, error, old))
        self.at_work.remove(file.key)
        self._done(file.key, file.found)
        return file.key in self.reading.entries

    def _done(self, key: str, found: Found) -> None:
        self.reading.left -= _size(found)
        self.done += 1
        self.progress(self.done, self.total, f"reading {key}")


def _cut(cutting: Cutting, file: _File) -> Cut:
    """Raises UnreadableDocument, or whatever the file provokes."""
    made = cutting(file.key, file.found.path)
    if digest_of(file.found.path) != file.digest:
        raise UnreadableDocument(f"{file.found.path.name}: was changed while it was read; ingest it again")
    return made


def _decided(
    number: int, key: str, found: Found, old: Entry | None, change: Change, known: Known, reading: Reading
) -> _File | None:
    """What is known of a file before it is read; None where it needs not be read."""
    if old is not None and change.only_new:
        raise Undecided(f"{found.inside}: is the document {key} already; to replace it: countersign documents replace {key}")
    digest = digest_of(found.path)
    moved = known.moved_from(digest) if old is None and not change.key else None
    before = old.info.access if old is not None else moved.access if moved is not None else None
    access, why = _readers(found, digest, change, before, moved, known)
    last = old.info if old is not None else moved
    placed = as_version(key, digest, last) if change.key else _placed(key, found, digest, last, known)
    if old is not None and digest in (old.info.digest, placed.aside) and old.rules == RULES and not change.rebuild:
        reading.kept[key] = replace(old, info=dated(replace(placed, access=access), change.validity))
        same = reading.kept[key].info == replace(placed, access=old.info.access)
        (reading.unchanged if same else reading.changed).append(key)
        if digest != old.info.digest:
            reading.remarks.append(Remark(key, "its file holds a version that was replaced; the later one stays in force"))
        _note_readers(key, access, before, why, reading)
        return None
    if old is not None and digest == placed.aside:
        raise Undecided(f"{found.inside}: holds a version that was replaced; give the later one: documents replace {key}")
    return _File(number, key, found, digest, placed, access, why, before, moved, stated(found.path))


def _taken(file: _File, made: Cut, old: Entry | None, change: Change, reading: Reading) -> None:
    """A new entry of what was read."""
    key, path = file.key, file.found.path
    chunks = len(made.rows)
    name = Path(change.key).stem if change.key else path.stem
    info = DocumentInfo(key, name, path.name, made.title, file.digest, file.access, made.pages, chunks)
    info = replace(info, valid_from=file.said.first, valid_until=file.said.last)
    fresh = Entry(info, made.rows, RULES, words=made.words, graph=made.graph, fields=made.fields)
    reading.entries[key], former = succeeding(fresh, file.placed, old, change.validity, change.since, bool(change.key))
    if former is not None:
        reading.former[key] = former
    reading.pages += made.pages or 1
    reading.chunks += chunks
    reading.read += file.size()
    reading.remarks += [Remark(key, note) for note in made.notes]
    (reading.changed if old is not None else reading.added).append(key)
    if file.moved is not None:
        reading.gone.add(file.moved.key)
        reading.moved[file.moved.key] = key
    _note_readers(key, file.access, file.before, file.why, reading)


def _note_readers(key: str, access: frozenset[str], before: frozenset[str] | None, why: str, reading: Reading) -> None:
    if before is not None and access != before:
        reading.remarks.append(Remark(key, f"read by {_listed(access)} from now on, until now by {_listed(before)}"))
    elif why:
        reading.remarks.append(Remark(key, f"read by {_listed(access)}, {why}; --access says otherwise"))


def _in_order(reading: Reading, keys: Sequence[str], files: Sequence[Found]) -> None:
    """What is reported, in the order of the files, whichever was read first."""
    by_key = {key: number for number, key in enumerate(keys)}
    by_path = {shown(found.path): number for number, found in enumerate(files)}
    for told in (reading.added, reading.changed, reading.unchanged):
        told.sort(key=by_key.__getitem__)
    reading.remarks.sort(key=lambda remark: by_key[remark.key])
    reading.problems.sort(key=lambda problem: by_path[problem.path])


def _size(found: Found) -> int:
    try:
        return found.path.stat().st_size
    except OSError:  # why it cannot be read is told when it is
        return 0


def _readers(
    found: Found,
    digest: str,
    change: Change,
    before: frozenset[str] | None,
    moved: DocumentInfo | None,
    known: Known,
) -> tuple[frozenset[str], str]:
    """Who may read a file's document, and why where nobody said so. Raises Undecided."""
    if found in change.given:
        return change.given[found], ""
    if change.access is not None:
        return change.access, ""
    if before is not None:
        return before, f"as before it was moved from {moved.key}" if moved is not None else ""
    return known.readers(found, digest)


def _placed(key: str, found: Found, digest: str, last: DocumentInfo | None, known: Known) -> DocumentInfo:
    """The document until now, or nothing of one, with the place of its file from now on."""
    info = last or nothing(key)
    aside = info.aside if info.aside == digest else ""
    return replace(info, path=str(found.path), folder=known.folder(key, found), aside=aside)


def _forget_gone(change: Change, entries: Mapping[str, Entry], reading: Reading) -> None:
    """Documents whose files left a named folder are forgotten. Where most of a folder is gone, somebody has to say so: it
    may be a disk that is not there."""
    for path in change.paths:
        folder = Path(os.path.abspath(path))
        if not folder.is_dir() or change.only_new:
            continue
        gone, read = gone_from(folder, [one.info for key, one in entries.items() if key not in reading.gone])
        gone = [info for info in gone if info.key not in reading.entries and info.key not in reading.kept]
        if len(gone) > max(_FEW_GONE, read // 2) and not change.prune:
            why = f"{len(gone)} of the {read} documents that were read from this folder are gone from it, and stay in the"
            reading.problems.append(Problem(shown(folder), f"{why} library; is a disk missing? If not: --prune"))
        else:
            reading.gone |= {info.key for info in gone}


def _problem(found: Found, error: Exception, old: Entry | None) -> Problem:
    stays = _STAYS if old is not None else ""
    if isinstance(error, (UnreadableDocument, Undecided)):
        return Problem(shown(found.path), f"{error}{stays}")
    said = " ".join(str(error).split())[:200]
    return Problem(shown(found.path), f"{found.path.name}: cannot be read ({type(error).__name__}: {said}){stays}")


def _listed(groups: frozenset[str]) -> str:
    return ", ".join(sorted(groups))
