"""The XML export of a Confluence space: its objects as they lie in its database, with who may see what.

A page may be read by who may see the space, and, where it or a page above it is restricted, is among those too. What is
open to single people, or to everybody without a group, admits no group. Drafts, older versions and what is in the bin are no
documents.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from retrieval.sources.kinds.archive import Entry
from retrieval.sources.kinds.confluence_html import as_page, one_part
from retrieval.types import Problem

ENTITIES = "entities.xml"

_PAGES = ("Page", "BlogPost")
_DEEPEST = 100  # pages above a page
_LITERAL = re.compile(r"<!\[CDATA\[(.*?)\]\]\s?>", re.DOTALL)
_UNSAID = re.compile(r"<ac:parameter\b[^>]*>.*?</ac:parameter>|<ri:[^>]*/>", re.DOTALL)


@dataclass
class _Object:
    """An object of the export: its class, its own id, its properties, and the ids that it refers to."""

    kind: str
    id: str
    texts: dict[str, str] = field(default_factory=dict)
    refers: dict[str, str] = field(default_factory=dict)


def read_xml_export(archive: zipfile.ZipFile) -> tuple[list[Entry], list[Problem]]:
    """Its pages, posts and attachments with their rights. Raises OSError where it is no XML."""
    kept: dict[str, list[_Object]] = defaultdict(list)
    try:
        with archive.open(ENTITIES) as file:
            for one in _objects(file):
                kept[one.kind].append(one)
    except etree.XMLSyntaxError as error:
        raise OSError(0, f"entities.xml is no XML: {error}") from None
    pages = {one.id: one for kind in _PAGES for one in kept[kind] if _current(one)}
    bodies = {one.refers.get("content", ""): one.texts.get("body", "") for one in kept["BodyContent"]}
    rights = _Rights(kept, pages)
    spaces = {one.id: one.texts.get("key") or one.texts.get("name") or one.id for one in kept["Space"]}
    entries = []
    for id, page in sorted(pages.items()):
        title = page.texts.get("title", "")
        place = "/".join(one_part(part) for part in (spaces.get(page.refers.get("space", ""), ""), *_titles(page, pages)))
        content = as_page(title, _plain_html(bodies.get(id, "")))
        entries.append(Entry(f"page {id}", f"{place}.html", content, rights=rights.of(page)))
        pages[id].texts["place"] = place
    for one in kept["Attachment"]:
        owner = one.refers.get("containerContent") or one.refers.get("content", "")
        if owner in pages and _current(one):
            name = one.texts.get("title") or one.texts.get("fileName") or one.id
            version = one.texts.get("version") or one.texts.get("attachmentVersion") or "1"
            place = f"{pages[owner].texts['place']}/{one_part(name)}"
            where = f"attachments/{owner}/{one.id}/{version}"
            entries.append(Entry(f"attachment {one.id}", place, entry=where, rights=rights.of(pages[owner])))
    return entries, []


class _Rights:
    """Who may see a page: the space's groups, and those of each restriction on the page and above it."""

    def __init__(self, kept: dict[str, list[_Object]], pages: dict[str, _Object]) -> None:
        self._pages = pages
        self._of_space: dict[str, set[str]] = defaultdict(set)
        for one in kept["SpacePermission"]:
            if one.texts.get("type") == "VIEWSPACE" and one.texts.get("group"):
                self._of_space[one.refers.get("space", "")].add(one.texts["group"])
        sets = {one.id: one for one in kept["ContentPermissionSet"] if one.texts.get("type") == "View"}
        self._of_page: dict[str, list[frozenset[str]]] = defaultdict(list)
        groups: dict[str, set[str]] = {id: set() for id in sets}
        for one in kept["ContentPermission"]:
            if (owner := one.refers.get("owningSet", "")) in groups and one.texts.get("groupName"):
                groups[owner].add(one.texts["groupName"])
        for id, one in sets.items():
            self._of_page[one.refers.get("owningContent", "")].append(frozenset(groups[id]))

    def of(self, page: _Object) -> tuple[frozenset[str], ...]:
        """Never empty: an export that tells no rights of a space lets no group in."""
        rights = [frozenset(self._of_space[page.refers.get("space", "")])]
        for above in _line(page, self._pages):
            rights += self._of_page.get(above.id, ())
        return tuple(rights)


def _objects(file: object) -> Iterator[_Object]:
    """The objects one by one; what was read is let go at once, an export may be larger than memory."""
    events = etree.iterparse(file, events=("end",), tag="object", huge_tree=True, resolve_entities=False, no_network=True)
    for _, element in events:
        kind = element.get("class", "")
        wanted = (
            *_PAGES,
            "BodyContent",
            "Attachment",
            "Space",
            "SpacePermission",
            "ContentPermissionSet",
            "ContentPermission",
        )
        if kind in wanted:
            yield _object(element, kind)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _object(element: etree._Element, kind: str) -> _Object:
    one = _Object(kind, (element.findtext("id") or "").strip())
    for found in element.iterfind("property"):
        name, inner = found.get("name", ""), found.find("id")
        if inner is not None:
            one.refers[name] = (inner.text or "").strip()
        elif found.text:
            one.texts[name] = found.text if name == "body" else found.text.strip()
    return one


def _current(one: _Object) -> bool:
    older = one.refers.get("originalVersion") or one.refers.get("originalVersionPage")
    return one.texts.get("contentStatus", "current") == "current" and not older


def _line(page: _Object, pages: dict[str, _Object]) -> Iterator[_Object]:
    """The page and the pages above it, outwards."""
    for _ in range(_DEEPEST):
        yield page
        above = pages.get(page.refers.get("parent", ""))
        if above is None:
            return
        page = above


def _titles(page: _Object, pages: dict[str, _Object]) -> list[str]:
    return [one.texts.get("title", one.id) for one in _line(page, pages)][::-1]


def _plain_html(body: str) -> str:
    """Confluence's storage format without the settings of its macros; what a macro shows as it is becomes text."""
    told = _LITERAL.sub(lambda literal: f"<pre>{html.escape(literal[1])}</pre>", body)
    return _UNSAID.sub(" ", told)
