"""From a file to blocks: picks the reader by the file's suffix and says in one line why a file cannot be read.

A format is its reader's file and a row of `READERS` for each suffix.

Whatever goes wrong with one file is an UnreadableDocument, so that an ingest can go on with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.encodings import UnknownEncoding, decoded_as
from retrieval.documents.find import Found, find, unknown
from retrieval.documents.formats.csv import read_csv
from retrieval.documents.formats.docx import read_docx
from retrieval.documents.formats.epub import read_epub
from retrieval.documents.formats.html import read_html
from retrieval.documents.formats.mail import read_eml, read_msg
from retrieval.documents.formats.markdown import read_markdown
from retrieval.documents.formats.odt import read_odt
from retrieval.documents.formats.pdf import read_pdf
from retrieval.documents.formats.pptx import read_pptx
from retrieval.documents.formats.rtf import read_rtf
from retrieval.documents.formats.text import read_text
from retrieval.documents.formats.xlsx import read_xlsx
from retrieval.documents.ocr.image import read_image
from retrieval.types import Problem, UnreadableDocument

__all__ = ["LARGEST", "READERS", "Block", "Found", "Parsed", "Reader", "find_documents", "parse"]

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
            found = decoded_as(path.read_bytes())
        except UnknownEncoding as error:
            raise UnreadableDocument(f"{path.name}: {error}") from None
        parsed = read(found.text)
        note = f"read as {found.concluded}, told by its letters alone; save it as UTF-8 to be sure"
        return replace(parsed, notes=(note, *parsed.notes)) if found.concluded else parsed

    return read_file


def attachment(path: Path) -> Parsed:
    """What is attached to a message, by the reader of its kind."""
    return parse(path)


READERS: dict[str, Reader] = {
    **dict.fromkeys((".md", ".markdown"), of_text(read_markdown)),
    **dict.fromkeys((".html", ".htm", ".xhtml"), of_bytes(read_html)),
    **dict.fromkeys((".txt", ".text"), of_text(read_text)),
    ".pdf": read_pdf,
    **dict.fromkeys((".docx", ".docm", ".dotx", ".dotm"), read_docx),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), read_xlsx),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm"), read_pptx),
    **dict.fromkeys((".odt", ".ott"), read_odt),
    **dict.fromkeys((".csv", ".tsv"), of_text(read_csv)),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"), read_image),
    ".rtf": of_bytes(read_rtf),
    ".epub": read_epub,
    ".eml": read_eml(attachment),
    ".msg": read_msg(attachment),
}
"""By suffix, in small letters."""


def find_documents(paths: Iterable[Path]) -> tuple[list[Found], list[Problem]]:
    """The files of these paths whose kind can be read, and what is passed over. See retrieval.documents.find."""
    return find(paths, READERS)


def parse(path: Path) -> Parsed:
    """Raises UnreadableDocument with a one-line reason."""
    read = READERS.get(path.suffix.lower())
    if read is None:
        kinds = ", ".join(sorted(READERS))
        raise UnreadableDocument(f"{path.name}: {unknown(path.suffix.lower())}; known: {kinds}")
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
    return _sound(parsed)


def _sound(parsed: Parsed) -> Parsed:
    """Without what no encoder and no file takes: halves of characters, and NUL."""
    return replace(
        parsed,
        title=_clean(parsed.title),
        blocks=tuple(replace(block, text=_clean(block.text)) for block in parsed.blocks),
        grids=tuple(
            replace(grid, rows=tuple(tuple(map(_clean, row)) for row in grid.rows), caption=_clean(grid.caption))
            for grid in parsed.grids
        ),
    )


def _clean(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
