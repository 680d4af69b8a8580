"""Which document a file is, and who may read one that nobody was named for.

A document is known by its file's path, whichever folder it was named through; a file that was moved unchanged is known by
its bytes. Two folders' files of one name are two documents: the second one's key begins with its folder's name.

Invariant: without a word of the caller no document gets readers that it, its bytes or its folder had not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from retrieval.documents.find import Found, composed
from retrieval.index.entries import Entry
from retrieval.types import DocumentInfo, RetrievalError, UnknownDocument, UnreadableDocument

DEFAULT = frozenset({"public"})
"""Who may read a document where nothing else is known."""

UPLOADED = "upload:"
"""How the path of a document begins that came without a file of this machine."""


class Undecided(RetrievalError):
    """Nobody was named who may read a file, and what is known of its folder does not tell."""


class Known:
    """The documents of a library at the beginning of an ingest. Used by one thread; ask for every file's key first."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._documents = {key: entry.info for key, entry in entries.items()}
        self._taken = set(self._documents)
        self._by_path = {composed(info.path): key for key, info in self._documents.items() if info.path}
        self._by_digest: dict[str, list[str]] = {}
        for key, info in self._documents.items():
            self._by_digest.setdefault(info.digest, []).append(key)
        self._moved: set[str] = set()

    def key(self, found: Found) -> str:
        """The key of the document that this file is, or a free one."""
        path = composed(str(found.path))
        if path not in self._by_path:
            older = self._documents.get(found.inside)
            if older is not None and not older.path:  # of a version that kept no paths: known by the key alone, once
                self._documents[found.inside] = replace(older, path=str(found.path), folder=str(found.folder))
                self._by_path[path] = found.inside
            else:
                self._by_path[path] = self._free(found)
        return self._by_path[path]

    def folder(self, key: str, found: Found) -> str:
        """The outermost folder that the document was ever named through."""
        info = self._documents.get(key)
        before = info.folder if info is not None and found.path.is_relative_to(info.folder or found.path) else ""
        return min((one for one in (before, str(found.folder)) if one), key=len)

    def moved_from(self, digest: str) -> DocumentInfo | None:
        """The document of these bytes whose file is no longer where it was; told once."""
        for key in self._by_digest.get(digest, ()):
            info = self._documents[key]
            if key not in self._moved and gone(info):
                self._moved.add(key)
                return info
        return None

    def readers(self, found: Found, digest: str) -> tuple[frozenset[str], str]:
        """Who may read a new document that nobody was named for, and why: as its copies, as the documents of the nearest
        folder around it, or everybody.

        Raises Undecided where these have different readers.
        """
        copies = {self._documents[key].access for key in self._by_digest.get(digest, ())}
        if copies:
            return _one(copies, "its copies", found)
        beside, below = self._folders
        for folders in (beside, below):
            for parent in found.path.parents:
                if str(parent) in folders:
                    return _one(folders[str(parent)], "the documents of its folder", found)
        return DEFAULT, ""

    @cached_property
    def _folders(self) -> tuple[dict[str, set[frozenset[str]]], dict[str, set[frozenset[str]]]]:
        """By folder, as far up as any was named: the groups of the documents in it, and of those anywhere below it."""
        beside: dict[str, set[frozenset[str]]] = {}
        below: dict[str, set[frozenset[str]]] = {}
        for info in self._documents.values():
            parents = Path(info.path).parents if Path(info.path).is_absolute() else ()
            if parents:
                beside.setdefault(str(parents[0]), set()).add(info.access)
            for parent in parents:
                if not parent.is_relative_to(info.folder):
                    break
                below.setdefault(str(parent), set()).add(info.access)
        return beside, below

    def _free(self, found: Found) -> str:
        """The path inside the folder, led in by as many of the folders above it as it takes to be nobody else's."""
        parts = Path(composed(str(found.path))).parts
        names = ("/".join(parts[-length:]) for length in range(found.inside.count("/") + 1, len(parts) + 1))
        key = next(name for name in names if name not in self._taken)
        self._taken.add(key)
        return key


def named(name: str, documents: Sequence[DocumentInfo]) -> DocumentInfo:
    """The document of a key, a file or an id, or of a name without suffix where one alone is called so. Raises
    UnknownDocument."""
    latest = [one for one in documents if not one.of]
    exactly = [one for one in documents if one.key == name] or [one for one in latest if one.path and one.path == name]
    exactly = exactly or [one for one in latest if one.id == name] or [one for one in documents if one.id == name][-1:]
    found = exactly or [one for one in latest if name in (one.document, one.source)]
    if len(found) > 1:
        keys = ", ".join(one.key for one in found)
        raise UnknownDocument(f"{name}: several documents are called so; name one of {keys}")
    if not found:
        raise UnknownDocument(f"{name}: no document of the library; see: countersign documents list")
    return found[0]


def gone_from(folder: Path, documents: Iterable[DocumentInfo]) -> tuple[list[DocumentInfo], int]:
    """The documents read from inside this folder whose files are there no more; and how many were read from it."""
    inside = [info for info in documents if info.path and Path(info.path).is_relative_to(folder)]
    return [info for info in inside if gone(info)], len(inside)


def gone(info: DocumentInfo) -> bool:
    """Whether a document has a file that is no longer where it was read."""
    return bool(info.path) and not info.path.startswith(UPLOADED) and not os.path.lexists(info.path)


def digest_of(path: Path) -> str:
    """SHA-256 of a file. Raises UnreadableDocument."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableDocument(f"{path.name}: cannot be read ({error.strerror}); check the path and its rights") from None


def _one(groups: set[frozenset[str]], which: str, found: Found) -> tuple[frozenset[str], str]:
    if len(groups) > 1:
        raise Undecided(f"{found.inside}: {which} are read by different groups; say who may read it (--access GROUP)")
    return next(iter(groups)), f"as {which}"
