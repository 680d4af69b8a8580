"""Which files a call to ingest means: every readable kind of file in the named folders; and what is passed over, with why.

Invariant: each entry of a named folder is found, passed over with a reason, or hidden (its name begins with "." or "~$").
Nothing outside a named folder is found: links that lead out of it, and links to folders, are not followed.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.types import Problem

UNKNOWN = "of unknown kind"
"""How the reason of a file begins that has no reader."""

_TODAY = {
    **dict.fromkeys((".doc", ".wpd", ".wps", ".pages"), ".docx"),
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), ".xlsx"),
    **dict.fromkeys((".ppt", ".pps", ".odp", ".key"), ".pptx"),
}
"""Kinds of files that nobody reads, and what their programs can save instead."""
_HIDDEN = (".", "~$")  # dot files; the locks that office programs lay beside an open document


@dataclass(frozen=True)
class Found:
    """A file to read.

    inside: its path inside the folder that was named, in Unicode's composed form; of a single file its name. path:
    absolute. folder: the one that was named, absolute; of a single file the one that it lies in.
    """

    inside: str
    path: Path
    folder: Path


def find(paths: Iterable[Path], kinds: Container[str]) -> tuple[list[Found], list[Problem]]:
    """What these files and folders hold, each file once, and what is passed over. kinds: suffixes in small letters."""
    found: dict[Path, Found] = {}
    passed_over: list[Problem] = []
    for path in paths:
        named = Path(os.path.abspath(path))  # links stay: a folder keeps its name when its link is moved on
        for one in _inside(named, kinds) if named.is_dir() else [_file(named, named.parent)]:
            if isinstance(one, Problem):
                passed_over.append(one)
            else:
                found.setdefault(one.path, one)
    return list(found.values()), passed_over


def composed(text: str) -> str:
    """One name for one file, however the system that named it writes accents."""
    return unicodedata.normalize("NFC", text)


def shown(path: Path | str) -> str:
    """A path for a reader; bytes that are no UTF-8 as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def unknown(suffix: str) -> str:
    """Why a file of this kind is not read, and what to do where its program has a better one."""
    if not suffix:
        return f"{UNKNOWN}, without a suffix"
    better = _TODAY.get(suffix)
    return f"{UNKNOWN} '{shown(suffix)}'" + (f", save it as {better}" if better else "")


def _inside(folder: Path, kinds: Container[str]) -> Iterator[Found | Problem]:
    """Depth first, by name."""
    real = folder.resolve()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Problem(shown(here), f"the folder cannot be read ({error.strerror}); check its rights")
            continue
        folders = []
        for entry in ordered:
            path = Path(entry.path)
            if entry.name.startswith(_HIDDEN):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            elif reason := _why_not(path, real, kinds):
                yield Problem(shown(path), reason)
            else:
                yield _file(path, folder)
        waiting += reversed(folders)


def _why_not(path: Path, folder: Path, kinds: Container[str]) -> str:
    """Why a folder's entry is no file to read; '' where it is one."""
    if path.is_symlink():
        if path.is_dir():
            return "a link to a folder; name that folder itself"
        if not path.exists():
            return "a link to nothing"
        if not path.resolve().is_relative_to(folder):
            return "a link out of the folder; name that file itself"
    if not path.is_file():
        return "no regular file"
    suffix = path.suffix.lower()
    if suffix not in kinds:
        return unknown(suffix)
    return ""


def _file(path: Path, folder: Path) -> Found | Problem:
    inside = path.relative_to(folder).as_posix()
    try:
        inside.encode("utf-8")
    except UnicodeEncodeError:
        return Problem(shown(path), "its name is not UTF-8; rename it")
    return Found(composed(inside), path, folder)
