"""The primary statements among a document's tables: income statement, balance sheet and cash flow statement.

Told by the rows that such a statement cannot lack, and by its title. Invariant: a statement is made of a document's own
tables; its columns say when they are about only by words of their heads, corner, caption or section.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from retrieval.graph.cells import Cell, Column, Row, Table
from retrieval.graph.reading.periods import months_spanned

Kind = Literal["income", "balance", "cash flow"]

_TITLES: dict[Kind, re.Pattern[str]] = {
    "income": re.compile(
        r"statements? of (?:consolidated )?(?:net )?(?:income|operations|earnings|profit)|\bincome statements?"
        r"|profit (?:and|or) loss",
        re.I,
    ),
    "balance": re.compile(r"balance sheets?|statements? of (?:consolidated )?financial (?:position|condition)", re.I),
    "cash flow": re.compile(r"statements? of (?:consolidated )?cash ?flows?|cash flows? statements?", re.I),
}
_NEEDED: dict[Kind, tuple[re.Pattern[str], ...]] = {
    "cash flow": (
        re.compile(r"^(?:net )?cash\b.*\boperat(?:ing activities|ions)", re.I),
        re.compile(r"^(?:net )?cash\b.*\binvesting activities", re.I),
        re.compile(r"^(?:net )?cash\b.*\bfinancing activities", re.I),
    ),
    "income": (
        re.compile(r"^(?:consolidated )?net \(?(?:income|loss|earnings|profit)\b", re.I),
        re.compile(r"\bbefore\b.*\btax|\bpre-?tax|\b(?:income|provision|benefit)\b.*\btax(?:es)?\b", re.I),
        re.compile(r"\brevenues?\b|\bsales\b", re.I),
    ),
    "balance": (
        re.compile(r"^total assets\b", re.I),
        re.compile(r"^total (?:capitalization and )?liabilities\b|\bequity\b|^total .*\bdeficit\b", re.I),
    ),
}
_OTHER = re.compile(
    r"\bparent\b|pro ?forma|guarant(?:or|ee)|obligor|consolidating|\bquarterly\b|\bselected\b|discontinued|\bsegments?\b"
    r"|summar(?:y|i[sz]ed)|variable interest|reconcil|\bas (?:previously )?reported\b|non-gaap|\badjusted\b|common[- ]size"
    r"|supplement(?!ary data)|schedule",
    re.I,
)


@dataclass(frozen=True, slots=True)
class When:
    """What a column is about: the end of its period, and the months that it spans; 0 for a day (a balance sheet's)."""

    year: int
    month: int | None
    day: int | None
    months: int


@dataclass(frozen=True)
class Statement:
    """`tables`: one, or the parts of one that goes on over the page. titled: named as such; consolidated: of the group.

    partial: of something smaller, or otherwise made (a parent company, a segment, pro forma, adjusted): never a primary one.
    """

    kind: Kind
    tables: tuple[Table, ...]
    titled: bool
    consolidated: bool
    partial: bool = False

    @property
    def rows(self) -> Iterator[tuple[Table, Row]]:
        """Every row with its table, top to bottom."""
        return ((table, row) for table in self.tables for row in table.rows)

    def whens(self) -> tuple[When, ...]:
        """What its columns are about, left to right, each once."""
        return tuple(dict.fromkeys(when for table in self.tables for _, when in columns(self.kind, table)))

    def cell(self, table: Table, row: Row, when: When) -> tuple[Column, Cell] | None:
        """The row's amount in the column that is about `when`; per cents of other figures beside the amounts are passed
        over."""
        for column, had in columns(self.kind, table):
            cell = row.at(column.index)
            if had == when and cell is not None and (cell.figure is None or cell.figure.kind != "percent"):
                return column, cell
        return None


def statements_of(tables: Sequence[Table]) -> tuple[Statement, ...]:
    """The statements among a document's tables: titled and consolidated ones first, then in the document's order."""
    found: list[tuple[tuple[bool, bool, int], Statement]] = []
    used: set[int] = set()
    for place in range(len(tables)):
        for kind in _NEEDED:
            if place in used:
                continue
            parts = _whole(kind, tables, place)
            if parts is None:
                continue
            statement = _statement(kind, parts)
            if not statement.whens():
                continue
            used |= {place + after for after in range(len(parts))}
            found.append(((not statement.titled, not statement.consolidated, place), statement))
    return tuple(statement for _, statement in sorted(found, key=lambda one: one[0]))


def _whole(kind: Kind, tables: Sequence[Table], place: int) -> tuple[Table, ...] | None:
    """The table, with the one that goes on after it where its own rows are not enough; None where it is no such
    statement."""
    parts = _enough(kind, tables, place)
    following = tables[place + len(parts)] if parts and place + len(parts) < len(tables) else None
    if parts and following is not None and following.caption == parts[-1].caption != "" and _goes_on(parts[-1], following):
        return (*parts, following)  # what goes on over the page has the caption and the heads of what it goes on from
    return parts


def _enough(kind: Kind, tables: Sequence[Table], place: int) -> tuple[Table, ...] | None:
    table = tables[place]
    held = _held(kind, table)
    need = 2 if kind == "cash flow" else len(_NEEDED[kind])
    titled = bool(_TITLES[kind].search(_title(table)))
    if kind == "income" and titled and held >= {0, 1}:
        return (table,)  # a bank's revenue goes by other names
    if len(held) >= need and (kind != "income" or 0 in held):
        return (table,)
    following = tables[place + 1] if place + 1 < len(tables) else None
    goes_on = bool(held and titled and following is not None and _goes_on(table, following))
    if goes_on and following is not None and len(held | _held(kind, following)) >= need:
        return (table, following)
    return (table,) if titled and kind == "cash flow" and 0 in held else None


def _held(kind: Kind, table: Table) -> set[int]:
    labels = [row.label for row in table.rows if any(cell.figure or cell.nil for cell in row.cells)]
    return {number for number, pattern in enumerate(_NEEDED[kind]) if any(pattern.search(label) for label in labels)}


def _goes_on(table: Table, following: Table) -> bool:
    near = table.page is None or following.page is None or following.page - table.page == 1
    return near and [c.period for c in table.columns] == [c.period for c in following.columns]


def _title(table: Table) -> str:
    return " ".join((table.caption, table.corner, *table.section[-2:]))


def _statement(kind: Kind, parts: tuple[Table, ...]) -> Statement:
    title = _title(parts[0])
    other = bool(_OTHER.search(" ".join((parts[0].caption, parts[0].corner, *parts[0].section[-1:]))))
    titled = bool(_TITLES[kind].search(title)) and not other
    return Statement(kind, parts, titled, "consolidated" in title.lower() and not other, other)


def primary(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """The titled statements of each kind; where a kind has none, the first that has all of its rows."""
    found: list[Statement] = []
    for kind in _NEEDED:
        own = [one for one in statements if one.kind == kind and not one.partial]
        found += [one for one in own if one.titled] or own[:1]
    return tuple(found)


def columns(kind: Kind, table: Table) -> list[tuple[Column, When]]:
    """The table's columns that name a year, with what they are about."""
    out = []
    for column in table.columns[1:]:
        period = column.period
        if period is None or period.year is None or period.end is not None:
            continue
        months = 0 if kind == "balance" else 3 if period.quarter else 6 if period.half else _months(column, table)
        when = When(period.year, period.month, period.day, months)
        if period.month == 1 and (period.day or 31) <= 7:  # a year of 52 or 53 weeks that ends in the first days of the next
            when = When(period.year - 1, 12, 31, months)
        out.append((column, when))
    return out


def _months(column: Column, table: Table) -> int:
    """How long the column's period is, by the nearest words that say so; a year where none do."""
    said = (column.name, table.corner, table.caption, *reversed(table.section))
    return next((months for text in said if (months := months_spanned(text))), 12)
