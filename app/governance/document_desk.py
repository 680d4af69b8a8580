"""The life of a document: listed, shown, added, replaced, restored, changed and removed; each change with a reason.

The command line, the HTTP API and the console come here. Invariant: a change is in the log before it is in force. What was
removed is gone: only a former version can be restored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from app.governance.document_events import iso
from retrieval.documents.find import composed
from retrieval.documents.parse import READERS, Reader
from retrieval.index.identity import UPLOADED, gone
from retrieval.index.ingest import Record
from retrieval.index.reading import Change
from retrieval.index.versions.changes import Attributes
from retrieval.index.versions.stated import UNDATED, Validity
from retrieval.library import Library, today
from retrieval.types import DocumentInfo, DocumentRefused, IngestReport, Progress, UnknownDocument

LONGEST_REASON = 500
_LONGEST_NAME = 200


@dataclass(frozen=True)
class By:
    """Who changes the library, as a pseudonym, and why. Raises DocumentRefused where no reason is given."""

    actor: str
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip() or len(self.reason) > LONGEST_REASON or not self.reason.isprintable():
            raise DocumentRefused(
                f"a reason is needed, of at most {LONGEST_REASON} characters: an auditor will read it one day"
            )


@dataclass(frozen=True)
class Family:
    """A document and its former versions, the newest first."""

    latest: DocumentInfo
    former: Sequence[DocumentInfo]


Recorders = Callable[[By, bool], Record]
"""Who tells the log of a change by somebody; whether it is a restoration."""


class DocumentDesk:
    """Changes one library. Holds nothing between calls."""

    def __init__(self, library: Library, recorder: Recorders, lock_timeout: float = 600.0) -> None:
        self._library, self._recorder, self._wait = library, recorder, lock_timeout

    def listed(self, search: str = "") -> list[Family]:
        """The documents by key; those whose key, title, group or id holds the words searched for, whatever their case."""
        wanted = search.casefold().split()
        former: dict[str, list[DocumentInfo]] = {}
        latest: list[DocumentInfo] = []
        for one in self._library.everything():
            (former.setdefault(one.of, []) if one.of else latest).append(one)
        return [
            Family(one, sorted(former.get(one.key, ()), key=lambda other: -other.version))
            for one in latest
            if all(word in " ".join((one.key, one.title, one.id, *sorted(one.access))).casefold() for word in wanted)
        ]

    def family(self, name: str) -> Family:
        """The document of a key, file or id, with all its versions. Raises UnknownDocument."""
        key = self._library.find(name).name
        return next(one for one in self.listed() if one.latest.key == key)

    def remove(self, names: Iterable[str], by: By) -> list[DocumentInfo]:
        """Forgets documents with their former versions, or a former version alone. Raises UnknownDocument."""
        before = {one.key: one for one in self._library.everything()}
        removed = self._library.remove(names, record=self._recorder(by, False), lock_timeout=self._wait)
        return [before[key] for key in removed]

    def change(self, name: str, attributes: Attributes, by: By) -> DocumentInfo:
        """Other groups or dates, without reading the document again. Groups are those of all its versions. Raises
        UnknownDocument, DocumentRefused."""
        found = self._library.find(name)
        if found.of and "access" in attributes:
            raise DocumentRefused(f"{found.key}: is read by those who read {found.of}; change the groups of that one")
        self._apply(Change(alter={found.key: attributes}), by)
        return self._library.find(found.key)

    def restore(self, name: str, by: By, version: int | None = None, since: date | None = None) -> DocumentInfo:
        """A former version in force again from a day on (today), by default the one before the latest. Raises
        UnknownDocument, DocumentRefused."""
        try:
            found = self._library.find(name)
        except UnknownDocument as error:
            raise UnknownDocument(
                f"{error}. What was removed is gone and cannot be restored: ingest its file again"
            ) from None
        family = self.family(found.name)
        former = [one for one in family.former if version in (None, one.version)]
        if found.of and version is None:
            former = [found]
        if not former:
            known = ", ".join(str(one.version) for one in family.former) or "none"
            raise DocumentRefused(
                f"{found.name}: no former version {version or ''} is kept; kept are: {known}".replace("  ", " ")
            )
        self._apply(Change(restore={former[0].key: since or today()}), by, restores=True)
        return self._library.find(found.name)

    def add(
        self, path: Path, key: str, access: frozenset[str] | None, validity: Validity, read: Reader, by: By
    ) -> IngestReport:
        """A document from a file that does not stay where it is. key: what it is called. Raises DocumentRefused."""
        key = named(key)
        if any(one.key == key for one in self._library.everything()):
            raise DocumentRefused(f"{key}: is in the library already; replace it, or give the new one another name")
        change = Change((path,), access or frozenset({"public"}), key=key, validity=validity, read=read, only_new=True)
        return self._read(change, by)

    def replace(
        self,
        name: str,
        path: Path,
        by: By,
        read: Reader,
        validity: Validity = UNDATED,
        *,
        correction: bool = False,
        progress: Progress | None = None,
    ) -> IngestReport:
        """The document's next version from a file. The version until now stays as a former one until the day before the
        next one's (which is today where neither the file nor `validity` says otherwise); of a correction it goes. Raises
        UnknownDocument, DocumentRefused."""
        found = self._library.find(name)
        since = None if correction else today()
        change = Change((path,), key=found.name, validity=validity, read=read, since=since)
        return self._read(change, by, progress)

    def _read(self, change: Change, by: By, progress: Progress | None = None) -> IngestReport:
        report = self._apply(change, by, progress)
        if report.problems:
            raise DocumentRefused(report.problems[0].reason)
        return report

    def _apply(self, change: Change, by: By, progress: Progress | None = None, *, restores: bool = False) -> IngestReport:
        told = {} if progress is None else {"progress": progress}
        record = self._recorder(by, restores)
        return self._library.apply(change, record=record, lock_timeout=self._wait, **told)


def named(key: str) -> str:
    """A name for a document that came without a folder, in Unicode's composed form. Raises DocumentRefused."""
    key = composed(key.strip().strip("/"))
    if not key or len(key) > _LONGEST_NAME or not key.isprintable() or ".." in key.split("/"):
        raise DocumentRefused(f"a name like fees/2026.pdf is needed, of at most {_LONGEST_NAME} characters")
    if Path(key).suffix.lower() not in READERS:
        raise DocumentRefused(f"{key}: of unknown kind; known: {', '.join(sorted(READERS))}")
    return key


