"""Cells read back out of the quotes that `citing.quote` made: what a figure's row and column are called, and its words.

A record names a cell by its place and value, and keeps its words in the quote alone; a reader wants both together.
Invariant: a figure is joined only with a quoted cell that reads as its value, and two rows of a table with two quoted rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from retrieval.graph.reading.figures import read_cell

_Row = tuple[str, Any, Any]


@dataclass(frozen=True)
class QuotedCell:
    """`row` and `column` are the labels as quoted, `text` is the cell as quoted, `quote` the place of its quote."""

    row: str
    column: str
    text: str
    quote: int


def find_cells(figures: Sequence[Mapping[str, Any]], quotes: Sequence[str]) -> list[QuotedCell | None]:
    """For each recorded figure the quoted cell that it is; None where it is no single cell, or no quote holds it.

    figures: in the order in which the quotes name them, each with `value` and `cells`.
    """
    lines = [list(_cells(line, number)) for number, quote in enumerate(quotes) for line in quote.split("\n")]
    line_of: dict[_Row, int] = {}
    taken: set[tuple[int, int]] = set()
    out: list[QuotedCell | None] = []
    for figure in figures:
        row = _row_of(figure)
        places = [] if row is None else [line_of[row]] if row in line_of else _free(len(lines), line_of)
        at = next(
            (
                (line, place)
                for line in places
                for place, cell in enumerate(lines[line])
                if (line, place) not in taken and _reads_as(cell.text, figure["value"])
            ),
            None,
        )
        if at is None or row is None:
            out.append(None)
            continue
        line_of[row] = at[0]
        taken.add(at)
        out.append(lines[at[0]][at[1]])
    return out


def _free(count: int, line_of: Mapping[_Row, int]) -> list[int]:
    return [line for line in range(count) if line not in line_of.values()]


def _row_of(figure: Mapping[str, Any]) -> _Row | None:
    cells = figure.get("cells", ())
    if len(cells) != 1:
        return None
    cell = cells[0]
    return str(cell.get("document")), cell.get("table"), cell.get("row")


def _cells(line: str, quote: int) -> Iterator[QuotedCell]:
    """'Total sales | 2019: $1,496.5 | 2018: $1,202.9': the first part names the row, unless the row has no name."""
    parts = line.split(" | ")
    for place, part in enumerate(parts):
        column, _, text = part.rpartition(": ")
        yield QuotedCell(parts[0] if place else "", column, text.strip(), quote)


def _reads_as(text: str, value: Any) -> bool:
    """Whether a cell's words are that value, by either habit of writing decimals."""
    try:
        wanted = Decimal(str(value))
    except InvalidOperation:
        return False
    return any(read is not None and read.value == wanted for read in (read_cell(text), read_cell(text, True)))
