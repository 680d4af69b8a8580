"""EPUB: the chapters of a book in their order, each through the reader of HTML.

A locked book is refused; the list of contents, which repeats the headings, and covers are left out.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import unquote

from retrieval.documents.blocks import Block, Parsed, squeeze
from retrieval.documents.encodings import decoded
from retrieval.documents.formats.html import read_html
from retrieval.documents.grid import Grid
from retrieval.documents.office.package import Element, Package, attribute, child, children, descendants
from retrieval.types import UnreadableDocument

_MARKUP = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # disguised fonts: the text is open


def read_epub(path: Path) -> Parsed:
    """Raises UnreadableDocument for a locked or broken book."""
    with Package(path) as package:
        _refuse_locked(package)
        root = next(descendants(package.xml("META-INF/container.xml", plain=False), "rootfile"), None)
        listed = attribute(root, "full-path") or ""
        if listed not in package:
            raise UnreadableDocument(f"{path.name}: names no list of its chapters; export it again")
        book = package.xml(listed, plain=False)
        chapters, missing = _chapters(package, book, posixpath.dirname(listed))
        title = squeeze(next((one.text or "" for one in descendants(child(book, "metadata"), "title")), ""))
        blocks: list[Block] = []
        grids: list[Grid] = []
        for part in chapters:
            chapter = read_html(_DECLARATION.sub("", decoded(package.bytes(part))))
            blocks += chapter.blocks
            grids += chapter.grids
        notes = (f"{missing} chapters are missing; export it again",) if missing else ()
        title = "" if title.lower() in ("unknown", "unknown title", "untitled") else title
        return Parsed(title, tuple(blocks), grids=tuple(grids), notes=notes)


def _refuse_locked(package: Package) -> None:
    if "META-INF/encryption.xml" not in package:
        return
    for method in descendants(package.xml("META-INF/encryption.xml", plain=False), "EncryptionMethod"):
        if attribute(method, "Algorithm") not in _FONTS:
            raise UnreadableDocument(f"{package.name}: locked by its seller (DRM); get a copy without a lock")


def _chapters(package: Package, book: Element, folder: str) -> tuple[list[str], int]:
    """The parts of the book's spine, and how many of them are not there."""
    items = {attribute(one, "id"): one for one in children(child(book, "manifest"), "item")}
    found: list[str] = []
    missing = 0
    for one in children(child(book, "spine"), "itemref"):
        item = items.get(attribute(one, "idref"))
        if item is None or attribute(one, "linear") == "no" or "nav" in (attribute(item, "properties") or "").split():
            continue
        if attribute(item, "media-type") in _MARKUP:
            part = posixpath.normpath(posixpath.join(folder, unquote(attribute(item, "href") or "")))
            if part in package:
                found.append(part)
            else:
                missing += 1
    return found, missing
