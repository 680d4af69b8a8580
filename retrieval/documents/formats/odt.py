"""OpenDocument text (.odt, .ott) by lxml: headings, lists, tables, notes; no deletions, comments, heads and feet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from retrieval.documents.blocks import Block, Parsed, raised_mark, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.office.package import Element, Package, attribute, child, children, descendants, local
from retrieval.documents.tables import add_table
from retrieval.types import UnreadableDocument

_LEFT_OUT_TAGS = """
tracked-changes annotation annotation-end note forms sequence-decls variable-decls table-of-content alphabetical-index
illustration-index bibliography user-index tracked-change index-body
"""
_LEFT_OUT = frozenset(_LEFT_OUT_TAGS.split())
_WIDEST = 1_000


def read_odt(path: Path) -> Parsed:
    """Raises UnreadableDocument for a locked or broken file."""
    with Package(path) as package:
        if "META-INF/manifest.xml" in package:
            listed = package.xml("META-INF/manifest.xml", plain=False)
            if next(descendants(listed, "encryption-data"), None) is not None:
                raise UnreadableDocument(f"{path.name}: encrypted; save a copy without a password")
        root = package.xml("content.xml")
        body = child(root, "body", "text")
        if body is None:
            raise UnreadableDocument(f"{path.name}: no OpenDocument text; check its suffix")
        reader = _Reader(*_styles(root))
        reader.walk(body)
        named = _named_title(package) if "meta.xml" in package else ""
        title = next((block.text for block in reader.blocks[:3] if block.kind == "heading" and block.level == 1), named)
        return Parsed(title, tuple(reader.blocks), grids=tuple(reader.grids))


def _named_title(package: Package) -> str:
    found = next(descendants(package.xml("meta.xml"), "title"), None)
    return squeeze(found.text or "") if found is not None else ""


def _styles(root: Element) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The names of styles that raise text, of those that hide it, and of those of the document's title."""
    raised, hidden, titles = set(), set(), {"Title"}
    for style in children(child(root, "automatic-styles"), "style"):
        about = child(style, "text-properties")
        name = attribute(style, "name") or ""
        if (attribute(about, "text-position") or "").startswith(("super", "3")):
            raised.add(name)
        if attribute(about, "display") == "none":
            hidden.add(name)
        if attribute(style, "parent-style-name") == "Title":
            titles.add(name)
    return frozenset(raised), frozenset(hidden), frozenset(titles)


@dataclass
class _Reader:
    raised: frozenset[str]
    hidden: frozenset[str]
    titles: frozenset[str]
    titled: bool = False
    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    notes: list[Element] = field(default_factory=list)  # met, not told yet
    boxes: list[Element] = field(default_factory=list)

    def walk(self, parent: Element, item: bool = False) -> None:
        waiting: list[tuple[Element, bool]] = [(one, item) for one in reversed(parent)]
        while waiting:
            one, listed = waiting.pop()
            match local(one):
                case "h":
                    level = attribute(one, "outline-level") or "1"
                    self.say("heading", self.text(one), (int(level) if level.isdigit() else 1) + self.titled)
                case "p" if attribute(one, "style-name") in self.titles:
                    self.titled = True
                    self.say("heading", self.text(one), 1)
                case "p":
                    self.say("item" if listed else "prose", self.text(one))
                    listed = False
                case "table":
                    self.table(one)
                case "list":
                    waiting.extend((part, True) for part in reversed(one))
                case tag if tag and tag not in _LEFT_OUT:
                    waiting.extend((part, listed) for part in reversed(one))

    def say(self, kind: str, text: str, level: int = 0) -> None:
        if text and kind == "heading":
            self.blocks.append(Block("heading", text, level=level))
        elif text:
            self.blocks.append(Block("item", f"- {text}") if kind == "item" else Block("prose", text))
        self.tell()

    def tell(self) -> None:
        """The notes and boxes that were met since."""
        notes, self.notes = self.notes, []
        boxes, self.boxes = self.boxes, []
        for note in notes:
            mark = self.text(child(note, "note-citation"))
            text = self.text(child(note, "note-body"))
            if text:
                self.blocks.append(Block("prose", squeeze(f"{raised_mark(mark, '')} {text}")))
        for box in boxes:
            self.walk(box)

    def text(self, element: Element | None) -> str:
        parts: list[str] = []
        if element is not None:
            self._gather(element, parts)
        return squeeze("".join(parts))

    def _gather(self, element: Element, parts: list[str]) -> None:
        waiting: list[Element | str] = [element]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                parts.append(one)
                continue
            tag = local(one)
            style = attribute(one, "style-name") or ""
            if one is not element and one.tail:
                waiting.append(one.tail)
            if tag == "note":
                self.notes.append(one)
                parts.append(raised_mark(self.text(child(one, "note-citation")), "".join(parts[-3:])))
            elif tag == "text-box":
                self.boxes.append(one)
            elif tag in ("s", "tab", "line-break"):
                parts.append(" ")
            elif style in self.hidden or (one is not element and tag in _LEFT_OUT) or tag in ("desc", "title"):
                continue
            elif style in self.raised and tag == "span":
                parts.append(raised_mark("".join(map(str, one.itertext())), "".join(parts[-3:])))
            else:
                if tag == "p" and parts:
                    parts.append(" ")
                waiting.extend(reversed(one))
                if one.text:
                    waiting.append(one.text)

    def table(self, element: Element) -> None:
        if any(one is not element for one in descendants(element, "table")):
            for cell in descendants(element, "table-cell"):
                if not any(local(up) == "table" and up is not element for up in _above(cell, element)):
                    self.walk(cell)
            return
        rows: list[list[str]] = []
        heads = 0
        hanging: dict[int, tuple[int, str]] = {}
        for row in descendants(element, "table-row"):
            cells: list[str] = []
            for cell in row:
                if local(cell) not in ("table-cell", "covered-table-cell"):
                    continue
                repeated = min(_whole(cell, "number-columns-repeated"), _WIDEST - len(cells))
                text = self.text(cell)
                for _ in range(repeated):
                    left, above = hanging.pop(len(cells), (0, ""))
                    covered = local(cell) == "covered-table-cell"
                    said = above if covered and left else cells[-1] if covered and cells and not text else text
                    down = left - 1 if covered else _whole(cell, "number-rows-spanned") - 1
                    if down > 0:
                        across = _whole(cell, "number-columns-spanned") if not covered else 1
                        for beside in range(min(across, _WIDEST)):
                            hanging[len(cells) + beside] = (down, said)
                    cells.append(said)
            rows.append(cells)
            heads += any(local(up) == "table-header-rows" for up in _above(row, element))
        add_table(self.blocks, self.grids, rows, heads)
        self.tell()


def _above(element: Element, top: Element) -> list[Element]:
    found = []
    for one in element.iterancestors():
        if one is top:
            break
        found.append(one)
    return found


def _whole(element: Element, name: str) -> int:
    text = attribute(element, name) or "1"
    return max(1, int(text)) if text.isdigit() and len(text) < 6 else 1
