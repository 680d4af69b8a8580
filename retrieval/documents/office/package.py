"""The container of office documents and books: a zip of XML parts, opened with bounds.

Invariants: nothing of a part is unpacked before its stated size was found small enough, and zipfile never gives more than
the stated size; no entity is resolved, nothing is fetched, no macro is looked at.
"""

from __future__ import annotations

import lzma
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from lxml import etree

from retrieval.types import UnreadableDocument

Element = etree._Element

MOST_PARTS = 20_000
LARGEST_PART = 512 * 2**20  # bytes, unpacked
LARGEST = 2 * 2**30  # of all parts together
MOST_RATIO = 250  # unpacked to packed; sheets of equal rows reach 100
SMALL = 16 * 2**20  # bytes that may be packed as tightly as they like

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
)
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


@dataclass(frozen=True)
class Relation:
    """kind: the last word of its type ("footnotes"). target: a part's name; '' where it leads out of the document."""

    kind: str
    target: str


class Package:
    """A context. Raises UnreadableDocument where the file is locked, broken, or would unpack to more than the bounds."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise UnreadableDocument(f"{self.name}: {_why_no_zip(path, error)}") from None
        self._parts = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        try:
            self._bound()
        except UnreadableDocument:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._zip.close()

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    @property
    def macros(self) -> bool:
        return any(posixpath.basename(part).lower() == "vbaproject.bin" for part in self._parts)

    def size(self, part: str) -> int:
        """Unpacked, in bytes."""
        return self._parts[part].file_size

    def bytes(self, part: str) -> bytes:
        if part not in self._parts:
            raise UnreadableDocument(f"{self.name}: its part {part} is missing; save it again")
        try:
            return self._zip.read(self._parts[part])
        except _BROKEN as error:
            raise UnreadableDocument(f"{self.name}: its part {part} is damaged ({error}); save it again") from None

    def xml(self, part: str, *, plain: bool = True) -> Element:
        """The part's root. plain: a document type declaration is refused, since no office program writes one."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
        try:
            root = etree.fromstring(self.bytes(part), parser)
        except etree.XMLSyntaxError as error:
            said = " ".join(str(error).split())
            raise UnreadableDocument(f"{self.name}: its part {part} is no XML ({said}); save it again") from None
        if plain and root.getroottree().docinfo.internalDTD is not None:
            raise UnreadableDocument(
                f"{self.name}: its part {part} declares entities, as no office program does; save it again"
            )
        return root

    def relations(self, part: str) -> dict[str, Relation]:
        """By id. `part` '' for those of the package itself."""
        folder, base = posixpath.split(part)
        listed = posixpath.join(folder, "_rels", f"{base}.rels")
        if listed not in self._parts:
            return {}
        found = {}
        for one in self.xml(listed):
            target = one.get("Target") or ""
            kind = (one.get("Type") or "").rsplit("/", 1)[-1]
            inside = one.get("TargetMode") != "External" and target.upper() != "NULL"
            found[one.get("Id") or ""] = Relation(kind, _resolved(folder, target) if inside else "")
        return found

    def related(self, part: str, kind: str) -> str:
        """The first part of this kind that `part` is related to; '' where there is none."""
        return next((one.target for one in self.relations(part).values() if one.kind == kind and one.target in self), "")

    def main(self) -> str:
        """The part that an office document begins with."""
        if part := self.related("", "officeDocument"):
            return part
        raise UnreadableDocument(f"{self.name}: no office document in this zip; check its suffix")

    def _bound(self) -> None:
        if len(self._parts) > MOST_PARTS:
            raise UnreadableDocument(f"{self.name}: holds {len(self._parts)} parts; at most {MOST_PARTS} are read")
        for part, info in self._parts.items():
            if info.flag_bits & 1:
                raise UnreadableDocument(f"{self.name}: encrypted; save a copy without a password")
            ratio = info.file_size / max(1, info.compress_size)
            if info.file_size > LARGEST_PART or (info.file_size > SMALL and ratio > MOST_RATIO):
                raise UnreadableDocument(
                    f"{self.name}: its part {part} would unpack from {info.compress_size:,} to {info.file_size:,} bytes; "
                    "it is not read"
                )
        total = sum(info.file_size for info in self._parts.values())
        if total > LARGEST:
            raise UnreadableDocument(f"{self.name}: would unpack to {total:,} bytes; it is not read: split it")


def local(element: Element) -> str:
    """The tag without its namespace; '' for comments, instructions and entities. Strict files have other namespaces."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element | None, name: str) -> str | None:
    """By its name without a namespace."""
    if element is None:
        return None
    for key, value in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(value)
    return None


def child(element: Element | None, *path: str) -> Element | None:
    """The first descendant along these tags; None where there is none."""
    for name in path:
        if element is None:
            return None
        element = next((one for one in element if local(one) == name), None)
    return element


def children(element: Element | None, name: str) -> Iterator[Element]:
    return (one for one in element if local(one) == name) if element is not None else iter(())


def descendants(element: Element | None, *names: str) -> Iterator[Element]:
    return (one for one in element.iter() if local(one) in names) if element is not None else iter(())


def _resolved(folder: str, target: str) -> str:
    path = unquote(urlsplit(target).path)
    return posixpath.normpath(path if path.startswith("/") else posixpath.join(folder, path)).lstrip("/")


def _why_no_zip(path: Path, error: Exception) -> str:
    with open(path, "rb") as file:
        start = file.read(4 * 2**20)
    if not start:
        return "empty; save it again"
    if start.startswith(_COMPOUND):
        if _ENCRYPTED in start:
            return "encrypted; save a copy without a password"
        return "in the format of office programs before 2007; save it in today's"
    return f"damaged or not what its suffix says ({error}); save it again"
