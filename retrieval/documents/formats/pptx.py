"""PowerPoint (.pptx, .pptm, .ppsx, .potx) by lxml: each slide a page and a section, with its tables, charts and notes.

Hidden slides, feet, slide numbers and comments are left out. The parts are read as XML: as in Word's reader, what charts,
diagrams and macro files hold has no other way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from retrieval.documents.blocks import Block, Parsed, squeeze
from retrieval.documents.formats.docx import MACROS, own_title
from retrieval.documents.grid import Grid
from retrieval.documents.office.charts import chart_table
from retrieval.documents.office.package import Element, Package, Relation, attribute, child, children, descendants
from retrieval.documents.office.shapes import Shape, lines_of, marks_heads, shapes_of, table_rows
from retrieval.documents.tables import add_table
from retrieval.types import UnreadableDocument


def read_pptx(path: Path) -> Parsed:
    """Pages are slides, counted as the program counts them, hidden ones too. Raises UnreadableDocument."""
    with Package(path) as package:
        main = package.main()
        listed = child(package.xml(main), "sldIdLst")
        if listed is None:
            raise UnreadableDocument(f"{path.name}: holds no slides")
        related = package.relations(main)
        reader = _Reader(package)
        count = 0
        for one in children(listed, "sldId"):
            key = next((str(value) for name, value in one.attrib.items() if "}" in str(name)), "")
            found = related.get(key)
            count += 1
            if found is not None and found.target in package:
                reader.slide(found.target, count)
        title = own_title(package) or reader.first
        return Parsed(title, tuple(reader.blocks), count, tuple(reader.grids), reader.notes())


@dataclass
class _Reader:
    package: Package
    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    first: str = ""  # the first slide's title
    hidden: list[int] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)

    def slide(self, part: str, number: int) -> None:
        root = self.package.xml(part)
        if attribute(root, "show") in ("0", "false"):
            self.hidden.append(number)
            return
        tree = child(root, "cSld", "spTree")
        if tree is None:
            return
        before = len(self.blocks)
        related = self.package.relations(part)
        for shape in shapes_of(tree):
            self.shape(shape, number, related)
        if len(self.blocks) == before and next(descendants(tree, "pic"), None) is not None:
            self.pictures.append(number)
        notes = self.package.related(part, "notesSlide")
        if notes:
            self.spoken(self.package.xml(notes), number)

    def shape(self, shape: Shape, number: int, related: dict[str, Relation]) -> None:
        part = related[shape.part].target if shape.part in related else ""
        match shape.kind:
            case "title":
                text = squeeze(" ".join(line.text for line in lines_of(shape.element)))
                if text:
                    self.first = self.first or text
                    self.blocks.append(Block("heading", text, number, 2))
            case "text":
                lines = lines_of(shape.element)
                for line in lines:
                    listed = line.bullet if line.bullet is not None else shape.body and len(lines) > 1
                    text = f"- {line.text}" if listed else line.text
                    self.blocks.append(Block("item" if listed else "prose", text, number))
            case "table":
                heads = int(marks_heads(shape.element))
                rows = table_rows(shape.element)
                add_table(self.blocks, self.grids, rows, heads if _names(rows) else 0, page=number)
            case "chart" if part in self.package:
                title, rows = chart_table(self.package.xml(part))
                if title:
                    self.blocks.append(Block("prose", title, number))
                add_table(self.blocks, self.grids, rows, int(bool(rows) and not rows[0][0]), title, number)
            case "diagram" if part in self.package:
                for point in descendants(self.package.xml(part), "pt"):
                    text = squeeze(" ".join(one.text or "" for one in descendants(child(point, "t"), "t")))
                    if text:
                        self.blocks.append(Block("item", f"- {text}", number))

    def spoken(self, root: Element, number: int) -> None:
        """What the speaker's notes say."""
        tree = child(root, "cSld", "spTree")
        lines = [line.text for shape in shapes_of(tree) for line in lines_of(shape.element)] if tree is not None else []
        if lines:
            self.blocks.append(Block("heading", "Notes", number, 3))
            self.blocks += [Block("prose", text, number) for text in lines]

    def notes(self) -> tuple[str, ...]:
        found = []
        for numbers, said in ((self.hidden, "hidden; left out"), (self.pictures, "with pictures and no text")):
            if numbers:
                more = f" and {len(numbers) - 12} more" if len(numbers) > 12 else ""
                shown = ", ".join(map(str, numbers[:12]))
                found.append(f"{'slide' if len(numbers) == 1 else 'slides'} {shown}{more} {said}")
        return (*found, MACROS) if self.package.macros else tuple(found)


def _names(rows: list[list[str]]) -> bool:
    """Tables are made with a head row unasked: two columns whose first row names a thing and its value have none."""
    return bool(rows) and (len(rows[0]) > 2 or not any(letter.isdigit() for letter in rows[0][-1]))
