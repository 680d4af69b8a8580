"""Series: what a table says about one thing, over its periods. The unit that look-ups find.

A table may hold its periods in columns, in rows or in section labels; a series does not care. Invariant: every point of a
series keeps the cell it came from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.graph.cells import Cell, Column, Row, Table
from retrieval.graph.heads import is_unit_note, names_periods
from retrieval.graph.reading.periods import Period, find_periods, joined
from retrieval.graph.reading.words import stems


@dataclass(frozen=True, slots=True)
class Point:
    """One cell with the period that it speaks of, None where the table names none."""

    period: Period | None
    row: Row
    column: Column
    cell: Cell


@dataclass(frozen=True)
class Series:
    """`label` is the row's name (a column's, where the rows are periods), `head` what tells its columns from their
    sisters."""

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
        dated = None
        if row.period and row.period.year and not row_period and not any(column.period for column in table.columns):
            dated, label = row.period, _without_period(row.label)
        path = tuple(part for part in row.path if not _only_period(part))
        path_period = joined([part for part in row.path if _only_period(part)])
        for cell in row.cells:
            column = table.columns[cell.column]
            period = _merged(column.period, row_period or dated or path_period)
            name, head = label, names[cell.column]
            if row_period:
                name, head = head, ""
            occurrence = 0
            while any(_same(period, p.period) for p in groups.get((name, path, head, occurrence), ())):
                occurrence += 1
            key = (name, path, head, occurrence)
            if (
                not row_period
                and occurrence == 0
                and key in groups
                and groups[key][0].row.index != row.index
                and not path_period
                and not dated
            ):
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
        [part for part in column if part and part not in _spoken(heads)]
        for column, heads in zip(parts, table.columns, strict=True)
    ]
    values = cleaned[1:]
    shared = set.intersection(*(set(column) for column in values)) if len(values) > 1 else set()
    names = []
    for column, all_heads in zip(cleaned, table.columns, strict=True):
        kept = [part for part in column if part not in shared]
        marks = [head for head in all_heads.heads if head.strip("() ") in ("%", "$", "€", "£") and len(table.columns) > 2]
        names.append(" ".join([*kept, *marks]))
    _tell_apart_by_unit(names, table.columns)
    if len(set(names[1:])) == 1 and not any(find_periods(c.name) for c in table.columns):
        return [" ".join(column) for column in cleaned]
    return _merge_over_periods(names, table.columns)


def _tell_apart_by_unit(names: list[str], columns: Sequence[Column]) -> None:
    """Columns of one name and one period are told apart by their units: 'M' and '$M', 'No.' and "£'000"."""
    alike: dict[tuple[str, tuple[object, ...]], list[int]] = {}
    for column in columns[1:]:
        alike.setdefault((names[column.index], _told(column.period)), []).append(column.index)
    for group in alike.values():
        lowest = [columns[index].heads[-1:] for index in group]
        if len(group) > 1 and len(set(lowest)) == len(group):
            for index, head in zip(group, lowest, strict=True):
                names[index] = " ".join([*names[index].split(), *(one for one in head if is_unit_note(one))])


def _spoken(column: Column) -> str:
    """The text of the periods that the column's heads say only together, "First" over "Quarter"."""
    return " ".join(found.text for found in find_periods(column.name)) if column.period else ""


def _without_period(head: str) -> str:
    if names_periods(head) or is_unit_note(head):
        return ""
    for found in find_periods(head):
        head = head.replace(found.text, " ")
    head = re.sub(
        r"\b(?:rmb|us\$|usd|eur|gbp|[$€£])?\s?['’‘]?(?:000s?|millions?|thousands?|billions?|m|bn)\b(?:\s*$|\))|[€£$]m\b",
        " ",
        head,
        flags=re.I,
    )
    head = " ".join(re.sub(r"^[\s,:]+|[\s,:]+$|\(\d\)", "", head).split())
    return "" if _SPAN_WORDS.fullmatch(head) else head


_SPAN_WORDS = re.compile(
    r"(?:(?:for|as|of|at|the|and|years?|months?|quarters?|weeks?|periods?|ended|ending|fiscal|twelve|three|six|nine|\d+)\s*)+",
    re.I,
)


def _merge_over_periods(names: list[str], columns: Sequence[Column]) -> list[str]:
    """Columns whose names differ and whose periods never meet are one thing over time: '53 weeks' 2019, '52 weeks' 2018."""
    of_name: dict[str, list[int]] = {}
    for column in columns[1:]:
        if column.period and not _CHANGE.search(column.name):
            of_name.setdefault(names[column.index], []).append(column.index)
    if len(of_name) < 2 or len({tuple(sorted(_marks(columns[i]) for i in group)) for group in of_name.values()}) > 1:
        return names
    told = [_told(columns[i].period) for group in of_name.values() for i in group]
    if len(set(told)) < len(told):
        return names
    common = set.intersection(*(set(name.split()) for name in of_name))
    first = next(iter(of_name))
    shared = " ".join(word for word in first.split() if word in common)
    merged = list(names)
    for group in of_name.values():
        for index in group:
            merged[index] = shared
    return merged


_CHANGE = re.compile(r"\b(?:change|variance|increase|decrease|growth|difference|adjustments?|effects?|without)\b", re.I)


def _marks(column: Column) -> bool:
    return bool(re.search(r"%|percent", column.name, re.I))


def _told(period: Period | None) -> tuple[object, ...]:
    return (period.year, period.end, period.quarter, period.half, period.month, period.day) if period else ()


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
        months=row.months or column.months,
    )


def _same(one: Period | None, other: Period | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.order, one.quarter, one.end, one.month) == (other.order, other.quarter, other.end, other.month)


def in_time(points: Sequence[Point]) -> list[Point]:
    """Points that have periods, earliest first."""
    return sorted((p for p in points if p.period), key=lambda p: p.period.order if p.period else (0, 0, 0))
