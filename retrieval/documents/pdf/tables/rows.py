"""What a table of a page says: its caption and its rows, labels that run over several lines joined.

Invariant: no figure of a table's lines is lost; each is in exactly one cell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from retrieval.documents.grid import Box
from retrieval.documents.pdf.columns import Piece, column_of
from retrieval.documents.pdf.page_lines import Line
from retrieval.documents.pdf.tables.find import Table

_OPEN = re.compile(r"(?:[,\-–—/&(]|\b(?:and|or|of|the|in|to|for|from|by|with|on|at|net|other|a|an|than|as|per|less))$", re.I)
_MEASURE = re.compile(r"[$€£¥%]|\b(?:millions?|thousands?|billions?|000s?|percent|per share|dollars|euros?|except)\b", re.I)

_CLEARLY = 0.9  # of the gap on a line's other side: nearer than this, it belongs to what it is near to


def caption(lines: list[Line], table: Table, floor: int) -> str:
    """The lines just above a table that speak of it, one a line: its title, its unit, the sentence that ends in a colon."""
    found: list[str] = []
    number = table.first - 1
    while number >= floor and len(found) < 4:
        line, below = lines[number], lines[number + 1]
        limit = 5.0 if not found else 2.4
        if line.row or line.base - below.base > limit * max(line.size, below.size):
            break
        text = line.text
        if len(line.pieces) > 2 or (found and found[0][:1].islower() is False and text.endswith(".")):
            break
        prose = len(text.split()) > 14
        if prose and not found and not text.endswith((":", ".")):
            break
        if prose and found and not found[0][:1].islower() and not _OPEN.search(text):
            break
        if text.endswith(".") and prose:
            break
        found.insert(0, text)
        number -= 1
    for line in lines[table.first : table.first + table.heads]:
        first = line.pieces[0]
        if first.middle < table.start and _MEASURE.search(first.text) and first.text not in found:
            found.append(first.text)
    return "\n".join(found)


@dataclass(slots=True)
class Row:
    """A row in the making: the label's pieces line by line, and the pieces of each column."""

    label: list[Piece]
    cells: dict[int, list[Piece]]
    base: float
    size: float

    @property
    def text(self) -> str:
        return joined([piece.text for piece in self.label])

    def box(self, at: int) -> Box | None:
        pieces = self.label if at == 0 else self.cells.get(at - 1, [])
        if not pieces:
            return None
        boxes = [piece.box for piece in pieces]
        return (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))


def joined(parts: list[str]) -> str:
    """Lines of one text: a hyphen at a line's end stays and the word goes on."""
    text = ""
    for part in parts:
        text += part if not text or (text.endswith("-") and not text.endswith(" -")) else f" {part}"
    return text


def rows_of(lines: list[Line], table: Table) -> list[Row]:
    """The rows below the head; labels of several lines are one, lines without figures are rows of their own."""
    rows = [_row(line, table) for line in lines[table.first + table.heads : table.last + 1]]
    joining = _Joining(rows)
    found: list[Row] = []
    for at, row in enumerate(rows):
        above = found[-1] if found else None
        if above and not row.label and not above.cells and above.base - row.base < max(0.75 * joining.pitch, 0.9 * row.size):
            row.label = above.label  # figures set a little lower than their label
            found[-1] = row
        elif above and row.label and above.label and joining.goes_on(above, at):
            above.label += row.label
            _add(above, row)
            above.base = row.base
        elif not row.label and not any(piece.figure for cell in row.cells.values() for piece in cell):
            below = rows[at + 1] if at + 1 < len(rows) else None
            if below and below.cells and (not above or row.base - below.base < 0.9 * (above.base - row.base)):
                below.cells = {**row.cells, **below.cells} | {
                    one: row.cells[one] + below.cells[one] for one in row.cells.keys() & below.cells.keys()
                }
            elif above and above.base - row.base < 1.4 * row.size:
                _add(above, row)  # words of a cell that wrapped
                above.base = row.base
            else:
                found.append(row)
        else:
            found.append(row)
    while found and table.tail and not found[-1].cells:
        found.pop()  # lines after the last figures that were no part of its label
    return found


def _add(above: Row, row: Row) -> None:
    for at, pieces in row.cells.items():
        above.cells.setdefault(at, []).extend(pieces)


def _row(line: Line, table: Table) -> Row:
    first = line.pieces[0]
    is_label = first.right <= table.start if first.figure else first.left < table.start - 0.5
    row = Row([first] if is_label else [], {}, line.base, line.size)
    for piece in line.pieces[1:] if is_label else line.pieces:
        row.cells.setdefault(column_of(piece, table.columns), []).append(piece)
    return row


class _Joining:
    """Which lines of a table's rows are parts of one label, by how tight they are set and by their words."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._gaps = [above.base - below.base for above, below in pairwise(rows)]
        pitches = [above.base - below.base for above, below in pairwise(rows) if above.cells and below.cells]
        self.pitch = median(pitches) if pitches else 1.5 * (rows[0].size if rows else 1.0)
        self._edge = max((piece.right for row in rows for piece in row.label if row.cells), default=0.0)

    def goes_on(self, above: Row, at: int) -> bool:
        """Whether line `at` goes on the label above it. Never where both have figures, nor after a colon.

        A line without figures does where it stands clearly nearer to that label than to what is below; else the words
        must say so, or the label above have had no room for the next word: the name of a group stands near to its first row.
        """
        row = self._rows[at]
        distance = above.base - row.base
        if (above.cells and row.cells) or distance > (1.6 * row.size if above.cells else 1.1 * self.pitch):
            return False
        last, first = above.label[-1], row.label[0]
        if last.text.endswith(":"):
            return False
        tight = distance < 1.4 * row.size
        if tight and above.cells and distance < _CLEARLY * min(self._gap_below(at), 1.5 * self.pitch):
            return True
        if tight and above.cells and first.text[0].islower():
            return True
        room = self._edge - last.right > first.words[0].right - first.words[0].left + 0.3 * row.size
        runs_on = bool(first.text[0].islower() or (first.text[0] in "(&" and not row.cells) or _OPEN.search(last.text))
        if tight and distance < 0.88 * self.pitch:
            return runs_on or not room
        return runs_on and not room

    def _gap_below(self, at: int) -> float:
        """The widest gap from a line down to the next one with figures."""
        found = 0.0
        for number in range(at, len(self._gaps)):
            found = max(found, self._gaps[number])
            if self._rows[number + 1].cells:
                return found
        return found or self.pitch
