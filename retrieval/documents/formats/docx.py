"""Word (.docx, .docm, .dotx, .dotm) by lxml: headings by their styles, numbered clauses, lists, tables, notes, text boxes.

Heads and feet, comments, lists of contents, deleted and hidden text are left out. What python-docx does not show (tracked
changes, notes, boxes, numbers) is most of this, and strict and macro files have other names, so the parts are read as XML.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.documents.blocks import Block, Parsed, raised_mark, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.office.charts import chart_table
from retrieval.documents.office.package import Element, Package, attribute, child, children, descendants, local
from retrieval.documents.office.paragraphs import Notes, ReadParagraph, read_paragraph
from retrieval.documents.office.styles import Numbering, Role, Styles
from retrieval.documents.office.word_tables import is_layout, rows_of
from retrieval.documents.tables import add_table
from retrieval.types import UnreadableDocument

_HEADING_WORDS = 14  # of a bold paragraph that heads what follows
_BOLD_LEVEL = 8  # below every level that a style gives
_INSIDE = frozenset({"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag", "AlternateContent", "Choice"})
MACROS = "macros, which were not looked at"


def read_docx(path: Path) -> Parsed:
    """Raises UnreadableDocument for a locked or broken file."""
    with Package(path) as package:
        main = package.main()
        body = child(package.xml(main), "body")
        if body is None:
            raise UnreadableDocument(f"{path.name}: no Word document; check its suffix")

        def part(kind: str) -> Element | None:
            name = package.related(main, kind)
            return package.xml(name) if name else None

        texts = {kind: _by_id(part(f"{kind}s"), kind) for kind in ("footnote", "endnote")}
        related = package.relations(main)

        def chart(key: str) -> Element | None:
            target = related[key].target if key in related else ""
            return package.xml(target) if target in package else None

        reader = _Reader(Styles(part("styles")), Numbering.of(part("numbering")), texts, chart)
        reader.walk(body)
        title = reader.title or own_title(package)
        return Parsed(title, tuple(reader.blocks), grids=tuple(reader.grids), notes=reader.notes(package.macros))


def own_title(package: Package) -> str:
    """The title in a package's properties, where a person wrote one."""
    core = package.related("", "core-properties")
    text = child(package.xml(core), "title") if core else None
    said = squeeze(text.text or "") if text is not None else ""
    return said if sum(letter.isalpha() for letter in said) > 5 and "." not in said[-5:] else ""


