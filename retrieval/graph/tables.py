"""A table read: rows with labels and paths, columns with heads and periods, cells with figures, units and scale.

Invariant: every filled cell of the grid outside its heads is a cell of exactly one row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from retrieval.documents.grid import Box, Grid
from retrieval.graph.cells import Cell, Column, Row, Table
from retrieval.graph.heads import column_heads, head_depth, is_head_row, is_note_head, is_unit_note, names_periods
from retrieval.graph.reading.figures import RAISED, Figure, is_nil, read_cell, read_currency, read_scale
from retrieval.graph.reading.periods import Period, find_periods, joined
from retrieval.graph.units import inherit, name_parts, settle_totals

_RAISED_MARK = re.compile(rf"\s*[{RAISED}][{RAISED}, ]*")
_NOTE_MARK = re.compile(r"\s*\(\d{1,2}(?:,\s?\d{1,2})*\)(?=\s|$|:)|(?<=[a-z])\d$|\s*\[\d{1,2}\]|\*+$")
_TOTAL = re.compile(r"^(?:sub-?\s*)?total|^net\s+(?:total|increase|decrease)|\btotal$|^gesamt|^summe|^totale?s?\b", re.I)
_SECTION_END = re.compile(r":\s*$")


def read_tables(grid: Grid, first_number: int = 0, around: str = "", comma_decimal: bool = False) -> list[Table]:
    """The tables of one grid: one, or several where new heads come between its rows."""
    tables: list[Table] = []
    rows = [tuple(cell.strip() for cell in row) for row in grid.rows]
    if not rows or len(rows[0]) < 2:
        return []
    for start, stop in _parts(grid, rows):
        table = _read(grid, rows, start, stop, first_number + len(tables), around, comma_decimal)
        if table.rows:
            tables.append(table)
    return tables


def _parts(grid: Grid, rows: Sequence[tuple[str, ...]]) -> list[tuple[int, int]]:
    """Stretches of rows that share their heads: a row of new periods in mid-table begins another."""
    starts = [0]
    at = _stated_heads(grid, rows) or head_depth(rows)
    while at < len(rows):
        row = rows[at]
        values = [cell for cell in row[1:] if cell.strip()]
        new_heads = is_head_row(row, first=False) and all(
            names_periods(cell) and not re.search(r"\d/\d", cell) for cell in values
        )
        if at > starts[-1] and len(values) >= 2 and (new_heads or _words_alone(row)) and at + 1 < len(rows):
            starts.append(
                at - 1 if _words_alone(row) and is_head_row(rows[at - 1], first=True) and at - 1 > starts[-1] else at
            )
            while at + 1 < len(rows) and is_head_row(rows[at + 1], first=True):
                at += 1
        at += 1
    return list(zip(starts, [*starts[1:], len(rows)], strict=True))


def _stated_heads(grid: Grid, rows: Sequence[tuple[str, ...]]) -> int | None:
    """How many head rows the reader of the document saw, where it tells; a grid of heads alone tells nothing.

    What a page shows is measured and stands. A format's marks are a minimum: Markdown marks one row, HTML often none.
    """
    stated = grid.heads
    if stated is None or stated >= len(rows):
        return None
    return stated if grid.boxes is not None else max(stated, head_depth(rows))


def _words_alone(row: Sequence[str]) -> bool:
    """No label and nothing but words: heads that come again."""
    return not row[0] and all(not cell or (cell[:1].isalpha() and len(cell) < 40) for cell in row[1:])


def _read(
    grid: Grid, rows: Sequence[tuple[str, ...]], start: int, stop: int, number: int, around: str, comma_decimal: bool
) -> Table:
    part = rows[start:stop]
    depth = _stated_heads(grid, part) if start == 0 else None
    if depth is None:
        depth = head_depth(part)
    width = len(part[0])
    heads = column_heads(part[:depth], width)
    corner = " ".join(dict.fromkeys(head for head in heads[0] if head))
    quarters = {i: nth for i in range(1, width) if (nth := _quarter(heads[i]))}
    if len(quarters) < 3 or any(find_periods(" ".join(heads[i])) for i in quarters):
        quarters = {}
    columns = tuple(
        Column(i, heads[i], _column_period(corner, heads[i], quarters.get(i)) if i else None) for i in range(width)
    )
    stated = [*(head for column in heads for head in column), grid.caption, *grid.section[-1:]]
    scale = next((power for text in stated if (power := read_scale(text)) is not None), None)
    if scale is None and around:
        scale = read_scale(around)
    currency = next((code for text in stated if (code := read_currency(text))), "")
    reader = _Rows(columns, scale, currency, comma_decimal)
    for offset in range(depth, len(part)):
        boxes = grid.boxes[start + offset] if grid.boxes else None
        reader.add(start + offset, part[offset], boxes)
    filled = inherit(name_parts(settle_totals(reader.rows)), columns, scale, currency or reader.seen_currency)
    return Table(
        number,
        grid.caption,
        grid.section,
        grid.page,
        corner,
        columns,
        tuple(filled),
        scale,
        currency or reader.seen_currency,
        around,
        tuple(part[:depth]),
    )


def _quarter(heads: tuple[str, ...]) -> int | None:
    """'First' alone over a column: one of four quarters."""
    names = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4}
    return names.get(heads[-1].lower().strip()) if heads else None


def _column_period(corner: str, heads: tuple[str, ...], quarter: int | None) -> Period | None:
    if quarter:
        return Period(quarter=quarter, text=heads[-1])
    return joined([corner, *heads]) if any(find_periods(head) for head in heads) else None


@dataclass
class _Rows:
    """Reads rows one after the other; `path` is the stack of section labels in force."""

    columns: tuple[Column, ...]
    scale: int | None
    currency: str
    comma_decimal: bool
    rows: list[Row] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    pending: str = ""
    seen_currency: str = ""

    def add(self, index: int, cells: Sequence[str], boxes: Sequence[Box | None] | None) -> None:
        label = clean_label(cells[0])
        values = [(i, cell) for i, cell in enumerate(cells[1:], 1) if cell]
        if not values:
            if label:
                self._section(cells[0].strip(), label)
            return
        if not label and len(values) == 1 and not read_cell(values[0][1]) and not is_nil(values[0][1]):
            self._section(values[0][1], clean_label(values[0][1]))
            return
        if is_unit_note(label) and all(is_unit_note(cell) for _, cell in values):
            return
        read = tuple(
            Cell(index, i, " ".join(cell.split()), self._figure(cell, i), nil=is_nil(cell), box=boxes[i] if boxes else None)
            for i, cell in values
        )
        for cell in read:
            if cell.figure and cell.figure.currency and not self.seen_currency:
                self.seen_currency = cell.figure.currency
        total = bool(_TOTAL.search(label)) or (not label and any(cell.figure for cell in read))
        path = tuple(self.path)
        if not label:
            label = ""
        elif total and self.path and not _belongs(label, self.path[-1]):
            self.path = self.path[: self._depth_of_total(label)]
            path = tuple(self.path)
        self.rows.append(
            Row(index, label, path, total, joined([label]) if find_periods(label) else None, read, cells[0].strip())
        )
        self.pending = ""
        if total and self.path and _closes(label, self.path[-1]):
            self.path = self.path[:-1]

    def _figure(self, cell: str, column: int) -> Figure | None:
        if any(is_note_head(head) for head in self.columns[column].heads[-1:]):
            return None
        return read_cell(cell, self.comma_decimal)

    def _section(self, written: str, label: str) -> None:
        if self.pending and not _SECTION_END.search(self.pending):
            if _continues(written):
                self.path = [*self.path[:-1], clean_label(f"{self.pending} {written}")]
            else:
                self.path = [*self.path[-1:], label]
        else:
            self.path = [label] if not self.pending else [*self.path[-1:], label]
        self.pending = written

    def _depth_of_total(self, label: str) -> int:
        """A total closes the sections under the one whose words it repeats; a bare one belongs to the innermost."""
        words = set(re.findall(r"[a-z]{4,}", label.lower())) - {"total", "subtotal"}
        if not words:
            return len(self.path)
        for depth in range(len(self.path), 0, -1):
            if words & set(re.findall(r"[a-z]{4,}", self.path[depth - 1].lower())):
                return depth
        return 0


def _continues(written: str) -> bool:
    return written[:1].islower() or written.startswith("(")


def _belongs(label: str, section: str) -> bool:
    words = set(re.findall(r"[a-z]{4,}", label.lower())) - {"total", "subtotal"}
    return not words or bool(words & set(re.findall(r"[a-z]{4,}", section.lower())))


def _closes(label: str, section: str) -> bool:
    """A bare total, or one that repeats its section's name, is the section's last row."""
    words = set(re.findall(r"[a-z]{4,}", label.lower())) - {"total", "subtotal"}
    return words == set(re.findall(r"[a-z]{4,}", section.lower())) or not words


def clean_label(text: str) -> str:
    """A label without footnote marks, leaders and a closing colon."""
    text = re.sub(r"[.…_]{3,}\s*$|\s*[—–_]{1,3}\s*$", "", " ".join(text.split()))
    text = _NOTE_MARK.sub("", _RAISED_MARK.sub("", text))
    return text.rstrip(" :").strip()
