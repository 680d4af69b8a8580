"""Brings the library to what a source holds: fetches what is new, follows renames and removals, sets the readers.

The order of a sync: list, plan, fetch, record, change the library, remember. Whenever a crash comes, the next sync goes on
from the library as it is: what is remembered only spares fetching.

Invariant: when a sync has ended, no document of the source has readers that the firm's mapping does not give it now; one
whose new state could not be read keeps its text with the new readers, or goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

from retrieval.documents.find import UNKNOWN, Found, composed, shown
from retrieval.documents.parse import READERS, Reader, parse
from retrieval.index.cutting.cut import Cutting
from retrieval.index.identity import digest_of
from retrieval.index.ingest import Record, quiet, unrecorded
from retrieval.index.reading import RULES, Change
from retrieval.library import Library
from retrieval.sources.mirror import Known, KnownFile, Mirror, State, Taken
from retrieval.sources.plan import Plan, plan
from retrieval.sources.report import Given, SyncReport
from retrieval.sources.rights import Rights
from retrieval.sources.types import Item, Source, SourceUnavailable
from retrieval.types import DocumentInfo, IngestReport, Problem, Progress, UnreadableDocument

_REMEMBER_EVERY = 100  # new items, so that a first sync that is broken off need not fetch all again


def sync(
    name: str,
    source: Source,
    rights: Rights,
    library: Library,
    root: Path,
    *,
    record: Record = unrecorded,
    read: Reader = parse,
    cut: Cutting | None = None,
    ignored: Collection[str] = (),
    progress: Progress = quiet,
    dry_run: bool = False,
    prune: bool = False,
) -> SyncReport:
    """One source, once. root: where fetched files and what is remembered lie. ignored: suffixes, in small letters,
    of files that are not meant, though they could be read. read, cut: as `Library.ingest` takes them. `record` is told of
    each change of the library before it is in force; what it raises leaves the library as it is.

    Raises LibraryBusy, and what `record` raises.
    """
    mirror, kinds = Mirror(root, name), READERS.keys() - ignored
    with mirror.locked():
        state = mirror.read()
        try:
            listing = source.look()
        except SourceUnavailable as error:
            source.close()
            return _unavailable(name, error, library.digest, None if dry_run else mirror, state)
        try:
            made = plan(listing, state.items, rights, kinds, again=state.rules != RULES, prune=prune)
            if dry_run:
                return _foretold(name, made, state)
            one = _Sync(name, source, library, mirror, state, made, kinds)
            one.fetch(progress)
        finally:
            source.close()
        return one.finish(record, partial(Change, read=read, cut=cut), progress)


def _unavailable(name: str, error: SourceUnavailable, digest: str, mirror: Mirror | None, state: State) -> SyncReport:
    problems = (Problem(name, str(error)),)
    told = _told(problems)
    if mirror is not None and told != state.told:
        mirror.write(replace(state, told=told))
    return SyncReport(name, problems=problems, digest=digest, news=told != state.told, unavailable=True)


def _told(problems: tuple[Problem, ...]) -> str:
    return hashlib.sha256(repr(problems).encode("utf-8", "backslashreplace")).hexdigest() if problems else ""


def _foretold(name: str, made: Plan, state: State) -> SyncReport:
    given = []
    for item, groups in made.fetch:
        old = state.items.get(item.id)
        change = "new" if old is None else "moved" if old.version == item.version else "changed"
        given.append(Given(item.name, change, "", groups))
    failed, passed = _left_out([*made.problems, *([Problem(name, made.missing)] if made.missing else [])])
    gone = tuple(state.items[id].name for id in (*made.gone, *made.closed))
    passed = (*made.passed_over, *passed)
    return SyncReport(name, tuple(given), gone, len(made.keep), failed, passed, tuple(made.nobody))


def _left_out(problems: Iterable[Problem]) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """What could not be read, and what is of kinds that nobody reads."""
    found = [Problem(*one) for one in sorted({(one.path, one.reason) for one in problems})]
    passed = tuple(one for one in found if one.reason.startswith(UNKNOWN))
    return tuple(one for one in found if one not in passed), passed


class _Sync:
    """One sync under way; used once, by one thread."""

    def __init__(
        self,
        name: str,
        source: Source,
        library: Library,
        mirror: Mirror,
        state: State,
        made: Plan,
        kinds: Container[str],
    ) -> None:
        self._name, self._source, self._library, self._mirror = name, source, library, mirror
        self._state, self._plan, self._kinds = state, made, kinds
        self._items = dict(state.items)
        self._problems = [*made.problems, *([Problem(name, made.missing)] if made.missing else [])]
        self._readers: dict[str, frozenset[str]] = {}  # of each item that stays or comes, by id

    # --- from the source to the disk ---------------------------------------------------------------

    def fetch(self, progress: Progress) -> None:
        """Fetches what is new or changed. An item that fails costs itself alone."""
        taken = Taken(Path(file.path) for one in self._items.values() for file in one.files)
        lost = [one for one in self._plan.keep if not all(Path(file.path).exists() for file in self._items[one[0].id].files)]
        self._readers.update((item.id, groups) for item, groups in self._plan.keep)
        waiting = [*self._plan.fetch, *lost]
        total = len(waiting)
        for number, (item, groups) in enumerate(waiting):
            progress(number, total, "fetching")
            self._readers[item.id] = groups
            old = self._items.get(item.id)
            try:
                known = self._taken_over(item, taken, old)
            except (UnreadableDocument, SourceUnavailable) as error:
                stays = "; what was read of it before stays in the library" if old is not None else ""
                self._problems.append(Problem(item.name, f"{error}{stays}"))
                continue
            self._items[item.id] = known
            if old is None and number % _REMEMBER_EVERY == _REMEMBER_EVERY - 1:
                came = {id: one for id, one in self._items.items() if id not in self._state.items}
                self._mirror.write(replace(self._state, items={**self._state.items, **came}))
        progress(total, total, "fetched")

    def _taken_over(self, item: Item, taken: Taken, old: Known | None) -> Known:
        if item.path is not None:
            return Known(item.name, item.version, (KnownFile(str(item.path), digest_of(item.path)),))
        own = {Path(file.path) for file in old.files} if old is not None else set()
        files, problems = [], []
        for file in self._source.fetch(item):
            suffix = PurePosixPath(file.name).suffix.lower()
            if suffix not in self._kinds:
                problems.append((file.name, f"{UNKNOWN} '{suffix}'" if suffix else f"{UNKNOWN}, without a suffix"))
                continue
            path = self._mirror.place(file.name, item.id, taken, own)
            self._mirror.put(path, file.content)
            files.append(KnownFile(str(path), hashlib.sha256(file.content).hexdigest()))
        return Known(item.name, item.version, tuple(files), tuple(problems))

    # --- from the disk to the library --------------------------------------------------------------

    def finish(self, record: Record, change: Callable[..., Change], progress: Progress) -> SyncReport:
        """Changes the library, and remembers what it was changed to."""
        gone = {*self._plan.gone, *self._plan.closed}
        self._items = {id: one for id, one in self._items.items() if id not in gone}
        owner = {file.path: id for id, one in self._items.items() for file in one.files}
        have = {info.path: info for info in self._library.everything() if info.path}
        leaving = [have[path] for path in self._leaving(owner, have)]
        given, files, unchanged = self._given(owner, have, {info.digest for info in leaving})
        for former in {file.path for one in self._state.items.values() for file in one.files} - owner.keys():
            self._mirror.drop(Path(former))  # now: a document is known to be moved where its former file is gone
        report = self._change(files, leaving, record, change, progress)
        unread = {problem.path: problem.reason for problem in report.problems} if report else {}
        self._note_problems(owner, unread)
        closed = self._close_what_stayed_open(owner, record)
        for path in self._mirror.files() - {Path(path) for path in owner}:
            self._mirror.drop(path)
        failed, passed = _left_out([*self._problems, *self._kept_problems()])
        told = _told(failed)
        self._mirror.write(State(self._items, RULES, told))
        return SyncReport(
            self._name,
            tuple(one for path, one in given.items() if shown(path) not in unread),
            (*(report.removed if report else ()), *closed),
            unchanged,
            failed,
            (*self._plan.passed_over, *passed),
            tuple(self._plan.nobody),
            report.remarks if report else (),
            (*report.added, *report.changed) if report else (),
            self._library.digest,
            told != self._state.told,
        )

    def _leaving(self, owner: Mapping[str, str], have: Mapping[str, DocumentInfo]) -> list[str]:
        """Paths of documents that are this source's and whose items are gone: as remembered, and, should that be lost, what
        lies where only this source's files lie."""
        known = {file.path for one in self._state.items.values() for file in one.files}
        root = self._source.root
        for path in have:
            inside = Path(path).is_relative_to(self._mirror.folder)
            vanished = root is not None and Path(path).is_relative_to(root) and not self._plan.missing
            if inside or (vanished and not self._plan.unseen and not Path(path).exists()):
                known.add(path)
        return sorted(path for path in known if path in have and path not in owner)

    def _given(
        self, owner: Mapping[str, str], have: Mapping[str, DocumentInfo], leaving: Container[str]
    ) -> tuple[dict[str, Given], dict[Found, frozenset[str]], int]:
        """What changes, by path; the files to read for it; how many documents stay as they are. leaving: digests of what is
        about to go: the same bytes elsewhere were moved there."""
        again = self._state.rules != RULES
        given: dict[str, Given] = {}
        files: dict[Found, frozenset[str]] = {}
        unchanged = 0
        for path, id in sorted(owner.items()):
            one = self._items[id]
            groups = self._readers.get(id)
            if groups is None or path in {name for name, _ in one.problems}:  # not seen this time; or known to be unreadable
                continue
            file = next(file for file in one.files if file.path == path)
            info = have.get(path)
            if info is not None and file.digest in (info.digest, info.aside) and info.access == groups:
                unchanged += 1
                if again:
                    files[self._found(Path(path))] = groups
                continue
            given[path] = Given(self._named(path, one), _change_of(info, file, leaving), file.digest, groups)
            files[self._found(Path(path))] = groups
        return given, files, unchanged

    def _change(
        self,
        files: Mapping[Found, frozenset[str]],
        leaving: Iterable[DocumentInfo],
        record: Record,
        change: Callable[..., Change],
        progress: Progress,
    ) -> IngestReport | None:
        keys = [info.key for info in leaving]
        if not files and not keys:
            return None
        return self._library.apply(change(given=files, remove=frozenset(keys)), progress, record=record)

    def _note_problems(self, owner: Mapping[str, str], unread: Mapping[str, str]) -> None:
        """Remembers with its item which file could not be read, so that it is tried again only when something changed."""
        for path, id in owner.items():
            reason = unread.get(shown(path))
            if reason is not None:
                one = self._items[id]
                self._items[id] = replace(one, problems=(*one.problems, (path, reason)))

    def _kept_problems(self) -> Iterable[Problem]:
        for one in self._items.values():
            paths = {file.path for file in one.files}
            for name, reason in one.problems:
                yield Problem(self._named(name, one) if name in paths else name, reason)

    def _close_what_stayed_open(self, owner: Mapping[str, str], record: Record) -> tuple[str, ...]:
        """Takes out documents whose new version could not be read and whose readers are no longer the old ones."""
        wide = [
            info.key
            for info in self._library.everything()
            if (groups := self._readers.get(owner.get(info.path, ""))) is not None and not info.access <= groups
        ]
        return self._library.remove(wide, record=record) if wide else ()

    def _found(self, path: Path) -> Found:
        folder = self._source.root or self._mirror.root
        return Found(composed(path.relative_to(folder).as_posix()), path, folder)

    def _named(self, path: str, one: Known) -> str:
        """The name of one of an item's files for a reader."""
        if len(one.files) == 1:
            return one.name
        return shown(Path(path).relative_to(self._mirror.folder))


def _change_of(info: DocumentInfo | None, file: KnownFile, leaving: Container[str]) -> str:
    if info is None:
        return "moved" if file.digest in leaving else "new"
    return "readers" if file.digest in (info.digest, info.aside) else "changed"
