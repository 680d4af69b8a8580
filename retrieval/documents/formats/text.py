"""Plain text: paragraphs apart by blank lines; list items, table lines and short title lines recognised.

Tables with aligned columns are found as in a page of print: every character has one width.
"""

from __future__ import annotations

import re

from retrieval.documents.blocks import Block, Parsed, caption_above, headings_above, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.pdf.columns import pieces_of
from retrieval.documents.pdf.page_lines import prepared
from retrieval.documents.pdf.tables.find import find_tables
from retrieval.documents.pdf.tables.grids import plain_rows
from retrieval.documents.pdf.tables.rows import caption
from retrieval.documents.pdf.words import TextLine, Word

_ITEM = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+\S")
_UNDERLINE = re.compile(r"^\s*(?:={3,}|-{3,}|~{3,})\s*$")
_RULE = re.compile(r"^[\s\-=_+|~]{4,}$")
_COLUMNS = re.compile(r"\S(?:\t|\s{3,}|\s\|\s)\S")
_MOST_LINES = 2_000  # that are looked through for tables at once
_SIZE, _ADVANCE, _LEADING = 10.0, 4.0, 12.0  # as if set in type, in points: a blank is no gap between columns, three are


def read_text(text: str) -> Parsed:
    """A line that is underlined, or a lone line in capitals, is a heading; the first one is the title."""
    blocks: list[Block] = []
    paragraph: list[str] = []
    starts: list[tuple[int, int]] = []  # (line, blocks before it)

    def flush() -> None:
        if paragraph:
            blocks.append(Block("prose", squeeze(" ".join(paragraph))))
            paragraph.clear()

    lines = text.splitlines()
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        before = lines[index - 1] if index else ""
        if not line.strip() or _UNDERLINE.match(line):
            flush()
        elif _UNDERLINE.match(following) and not _COLUMNS.search(line):
            flush()
            blocks.append(Block("heading", squeeze(line), level=1 if "=" in following else 2))
        elif not before.strip() and not following.strip() and _is_shouted(line):
            flush()
            blocks.append(Block("heading", squeeze(line), level=2))
        elif _COLUMNS.search(line.strip()):
            flush()
            starts.append((index, len(blocks)))
            blocks.append(Block("row", re.sub(r"\t|\s{3,}", " | ", line.strip())))
        elif _ITEM.match(line):
            flush()
            blocks.append(Block("item", squeeze(line)))
        elif blocks and blocks[-1].kind == "item" and line.startswith(("  ", "\t")) and not paragraph:
            blocks[-1] = Block("item", squeeze(blocks[-1].text + " " + line))
        else:
            paragraph.append(line)
    flush()
    title = next((block.text for block in blocks[:3] if block.kind == "heading"), "")
    return Parsed(title, tuple(blocks), grids=_grids(lines, starts, blocks))


def _grids(lines: list[str], starts: list[tuple[int, int]], blocks: list[Block]) -> tuple[Grid, ...]:
    """The tables around the lines that show columns, looked for in stretches so that long files stay cheap."""
    grids: list[Grid] = []
    at = 0
    while at < len(starts):
        first = starts[at][0]
        end = at
        while (
            end + 1 < len(starts) and starts[end + 1][0] - starts[end][0] <= 4 and starts[end + 1][0] - first < _MOST_LINES
        ):
            end += 1
        begin = max(starts[at - 1][0] + 1 if at else 0, first - 4)
        section = headings_above(blocks[: starts[at][1]])
        barred = [re.split(r"\t+|\s+\|\s+", lines[number].strip().strip("|").strip()) for number, _ in starts[at : end + 1]]
        if len(barred) > 1 and len({len(row) for row in barred}) == 1 and len(barred[0]) > 1:
            grids.append(
                Grid(
                    tuple(tuple(squeeze(cell) for cell in row) for row in barred),
                    caption_above(blocks[: starts[at][1]]),
                    section=section,
                )
            )
        else:
            grids += _tables(lines[begin : starts[end][0] + 2], section)
        at = end + 1
    return tuple(grids)


def _tables(lines: list[str], section: tuple[str, ...]) -> list[Grid]:
    typed = [line for number, raw in enumerate(lines) if (line := _as_type(raw, number)).words]
    set_lines = prepared(typed, [pieces_of(line) for line in typed])
    found, floor = [], 0
    for table in find_tables(set_lines):
        above = caption(set_lines, table, floor).replace("\n", " ")
        found.append(Grid(plain_rows(set_lines, table), above, section=section, heads=table.heads or None))
        floor = table.last + 1
    return found


def _as_type(raw: str, number: int) -> TextLine:
    """The line as words with places; bars between cells stand for gaps."""
    if _RULE.match(raw):
        return TextLine()
    base = -number * _LEADING
    shown = raw.expandtabs(8).replace("|", " … ") if " | " in raw or "\t" not in raw else raw.replace("\t", " … ")
    words = [
        Word(found.group(), found.start() * _ADVANCE, found.end() * _ADVANCE, base, _SIZE)
        for found in re.finditer(r"\S+", shown)
    ]
    return TextLine(words, base, _SIZE)


def _is_shouted(line: str) -> bool:
    letters = [c for c in line if c.isalpha()]
    return len(letters) >= 3 and len(line.split()) <= 12 and all(c.isupper() for c in letters)
