"""A space exported from Confluence as a zip file: as HTML, or as XML, which knows its restrictions.

path: the zip file, or a folder into which exports are laid: the newest one counts, and what it lacks is gone. Nothing is
unpacked: a page is taken out of the archive by its own, and no name in it becomes a path.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from retrieval.sources.kinds.archive import Entry, content_of
from retrieval.sources.kinds.confluence_html import read_html_export
from retrieval.sources.kinds.confluence_xml import ENTITIES, read_xml_export
from retrieval.sources.types import Item, Listing, SourceFile, SourceUnavailable
from retrieval.types import Problem


class ConfluenceExport:
    """Implements `Source`."""

    root: Path | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive: zipfile.ZipFile | None = None
        self._entries: dict[str, Entry] = {}

    def look(self) -> Listing:
        """Pages, posts and their attachments. Raises SourceUnavailable."""
        path = self._newest()
        try:
            archive = self._archive = zipfile.ZipFile(path)
            entries, problems = _reader_of(archive)(archive)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no complete zip file"
            raise SourceUnavailable(f"{path}: the export cannot be read ({why}); export the space again") from None
        items = []
        self._entries = {}
        for one in entries:
            if one.page is not None:
                version, size = hashlib.sha256(one.page.encode("utf-8", "replace")).hexdigest()[:32], len(one.page)
            else:
                try:
                    info = archive.getinfo(one.entry)
                except KeyError:
                    problems.append(Problem(one.name, "is missing in the export; export the space with its attachments"))
                    continue
                version, size = f"{info.CRC:08x}.{info.file_size}", info.file_size
            self._entries[one.id] = one
            items.append(Item(one.id, one.name, version, size, one.rights))
        return Listing(tuple(items), tuple(problems))

    def fetch(self, item: Item) -> Iterable[SourceFile]:
        """The page, or the attachment's bytes. Raises UnreadableDocument."""
        one = self._entries[item.id]
        if one.page is not None:
            return [SourceFile(item.name, one.page.encode("utf-8", "replace"))]
        assert self._archive is not None
        return [SourceFile(item.name, content_of(self._archive, one.entry))]

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive, self._entries = None, {}

    def _newest(self) -> Path:
        if not self._path.is_dir():
            return self._path
        exports = sorted(self._path.glob("*.zip"), key=lambda one: (one.stat().st_mtime_ns, one.name))
        if not exports:
            raise SourceUnavailable(f"{self._path}: holds no export; lay the zip file of a space there")
        return exports[-1]


def _reader_of(archive: zipfile.ZipFile) -> Callable[[zipfile.ZipFile], tuple[list[Entry], list[Problem]]]:
    return read_xml_export if ENTITIES in archive.namelist() else read_html_export
