"""From a file to blocks: picks the reader by the file's suffix and says in one line why a file cannot be read.

A format is its reader's file and a row of `READERS` for each suffix.

Whatever goes wrong with one file is an UnreadableDocument, so that an ingest can go on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.encodings import UnknownEncoding, decoded
from retrieval.documents.formats.html import read_html
from retrieval.documents.formats.markdown import read_markdown
from retrieval.documents.formats.pdf import read_pdf
from retrieval.documents.formats.text import read_text
from retrieval.types import UnreadableDocument

__all__ = ["LARGEST", "READERS", "Block", "Parsed", "Reader", "find_documents", "parse"]

Reader = Callable[[Path], Parsed]
"""Raises UnreadableDocument with one line that says why, and OSError where the file cannot be read."""

LARGEST = 256 * 2**20


def of_bytes(read: Callable[[bytes], Parsed]) -> Reader:
    """A reader of files from one of their bytes."""
    return lambda path: read(path.read_bytes())


def of_text(read: Callable[[str], Parsed]) -> Reader:
    """A reader of files from one of their text, whatever encoding it is in."""

    def read_file(path: Path) -> Parsed:
        try:
            text = decoded(path.read_bytes())
        except UnknownEncoding as error:
            raise UnreadableDocument(f"{path.name}: {error}") from None
        return read(text)

    return read_file


READERS: dict[str, Reader] = {
    ".md": of_text(read_markdown),
    ".markdown": of_text(read_markdown),
    ".html": of_bytes(read_html),
    ".htm": of_bytes(read_html),
    ".xhtml": of_bytes(read_html),
    ".txt": of_text(read_text),
    ".text": of_text(read_text),
    ".pdf": read_pdf,
}
"""By suffix, in small letters."""


def find_documents(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(key, path) of every readable kind of file: a file by its name, a folder's files by their path inside it."""
    for path in paths:
        if path.is_dir():
            for found in sorted(path.rglob("*")):
                inside = found.relative_to(path)
                hidden = any(part.startswith(".") for part in inside.parts)
                if found.suffix.lower() in READERS and found.is_file() and not hidden:
                    yield inside.as_posix(), found
        else:
            yield path.name, path


def parse(path: Path) -> Parsed:
    """Raises UnreadableDocument with a one-line reason."""
    read = READERS.get(path.suffix.lower())
    if read is None:
        kinds = ", ".join(sorted(READERS))
        raise UnreadableDocument(f"{path.name}: unknown kind '{path.suffix.lower()}'; known: {kinds}")
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableDocument(f"{path.name}: larger than {LARGEST >> 20} MiB; split it")
        parsed = read(path)
    except OSError as error:
        raise UnreadableDocument(f"{path.name}: cannot be read ({error.strerror}); check the path and its rights") from None
    if not parsed.blocks:
        raise UnreadableDocument(f"{path.name}: holds no text")
    if all(block.kind == "heading" for block in parsed.blocks):
        raise UnreadableDocument(f"{path.name}: holds headings alone and no text")
    return parsed
