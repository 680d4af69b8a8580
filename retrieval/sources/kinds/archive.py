"""What is taken out of an export's archive: entries by their names, and never more of one than a document may have."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

from retrieval.documents.parse import LARGEST
from retrieval.types import UnreadableDocument


@dataclass(frozen=True)
class Entry:
    """A page or an attachment of an export. page: its content as HTML; entry: else the name of its file in the archive."""

    id: str
    name: str
    page: str | None = None
    entry: str = ""
    rights: tuple[frozenset[str], ...] = ()


def content_of(archive: zipfile.ZipFile, entry: str) -> bytes:
    """An entry's bytes, and never more than a document may have. Raises UnreadableDocument."""
    try:
        with archive.open(entry) as file:
            content = file.read(LARGEST + 1)
    except (KeyError, OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError):
        raise UnreadableDocument("is damaged in the export; export the space again") from None
    if len(content) > LARGEST:
        raise UnreadableDocument(f"larger than {LARGEST >> 20} MiB; split it")
    return content
