"""CSV and TSV: the sign between cells found from the rows themselves, lines above the heads as the table's caption.

A cell may hold line breaks and the sign itself, in quotes.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import islice

from retrieval.documents.blocks import Block, Parsed, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.office.regions import Sheet, add_sheet

_SIGNS = (",", ";", "\t", "|")
_LOOKED_AT = 400  # rows
_LONGEST_CELL = 1 << 20
MOST_ROWS = 200_000


def read_csv(text: str) -> Parsed:
    """The file's table. Rows beyond MOST_ROWS are left out and named."""
    lines, sign = _without_directive(text)
    sign = sign or sign_of(lines)
    rows = list(islice(_rows(lines, sign), MOST_ROWS + 1))
    notes = (f"more than {MOST_ROWS:,} rows; the rest was left out: split it",) if len(rows) > MOST_ROWS else ()
    cells = {
        (number, column): said
        for number, row in enumerate(rows[:MOST_ROWS], 1)
        for column, cell in enumerate(row, 1)
        if (said := squeeze(cell))
    }
    blocks: list[Block] = []
    grids: list[Grid] = []
    add_sheet(Sheet(cells, {}), blocks, grids)
    return Parsed("", tuple(blocks), grids=tuple(grids), notes=notes)


def sign_of(text: str) -> str:
    """The sign that most rows hold equally often, in quotes or not; the comma where none parts anything."""
    best = (0.0, 0, ",")
    for sign in _SIGNS:
        counts = Counter(len(row) for row in islice(_rows(text, sign), _LOOKED_AT) if any(row))
        wide = Counter({width: number for width, number in counts.items() if width > 1})
        if wide:
            width, number = max(wide.items(), key=lambda one: (one[1], one[0]))
            best = max(best, (number / counts.total(), width, sign), key=lambda one: one[:2])
    return best[2]


def _rows(text: str, sign: str) -> csv.Reader:  # type: ignore[name-defined]
    csv.field_size_limit(_LONGEST_CELL)
    return csv.reader(io.StringIO(text, newline=""), delimiter=sign, skipinitialspace=True)


def _without_directive(text: str) -> tuple[str, str]:
    """Spreadsheet programs may write "sep=;" as the first line."""
    first, _, rest = text.partition("\n")
    directive = first.strip().lower()
    return (rest, first.strip()[4:]) if directive.startswith("sep=") and len(directive) == 5 else (text, "")
