"""Markdown by markdown-it: headings, paragraphs, list items and table rows, without the mark-up; tables also as grids."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.documents.blocks import Block, Parsed, caption_above, headings_above, raised_mark, squeeze
from retrieval.documents.formats.html import read_html
from retrieval.documents.grid import Grid
from retrieval.documents.heads import leading_heads, spread_heads

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)
_NOTE_START = re.compile(r"^\[\^(\w{1,4})\]:\s*", re.M)
_NOTE = re.compile(r"\[\^(\w{1,4})\]")
_LOOSE_ROW = re.compile(r"^\|(.+)\|$")


def read_markdown(text: str) -> Parsed:
    """Rows of a table carry their column heads once, as the first row; front matter is left out."""
    from markdown_it import MarkdownIt

    source = _FRONT_MATTER.sub("", text.replace("\r\n", "\n"))
    source = _NOTE_START.sub(lambda found: raised_mark(found.group(1), "") + " ", source)  # else taken for a link's target
    reader = _Reader()
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        reader.take(token)
    title = next((block.text for block in reader.blocks if block.kind == "heading" and block.level == 1), "")
    return Parsed(title, tuple(reader.blocks), grids=tuple(reader.grids))


@dataclass
class _Reader:
    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    cells: list[str] | None = None
    heading: int = 0
    items: int = 0
    item_starts: bool = False

    def take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self.heading = int(token.tag[1:])
            case "list_item_open":
                self.items += 1
                self.item_starts = True
            case "list_item_close":
                self.items -= 1
            case "table_open":
                self.rows = []
            case "tr_open":
                self.cells = []
            case "tr_close" if self.cells is not None:
                self.rows.append(tuple(self.cells))
                self.cells = None
            case "table_close":
                self.table()
            case "inline":
                self.words(_plain(token))
            case "fence" | "code_block":
                self.blocks.append(Block("code", token.content.rstrip()))
            case "html_block" if not token.content.lstrip().startswith("<!--"):
                inside = read_html(f"<body>{token.content}</body>")
                self.blocks += inside.blocks
                self.grids += inside.grids

    def words(self, words: str) -> None:
        if self.cells is not None:
            self.cells.append(squeeze(words))
        elif self.heading:
            self.blocks.append(Block("heading", squeeze(words), level=self.heading))
            self.heading = 0
        elif words.strip() and not self.loose_row(words.strip()):
            prefix = "- " if self.item_starts else ""
            self.blocks.append(Block("item" if self.items else "prose", prefix + squeeze(words)))
            self.item_starts = False

    def table(self) -> None:
        width = max((len(row) for row in self.rows), default=0)
        rows = tuple(row + ("",) * (width - len(row)) for row in self.rows)
        if not any(any(row) for row in rows):
            return
        heads = leading_heads(rows, 1 if any(rows[0]) else 0)
        caption, section = caption_above(self.blocks), headings_above(self.blocks)
        self.grids.append(Grid(spread_heads(rows, heads), caption, section=section, heads=heads or None))
        self.blocks += [Block("row", " | ".join(row)) for row in self.rows]

    def loose_row(self, words: str) -> bool:
        """A row that stands apart from its table ("| Birch Fund | 3.00% |") belongs to the last table of as many columns."""
        found = _LOOSE_ROW.match(words)
        if not found or not self.grids:
            return False
        cells = tuple(squeeze(cell) for cell in found.group(1).split("|"))
        grid = self.grids[-1]
        if len(cells) != len(grid.rows[0]) or grid.section != headings_above(self.blocks):
            return False
        self.grids[-1] = Grid((*grid.rows, cells), grid.caption, section=grid.section, heads=grid.heads)
        if self.blocks[-1].kind != "row" and grid.heads:
            self.blocks.append(Block("row", " | ".join(grid.rows[0])))
        self.blocks.append(Block("row", " | ".join(cells)))
        return True


def _plain(token: Token) -> str:
    parts: list[str] = []
    raised = False
    for child in token.children or []:
        if child.type in ("text", "code_inline"):
            before = "".join(parts[-2:])
            content = child.content if child.type == "code_inline" else _NOTE.sub(_note, child.content)
            parts.append(raised_mark(content, before) if raised else content)
        elif child.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif child.type == "image":
            parts.append(child.content)
        elif child.type == "html_inline":
            tag = child.content.lower().replace(" ", "")
            raised = tag.startswith("<sup") or (raised and not tag.startswith("</sup"))
            if tag.startswith("<br"):
                parts.append(" ")
    return "".join(parts)


def _note(found: re.Match[str]) -> str:
    return raised_mark(found.group(1), found.string[: found.start()])