@dataclass
class _Reader:
    styles: Styles
    numbering: Numbering
    texts: dict[str, dict[str, Element]]
    chart: Callable[[str], Element | None]
    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    title: str = ""
    caption: str = ""  # a paragraph of captions' style, for the table that follows
    open: str = ""  # text whose end was deleted: it goes on in the next paragraph
    seen: Notes = field(default_factory=Notes)
    told: int = 0  # of the notes that were met
    deleted: int = 0
    hidden: int = 0
    embedded: int = 0

    def walk(self, parent: Element, *, on_paper: bool = True) -> None:
        waiting = list(reversed(parent))
        while waiting:
            one = waiting.pop()
            match local(one):
                case "p":
                    self.paragraph(one, on_paper)
                case "tbl" if is_layout(one):
                    for cell in descendants(one, "tc"):
                        if next(_tables_above(cell, one), None) is None:
                            self.walk(cell, on_paper=False)
                case "tbl":
                    self.table(one)
                case "sdt" if _is_contents(one):
                    pass
                case "altChunk":
                    self.embedded += 1
                case "del" | "moveFrom":
                    self.deleted += 1
                case tag if tag in _INSIDE:
                    waiting.extend(reversed(one))

    def paragraph(self, element: Element, on_paper: bool) -> None:
        properties = child(element, "pPr")
        role = self.styles.role(properties)
        read = read_paragraph(element, self.styles, self.seen, on_paper=on_paper)
        self.deleted += any(local(one) in ("del", "moveFrom") for one in element)
        self.hidden += read.hidden or (role.hidden and bool(read.text))
        text, self.open = squeeze(f"{self.open} {read.text}"), ""
        if role.hidden or role.skipped:
            text = ""
        if read.deleted_mark and text:
            self.open = text
        elif text:
            self.say(text, role, read)
        self.tell_notes()
        for box in read.boxes:
            self.walk(box, on_paper=False)
        for key in read.charts:
            root = self.chart(key)
            if root is not None:
                self.drawn(root)

    def drawn(self, root: Element) -> None:
        """A chart, as the table of its figures."""
        title, rows = chart_table(root)
        if title:
            self.blocks.append(Block("prose", title))
        add_table(self.blocks, self.grids, rows, int(bool(rows) and not rows[0][0]), title)

    def say(self, text: str, role: Role, read: ReadParagraph) -> None:
        label = self.numbering.label(role.number, role.depth) if role.number else ""
        spoken = f"{label} {text}" if label else text
        self.caption = text if role.caption else ""
        if role.title:
            self.title = self.title or text
            self.blocks.append(Block("heading", text, level=1))
        elif role.level:
            level = role.level + bool(self.title)
            self.title = self.title or (text if role.level == 1 and not self.blocks else "")
            self.blocks.append(Block("heading", spoken.removeprefix("- "), level=level))
        elif role.number:
            self.blocks.append(Block("item", spoken))
        elif read.bold and not role.caption and len(text.split()) <= _HEADING_WORDS and text[-1] not in ".:;,":
            self.blocks.append(Block("heading", text, level=_BOLD_LEVEL))
        else:
            self.blocks.append(Block("prose", text))

    def table(self, element: Element) -> None:
        def text_of(cell: Element) -> tuple[str, bool]:
            found = [
                read_paragraph(one, self.styles, self.seen, on_paper=False)
                for one in descendants(cell, "p")
                if not _struck(one, cell)
            ]
            self.hidden += any(one.hidden for one in found)
            filled = [one for one in found if one.text]
            return squeeze(" ".join(one.text for one in filled)), all(one.bold for one in filled)

        rows, heads = rows_of(element, text_of)
        add_table(self.blocks, self.grids, rows, heads, self.caption)
        self.caption = ""
        self.tell_notes()

    def tell_notes(self) -> None:
        """The notes that were met since, each as a paragraph that begins with its mark."""
        while self.told < len(self.seen.met):
            mark, kind, key = self.seen.met[self.told]
            self.told += 1
            note = self.texts[kind].get(key)
            if note is not None:
                parts = [read_paragraph(one, self.styles, self.seen, on_paper=True).text for one in children(note, "p")]
                text = squeeze(" ".join([raised_mark(mark, ""), *parts]))
                if any(parts):
                    self.blocks.append(Block("prose", text))

    def notes(self, macros: bool) -> tuple[str, ...]:
        found = []
        if self.deleted:
            found.append(f"{_counted(self.deleted, 'passage')} with tracked deletions; deleted text was left out")
        if self.hidden:
            found.append(f"{_counted(self.hidden, 'passage')} with text that nobody can see; it was left out")
        if self.embedded:
            found.append(f"{_counted(self.embedded, 'embedded file')} left out; paste their text into the document")
        if macros:
            found.append(MACROS)
        return tuple(found)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _by_id(root: Element | None, name: str) -> dict[str, Element]:
    return {
        attribute(one, "id") or "": one
        for one in children(root, name)
        if attribute(one, "type") not in ("separator", "continuationSeparator", "continuationNotice")
    }


def _is_contents(element: Element) -> bool:
    gallery = child(element, "sdtPr", "docPartObj", "docPartGallery")
    return (attribute(gallery, "val") or "") in ("Table of Contents", "Bibliographies", "Watermarks")


def _tables_above(element: Element, top: Element) -> Iterator[Element]:
    for one in element.iterancestors():
        if one is top:
            return
        if local(one) == "tbl":
            yield one


def _struck(element: Element, top: Element) -> bool:
    """Inside what was deleted, what an older program shows instead, or a text box."""
    for one in element.iterancestors():
        if one is top:
            return False
        if local(one) in ("del", "moveFrom", "Fallback", "txbxContent"):
            return True
    return False
