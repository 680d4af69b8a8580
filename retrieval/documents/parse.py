"""From a file to blocks: picks the reader by the file's suffix and says in one line why a file cannot be read.

Whatever goes wrong with one file is an UnreadableDocument, so that an ingest can go on with the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.encodings import UnknownEncoding, decoded
from retrieval.documents.formats.html import read_html
from retrieval.documents.formats.markdown import read_markdown
from retrieval.documents.formats.pdf import read_pdf
from retrieval.documents.formats.text import read_text
from retrieval.types import UnreadableDocument

__all__ = ["LARGEST", "SUFFIXES", "Block", "Parsed", "find_documents", "parse"]

MARKDOWN = frozenset({".md", ".markdown"})
HTML = frozenset({".html", ".htm", ".xhtml"})
TEXT = frozenset({".txt", ".text"})
PDF = frozenset({".pdf"})
SUFFIXES = MARKDOWN | HTML | TEXT | PDF
LARGEST = 256 * 2**20


def find_documents(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(key, path) of every readable kind of file: a file by its name, a folder's files by their path inside it."""
    for path in paths:
        if path.is_dir():
            for found in sorted(path.rglob("*")):
                inside = found.relative_to(path)
                hidden = any(part.startswith(".") for part in inside.parts)
                if found.suffix.lower() in SUFFIXES and found.is_file() and not hidden:
                    yield inside.as_posix(), found
        else:
            yield path.name, path


def parse(path: Path) -> Parsed:
    """Raises UnreadableDocument with a one-line reason."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnreadableDocument(f"{path.name}: unknown kind '{suffix}'; known: {', '.join(sorted(SUFFIXES))}")
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableDocument(f"{path.name}: larger than {LARGEST >> 20} MiB; split it")
        if suffix in PDF:
            return read_pdf(path)
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableDocument(f"{path.name}: cannot be read ({error.strerror}); check the path and its rights") from None
    parsed = read_html(content) if suffix in HTML else _read_decoded(content, path)
    if not parsed.blocks:
        raise UnreadableDocument(f"{path.name}: holds no text")
    if all(block.kind == "heading" for block in parsed.blocks):
        raise UnreadableDocument(f"{path.name}: holds headings alone and no text")
    return parsed


def _read_decoded(content: bytes, path: Path) -> Parsed:
    try:
        text = decoded(content)
    except UnknownEncoding as error:
        raise UnreadableDocument(f"{path.name}: {error}") from None
    return read_markdown(text) if path.suffix.lower() in MARKDOWN else read_text(text)
