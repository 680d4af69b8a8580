"""What a table is made of once it is read: cells in rows and columns.

Invariant: `Cell.text` is what the document shows; everything else about a cell is an inference that names its ground.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.documents.grid import Box
from retrieval.graph.reading.figures import Figure
from retrieval.graph.reading.periods import Period


@dataclass(frozen=True, slots=True)
class Cell:
    """`figure` carries the inferred kind, currency and scale; None for texts, dashes and blanks. `unit` is "years",
    "shares" …"""

    row: int
    column: int
    text: str
    figure: Figure | None = None
    unit: str = ""
    nil: bool = False
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Column:
    index: int
    heads: tuple[str, ...]
    period: Period | None = None

    @property
    def name(self) -> str:
        return " ".join(self.heads)


@dataclass(frozen=True, slots=True)
class Row:
    """`path` is the labels above it that it stands under, outermost first; `period` where the row itself is a period."""

    index: int
    label: str
    path: tuple[str, ...]
    total: bool
    period: Period | None
    cells: tuple[Cell, ...]
    label_text: str = ""

    def at(self, column: int) -> Cell | None:
        return next((cell for cell in self.cells if cell.column == column), None)


@dataclass(frozen=True)
class Table:
    """`number` counts the document's tables from 0; `around` is the text beside it that speaks of it."""

    number: int
    caption: str
    section: tuple[str, ...]
    page: int | None
    corner: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    scale: int | None = None
    currency: str = ""
    around: str = ""
    head_rows: tuple[tuple[str, ...], ...] = ()

    def column(self, index: int) -> Column:
        return self.columns[index]
