"""Which version of its document a file is: where it lies, from when it is in force, and what it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from retrieval.index.entries import Entry
from retrieval.index.identity import UPLOADED, digest_of
from retrieval.index.versions.changes import former
from retrieval.index.versions.stated import Validity, checked
from retrieval.types import DocumentInfo


def as_version(key: str, digest: str, old: DocumentInfo | None) -> DocumentInfo:
    """The document until now, or nothing of one, where the file was given as a version of it, wherever it lies itself."""
    if old is None:
        return replace(nothing(key), path=UPLOADED + key)
    lies_there = Path(old.path) if old.path and not old.path.startswith(UPLOADED) else None
    there = digest_of(lies_there) if lies_there is not None and lies_there.is_file() else ""
    return replace(old, aside=there if there != digest else "")


def nothing(key: str) -> DocumentInfo:
    """A document of which nothing is known but its key."""
    return DocumentInfo(key, "", "", "", "", frozenset(), None, 0)


def succeeding(
    fresh: Entry, placed: DocumentInfo, old: Entry | None, given: Validity, since: date | None, named: bool
) -> tuple[Entry, Entry | None]:
    """The entry with its dates, its version and its place; and the one that it follows, where that is to stay.

    given: dates whatever the file says itself; since: from when it is in force where nothing else says so; named: the file
    was given as a version of this document. Raises UnreadableDocument where dates do not fit together.
    """
    said = Validity(given.first or fresh.info.valid_from, given.last or fresh.info.valid_until)
    kept = None
    if old is not None and old.info.digest != fresh.info.digest:
        later = said.first is not None and (old.info.valid_from is None or said.first > old.info.valid_from)
        if since is not None or (later and not named):
            first = said.first or since
            assert first is not None
            said = Validity(first, said.last)
            kept = former(old, first)
    if kept is None:  # a correction has the dates of what it corrects
        said = Validity(said.first or placed.valid_from, said.last or placed.valid_until)
    checked(said, fresh.info.source)
    info = replace(
        fresh.info,
        path=placed.path,
        folder=placed.folder,
        aside=placed.aside,
        version=placed.version + (kept is not None),
        valid_from=said.first,
        valid_until=said.last,
    )
    return replace(fresh, info=info), kept


def dated(info: DocumentInfo, given: Validity) -> DocumentInfo:
    """A document that is not read again, with the given dates or else its own. Raises UnreadableDocument."""
    dates = checked(Validity(given.first or info.valid_from, given.last or info.valid_until), info.source)
    return replace(info, valid_from=dates.first, valid_until=dates.last)
