"""A folder exported from SharePoint or OneDrive, or kept in step with it, and the sharing report that tells who reads what.

The report is the CSV file that a site's administrator makes under "Site usage" (OneDrive: "Run sharing report"): a line for
each item with rights of its own and each group or person that has some. What has no line of its own inherits from the
nearest folder that has.
"""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.parse import unquote, urlsplit

from retrieval.documents.find import composed
from retrieval.sources.kinds.folder import Folder
from retrieval.sources.types import Listing, SourceUnavailable

_NOT_READING = "limited access"
"""A level that lets somebody pass through a folder to an item below it, and read nothing of it."""


class SharePointExport(Folder):
    """Implements `Source`. report: None where there is none: then the mapping's paths alone say who reads what.

    below: the path of the exported folder on the server, as the report has it, such as `sites/Finance/Shared Documents`.
    columns: of the report, in English unless the site speaks another language: the item's path, the group's or person's
    name, and the level of permission.
    """

    def __init__(
        self,
        path: Path,
        report: Path | None = None,
        below: str = "",
        columns: tuple[str, str, str] = ("Resource Path", "User Name", "Permission"),
    ) -> None:
        super().__init__(path)
        self._report, self._below, self._columns = report, _path(below), columns
        self._shared: dict[str, frozenset[str]] = {}

    def look(self) -> Listing:
        """As of a folder, with the report's rights. Raises SourceUnavailable where the report cannot be read."""
        self._shared = _read(self._report, self._columns) if self._report is not None else {}
        listing = super().look()
        if self._report is None or not self._report.is_relative_to(self._folder):
            return listing
        own = self._report.relative_to(self._folder).as_posix()  # the report is no document
        return Listing(
            tuple(item for item in listing.items if item.name != own),
            tuple(problem for problem in listing.problems if problem.path != own),
            listing.unseen,
        )

    def rights(self, name: str) -> tuple[frozenset[str], ...]:
        """The groups and people of the nearest line; nothing where no folder above has one."""
        path = _path(f"{self._below}/{name}")
        while path:
            if path in self._shared:
                return (self._shared[path],)
            path = path.rpartition("/")[0]
        return ()


def _read(report: Path, columns: tuple[str, str, str]) -> dict[str, frozenset[str]]:
    """By path: who may read. A path whose lines let nobody read has an empty set."""
    shared: dict[str, set[str]] = {}
    try:
        with open(report, encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in columns if name not in (rows.fieldnames or ())]
            if missing:
                raise SourceUnavailable(
                    f"{report}: has no column {missing[0]!r}; see report_columns of the source's settings"
                )
            for row in rows:
                path, name, level = (row[column] or "" for column in columns)
                names = shared.setdefault(_path(path), set())
                if name.strip() and _NOT_READING not in level.lower():
                    names.add(name.strip())
    except OSError as error:
        raise SourceUnavailable(f"{report}: the sharing report cannot be read ({error.strerror}); make it again") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise SourceUnavailable(f"{report}: the sharing report is no CSV file in UTF-8 ({error}); make it again") from None
    return {path: frozenset(names) for path, names in shared.items()}


def _path(text: str) -> str:
    """A path of the report, which may be an address, in small letters: SharePoint's names differ in more than their case."""
    address = urlsplit(text) if "://" in text else None
    path = unquote(address.path) if address else text
    return composed(path).strip("/ ").lower()
