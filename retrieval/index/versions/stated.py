"""What a file says of its own force: `valid_from` and `valid_until` in the front matter of Markdown and text.

Pure but for reading the file's first bytes. A file says nothing of who may read it: that is the firm's to say, not its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from retrieval.types import UnreadableDocument

_KINDS = frozenset({".md", ".markdown", ".txt", ".text"})
_LONGEST = 16_384  # bytes of front matter
_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_LINE = re.compile(r"^(valid_from|valid_until)[ \t]*:[ \t]*(.*?)[ \t]*(?:#.*)?$", re.M)


@dataclass(frozen=True)
class Validity:
    """The first and the last day of a document's force; None where it is not known."""

    first: date | None = None
    last: date | None = None


UNDATED = Validity()


def stated(path: Path) -> Validity:
    """The dates in a file's front matter. Raises UnreadableDocument where they are no dates, OSError."""
    if path.suffix.lower() not in _KINDS:
        return Validity()
    with open(path, "rb") as file:
        beginning = file.read(_LONGEST).decode("utf-8", "replace").replace("\r\n", "\n")
    block = _FRONT_MATTER.match(beginning)
    found = {name: value.strip("\"'") for name, value in _LINE.findall(block.group(1))} if block else {}
    first, last = (_day(path, name, found.get(name, "")) for name in ("valid_from", "valid_until"))
    return checked(Validity(first, last), path.name)


def checked(validity: Validity, name: str) -> Validity:
    """The same. Raises UnreadableDocument where the last day comes before the first."""
    if validity.first and validity.last and validity.last < validity.first:
        raise UnreadableDocument(f"{name}: is valid until {validity.last}, before it is valid from {validity.first}")
    return validity


def _day(path: Path, name: str, value: str) -> date | None:
    if value in ("", "null", "~"):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UnreadableDocument(f"{path.name}: {name} is no date; write it as 2025-01-31") from None
