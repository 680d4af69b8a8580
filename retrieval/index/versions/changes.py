"""How one version of a document follows another, and what a generation changes. Pure: entries in, entries out.

Invariant: a document's former versions are read by those who read the document, and go when it goes. The key of a former
version is its document's with "@v" and its number; no file has such a name, since it has no suffix that is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TypedDict

from retrieval.graph.stored import OtherVersion, decode, encode
from retrieval.index.entries import Entry
from retrieval.types import DocumentRefused, LibraryChange, UnknownDocument

Entries = dict[str, Entry]


class Attributes(TypedDict, total=False):
    """What can be changed of a document without reading it again."""

    access: frozenset[str]
    valid_from: date | None
    valid_until: date | None


def former(entry: Entry, since: date) -> Entry:
    """A version that stays while another is in force from `since` on."""
    info = entry.info
    key = f"{info.key}@v{info.version}"
    last = max(since - timedelta(days=1), info.valid_from or date.min)
    last = min(last, info.valid_until or date.max)
    kept = replace(info, key=key, of=info.key, path="", folder="", aside="", valid_until=last)
    return replace(entry, info=kept, graph=_renamed(entry.graph, key))


def restored(entries: Mapping[str, Entry], key: str, since: date) -> Entries:
    """With a former version in force again from `since` on, as a new one; the one until now is former. Raises
    DocumentRefused."""
    old = _known(entries, key)
    if not old.info.of:
        raise DocumentRefused(
            f"{key}: is the latest version; a former one can be restored, see: countersign documents show {key}"
        )
    latest = entries[old.info.of]
    lies_there = latest.info.aside or latest.info.digest
    info = replace(
        old.info,
        key=old.info.of,
        of="",
        version=latest.info.version + 1,
        valid_from=since,
        valid_until=None,
        path=latest.info.path,
        folder=latest.info.folder,
        aside=lies_there if lies_there != old.info.digest else "",
    )
    kept = former(latest, since)
    again = replace(old, info=info, graph=_renamed(old.graph, info.key))
    return {**entries, kept.info.key: kept, again.info.key: again}


def altered(entries: Mapping[str, Entry], attributes: Mapping[str, Attributes]) -> Entries:
    """With other rights or dates, by key. Raises DocumentRefused where dates do not fit together."""
    result = dict(entries)
    for key, given in attributes.items():
        info = replace(_known(entries, key).info, **given)
        if info.valid_from and info.valid_until and info.valid_until < info.valid_from:
            raise DocumentRefused(f"{key}: would be valid until {info.valid_until}, before it is from {info.valid_from}")
        if not info.access:
            raise DocumentRefused(f"{key}: nobody would read it; name a group, or remove it")
        result[key] = replace(entries[key], info=info)
    return result


def aligned(entries: Mapping[str, Entry]) -> Entries:
    """Former versions with their document's readers; without those whose document is gone."""
    result: Entries = {}
    for key, entry in entries.items():
        if not entry.info.of:
            result[key] = entry
        elif entry.info.of in entries:
            access = entries[entry.info.of].info.access
            result[key] = replace(entry, info=replace(entry.info, access=access))
    return result


def with_former(keys: Iterable[str], entries: Mapping[str, Entry]) -> frozenset[str]:
    """These documents with their former versions."""
    wanted = frozenset(keys)
    return wanted | {key for key, entry in entries.items() if entry.info.of in wanted}


def difference(old: Mapping[str, Entry], new: Mapping[str, Entry], before: str, after: str) -> LibraryChange:
    """What is another way in the new entries. Where a file lies is no change of the library."""
    both = sorted(set(old) & set(new))
    bytes_of = {key: (old[key].info.digest, old[key].rules) != (new[key].info.digest, new[key].rules) for key in both}
    fresh = [new[key].info for key in sorted(set(new) - set(old))]
    return LibraryChange(
        added=tuple(info for info in fresh if not info.of),
        replaced=tuple((old[key].info, new[key].info) for key in both if bytes_of[key]),
        changed=tuple(
            (old[key].info, new[key].info) for key in both if not bytes_of[key] and _told(old[key]) != _told(new[key])
        ),
        removed=tuple(old[key].info for key in sorted(set(old) - set(new))),
        former=tuple(info for info in fresh if info.of),
        before=before,
        after=after,
    )


def moved(entries: Mapping[str, Entry], renamed: Mapping[str, str]) -> Entries:
    """With the former versions of moved documents under their documents' new keys. renamed: old key to new key."""
    result: Entries = {}
    for key, entry in entries.items():
        if (to := renamed.get(entry.info.of)) is not None:
            key = f"{to}@v{entry.info.version}"
            entry = replace(entry, info=replace(entry.info, key=key, of=to), graph=_renamed(entry.graph, key))
        result[key] = entry
    return result


def _known(entries: Mapping[str, Entry], key: str) -> Entry:
    if key not in entries:
        raise UnknownDocument(f"{key}: no document of the library; see: countersign documents list")
    return entries[key]


def _told(entry: Entry) -> tuple[object, ...]:
    info = entry.info
    return info.access, info.version, info.valid_from, info.valid_until


def _renamed(graph: bytes, key: str) -> bytes:
    """A stored graph under another key; one of an older version is left out, as it is not read anyhow."""
    if not graph:
        return b""
    try:
        return encode(replace(decode(graph), key=key))
    except OtherVersion:
        return b""
