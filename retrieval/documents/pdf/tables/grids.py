"""From the tables of a page to grids: head rows spread over their columns, rows, caption, boxes."""

from __future__ import annotations

from typing import Any

from retrieval.documents.grid import Box, Grid
from retrieval.documents.pdf.columns import Column, Piece, column_of
from retrieval.documents.pdf.glyphs import Glyphs, rules
from retrieval.documents.pdf.page_lines import Line
from retrieval.documents.pdf.tables.find import Table, find_tables
from retrieval.documents.pdf.tables.rows import caption, joined, rows_of
from retrieval.documents.pdf.tables.spread import spread

_Cells = list[tuple[str, Box | None]]


def grids_of(page: Any, glyphs: Glyphs, lines: list[Line], number: int) -> list[Grid]:
    """The tables of one page (pypdfium2's PdfPage, its characters and its lines), top to bottom. `number` counts from 1."""
    tables = find_tables(lines)
    if not tables:
        return []
    drawn = [] if glyphs.turn else rules(page)
    grids = []
    floor = 0
    for table in tables:
        rows = [*_head_rows(lines, table, drawn), *_body_rows(lines, table)]
        width = len(table.columns) + 1
        used = [at for at in range(width) if at == 0 or any(row[at][0] for row in rows)]
        grids.append(
            Grid(
                rows=tuple(tuple(row[at][0] for at in used) for row in rows),
                caption=caption(lines, table, floor),
                page=number,
                boxes=tuple(tuple(_placed(row[at][1], glyphs) for at in used) for row in rows),
                heads=table.heads,
            )
        )
        floor = table.last + 1
    return grids


def plain_rows(lines: list[Line], table: Table) -> tuple[tuple[str, ...], ...]:
    """The rows of a table that has no drawn lines, as text."""
    rows = [*_head_rows(lines, table, []), *_body_rows(lines, table)]
    used = [at for at in range(len(table.columns) + 1) if at == 0 or any(row[at][0] for row in rows)]
    return tuple(tuple(row[at][0] for at in used) for row in rows)


def _placed(box: Box | None, glyphs: Glyphs) -> Box | None:
    if box is None:
        return None
    left, bottom, right, top = glyphs.on_page(box)
    return (round(left, 1), round(bottom, 1), round(right, 1), round(top, 1))


def _head_rows(lines: list[Line], table: Table, drawn: list[Box]) -> list[_Cells]:
    """The lines of heads, read from the lowest up: a head over one column widens that column for those above it."""
    found: list[_Cells] = []
    reach = _ruled(table, lines, drawn)
    last = table.first + table.heads - 1
    for number in range(last, table.first - 1, -1):
        line = lines[number]
        first = line.pieces[0]
        label = first if _is_label(first, table, line.size) else None
        heads = line.pieces[1:] if label else line.pieces
        cells: _Cells = [(label.text, label.box) if label else ("", None)]
        if heads:
            below = _next_heads(heads, lines[number + 1 : last + 1])
            foot = below if below is not None else lines[number + 1].base
            under = [rule for rule in drawn if foot + 0.5 * line.size < rule[3] <= line.base + 1]
            cells += _over(heads, reach, under, below, bool(drawn))
        else:
            cells += [("", None)] * len(table.columns)
        found.insert(0, cells)
    return found


def _is_label(first: Piece, table: Table, size: float) -> bool:
    """Whether a line of heads begins over the labels."""
    near = first.left < table.label_left + 1.5 * size
    return near or (first.right <= table.start and first.left < table.label_left + 0.35 * (table.start - table.label_left))


def _ruled(table: Table, lines: list[Line], drawn: list[Box]) -> list[Column]:
    """The columns, as wide as the lines that are drawn under one of them alone: heads are centred on these."""
    top, foot = lines[table.first].base + 2 * lines[table.first].size, lines[table.last].base - lines[table.last].size
    reach = [Column(column.left, column.right) for column in table.columns]
    for left, low, right, _ in drawn:
        if not foot <= low <= top:
            continue
        over = [at for at, column in enumerate(table.columns) if column.left < right and left < column.right]
        if len(over) == 1 and left - 2 <= table.columns[over[0]].middle <= right + 2:
            column = reach[over[0]]
            before = table.columns[over[0] - 1].right if over[0] else table.start - 60
            after = table.columns[over[0] + 1].left if over[0] + 1 < len(reach) else right
            column.left, column.right = min(column.left, max(left, before)), max(column.right, min(right, after))
    return reach


def _next_heads(heads: list[Piece], lower: list[Line]) -> float | None:
    """The height of the next line of heads that has one beneath one of these."""
    for line in lower:
        if any(piece.left < head.right and head.left < piece.right for piece in line.pieces for head in heads):
            return line.base
    return None


def _over(heads: list[Piece], reach: list[Column], under: list[Box], below: float | None, rules_known: bool) -> _Cells:
    placed = spread(heads, reach, under, below, rules_known)
    texts = [[piece] if piece else [] for piece in placed]
    for piece in heads:
        if not any(piece is one for one in placed):
            texts[column_of(piece, reach)].append(piece)
    for at, column in enumerate(reach):
        alone = [piece for piece in texts[at] if sum(piece is one for one in placed) == 1]
        if alone:
            before = reach[at - 1].right if at else float("-inf")
            after = reach[at + 1].left if at + 1 < len(reach) else float("inf")
            column.left = min(column.left, max(before + 1, alone[0].left))
            column.right = max(column.right, min(after - 1, alone[0].right))
    return [(joined([piece.text for piece in one]), one[0].box if one else None) for one in texts]


def _body_rows(lines: list[Line], table: Table) -> list[_Cells]:
    found: list[_Cells] = []
    for row in rows_of(lines, table):
        cells: _Cells = [(row.text, row.box(0))]
        for at in range(len(table.columns)):
            cells.append((" ".join(piece.text for piece in row.cells.get(at, [])), row.box(at + 1)))
        found.append(cells)
    return found
