"""Series: what a table says about one thing, over its periods. The unit that look-ups find.

A table may hold its periods in columns, in rows or in section labels; a series does not care. Invariant: every point of a
series keeps the cell it came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.graph.figures import read_scale
from retrieval.graph.heads import is_unit_note, names_periods
from retrieval.graph.periods import Period, find_periods, joined
from retrieval.graph.tables import Cell, Column, Row, Table
from retrieval.graph.words import stems

_ORDERED = ("beginning", "opening", "start")


@dataclass(frozen=True, slots=True)
class Point:
    """One cell with the period that it speaks of, None where the table names none."""

    period: Period | None
    row: Row
    column: Column
    cell: Cell


@dataclass(frozen=True)
class Series:
    """`label` is the row's name (a column's, where the rows are periods), `head` what tells its columns from their sisters."""

    table: Table
    label: str
    path: tuple[str, ...]
    head: str
    points: tuple[Point, ...]
    total: bool

    @property
    def kind(self) -> str:
        """The kind of its first figure, "text" where it has none."""
        return next((p.cell.figure.kind for p in self.points if p.cell.figure), "text")

    @property
    def periods(self) -> tuple[Period, ...]:
        return tuple(point.period for point in self.points if point.period)


def series_of(table: Table) -> list[Series]:
    """Every series of the table, in the order of its rows and columns."""
    groups: dict[tuple[str, tuple[str, ...], str, int], list[Point]] = {}
    names = _column_names(table)
    many_rows = len(table.rows) > 1
    for row in table.rows:
        row_period = row.period if row.period and many_rows and _only_period(row.label) else None
        label = "" if row_period else row.label
        path = tuple(part for part in row.path if not _only_period(part))
        path_period = joined([part for part in row.path if _only_period(part)])
        for cell in row.cells:
            column = table.columns[cell.column]
            period = _merged(column.period, row_period or path_period)
            name, head = label, names[cell.column]
            if row_period:
                name, head = head, ""
            occurrence = 0
            while any(_same(period, p.period) for p in groups.get((name, path, head, occurrence), ())):
                occurrence += 1
            key = (name, path, head, occurrence)
            if not row_period and occurrence == 0 and key in groups and groups[key][0].row.index != row.index and not path_period:
                key = (name, path, head, 100 + row.index)  # two rows of one name are two series
            groups.setdefault(key, []).append(Point(period, row, column, cell))
    out = []
    for (name, path, head, _), points in groups.items():
        total = points[0].row.total
        out.append(Series(table, name, path, head, tuple(points), total))
    return out


def _column_names(table: Table) -> list[str]:
    """What each column is called without its period, its units, and what all columns share."""
    parts = [[_without_period(head) for head in column.heads if not is_unit_note(head)] for column in table.columns]
    cleaned = [
        [part for part in column if part and part not in _spoken(heads)] for column, heads in zip(parts, table.columns, strict=True)
    ]
    values = cleaned[1:]
    shared = set.intersection(*(set(column) for column in values)) if len(values) > 1 else set()
    names = []
    for column, all_heads in zip(cleaned, table.columns, strict=True):
        kept = [part for part in column if part not in shared]
        marks = [head for head in all_heads.heads if head.strip("() ") in ("%", "$", "€", "£") and len(table.columns) > 2]
        names.append(" ".join([*kept, *marks]))
    if len(set(names[1:])) == 1 and not any(find_periods(c.name) for c in table.columns):
        return [" ".join(column) for column in cleaned]
    return names


def _spoken(column: Column) -> str:
    """The text of the periods that the column's heads say only together, "First" over "Quarter"."""
    return " ".join(found.text for found in find_periods(column.name)) if column.period else ""


def _without_period(head: str) -> str:
    if names_periods(head):
        return ""
    for found in find_periods(head):
        head = head.replace(found.text, " ")
    if read_scale(head) is not None and len(stems(head)) <= 3:
        return ""
    return " ".join(re.sub(r"^[\s,:]+|[\s,:]+$|\(\d\)", "", head).split())


def _only_period(label: str) -> bool:
    return bool(find_periods(label)) and names_periods(label) and len(stems(re.sub(r"\d", "", label))) <= 4


def _merged(column: Period | None, row: Period | None) -> Period | None:
    if column is None or row is None:
        return column or row
    return Period(
        row.year or column.year,
        row.end or column.end,
        row.quarter or column.quarter,
        row.half or column.half,
        row.month or column.month,
        row.day or column.day,
        row.fiscal or column.fiscal,
        f"{row.text} {column.text}",
    )


def _same(one: Period | None, other: Period | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.order, one.quarter, one.end, one.month) == (other.order, other.quarter, other.end, other.month)


def in_time(points: Sequence[Point]) -> list[Point]:
    """Points that have periods, earliest first."""
    return sorted((p for p in points if p.period), key=lambda p: p.period.order if p.period else (0, 0, 0))
