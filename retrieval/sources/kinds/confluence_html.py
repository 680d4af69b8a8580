"""The HTML export of a Confluence space: a page each with its place in the tree as breadcrumbs, and attachments in folders.

It knows no restrictions: who exported it could read all of it. Its pages end with the time of the export, which is left out:
a page is another version only when its own content is.
"""

from __future__ import annotations

import html
import re
import zipfile
from pathlib import PurePosixPath

from bs4 import BeautifulSoup, Tag

from retrieval.sources.kinds.archive import Entry, content_of
from retrieval.types import Problem, UnreadableDocument

_PAGE_ID = re.compile(r"(?:^|_)(\d+)$")


def read_html_export(archive: zipfile.ZipFile) -> tuple[list[Entry], list[Problem]]:
    """Its pages and attachments; what cannot be read as problems."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    for name in sorted(archive.namelist()):
        path = PurePosixPath(name)
        if path.suffix != ".html" or path.name == "index.html" or "attachments" in path.parts:
            continue
        try:
            entries += _page(archive, path)
        except (UnreadableDocument, ValueError, RecursionError) as error:
            problems.append(Problem(name, f"cannot be read ({error})"))
    return entries, problems


def _page(archive: zipfile.ZipFile, path: PurePosixPath) -> list[Entry]:
    soup = BeautifulSoup(content_of(archive, str(path)), "lxml", from_encoding="utf-8")
    crumbs = [_words(link) for link in soup.select("ol#breadcrumbs a")]
    title = _words(soup.select_one("#title-text") or soup.title)
    if crumbs:
        title = title.removeprefix(f"{crumbs[0]} : ")
    found = _PAGE_ID.search(path.stem)
    number = found[1] if found else path.stem
    place = "/".join(one_part(part) for part in (*crumbs, title or number))
    content = soup.select_one("#main-content")
    if content is None:
        raise UnreadableDocument("has no content where a page of Confluence has it")
    entries = [Entry(f"page {number}", f"{place}.html", as_page(title, content.decode_contents()))]
    for link in soup.select(".greybox a[href^='attachments/']"):
        entry = str(path.parent / str(link["href"]).partition("?")[0])
        entries.append(Entry(f"attachment {entry}", f"{place}/{one_part(_words(link))}", entry=entry))
    return entries


def as_page(title: str, body: str) -> str:
    """A page's content, under its title, as a document of its own."""
    shown = html.escape(title)
    return f'<!doctype html><meta charset="utf-8"><title>{shown}</title>\n<h1>{shown}</h1>\n{body}'


def one_part(name: str) -> str:
    """A title as one part of a path."""
    return " ".join(name.replace("/", "-").split()) or "untitled"


def _words(element: Tag | None) -> str:
    return " ".join(element.get_text().split()) if element is not None else ""