def state(one: DocumentInfo, day: date) -> str:
    """`in force`, `not yet in force`, `no longer in force` or `former`."""
    if one.of:
        return "former"
    if one.valid_from and one.valid_from > day:
        return "not yet in force"
    return "in force" if one.in_force(day) else "no longer in force"


def file_state(one: DocumentInfo) -> str:
    """What is known of the document's file: `there`, `gone`, `uploaded` or `unknown`."""
    if one.path.startswith(UPLOADED):
        return "uploaded"
    return "unknown" if not one.path else "gone" if gone(one) else "there"


def view(one: DocumentInfo) -> dict[str, Any]:
    """A document's version as JSON, for those who look after the library."""
    return {
        "id": one.id,
        "key": one.key,
        "title": one.title,
        "version": one.version,
        "of": one.of or None,
        "force": state(one, today()),
        "valid_from": iso(one.valid_from),
        "valid_until": iso(one.valid_until),
        "groups": sorted(one.access),
        "pages": one.pages,
        "passages": one.chunks,
        "digest": one.digest,
        "file": one.path if os.path.isabs(one.path) else None,
        "state": file_state(one),
    }


def unknown_groups(groups: Iterable[str], known: Iterable[str]) -> list[str]:
    """Groups that no key has: who is named so reads nothing. Empty where there are no keys yet."""
    there = set(known)
    return sorted(set(groups) - there) if there else []
