"""Tables of a page by the places of its words: figures that stand under each other beside labels.

A table is a stretch of lines of which most hold figures apart from their label. Its columns are where figures lie over each other,
its head is what stands above the first row of figures over these columns, its caption is the text just above.
Invariant: no figure of a table's rows is lost; each is in exactly one cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

from retrieval.documents.grid import Box
from retrieval.documents.pdf.columns import Column, Piece, column_of, find_columns, pieces_of
from retrieval.documents.pdf.words import TextLine

_NEAR = 4.2  # of the type's height: lines further apart are not of one table
_BETWEEN = 5  # lines without figures that may stand between two rows
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(rf"\b(?:{_MONTH}\s+\d|(?:19|20)\d\d\b|ended\b|\d{{1,2}}\.?\s+{_MONTH})", re.I)
_OPEN = re.compile(r"(?:[,\-–—/&(]|\b(?:and|or|of|the|in|to|for|from|by|with|on|at|net|other|a|an|than|as|per|less))$", re.I)
_NAME = re.compile(r"^[A-Z]?\d{1,4}[A-Z]?(?: ?[*†‡])?$")
_NOTE = re.compile(r"^\((?:\d{1,2}|[a-z])\)$")
_MEASURE = re.compile(r"[$€£¥%]|\b(?:millions?|thousands?|billions?|000s?|percent|per share|dollars|euros?|except)\b", re.I)


@dataclass(slots=True)
class Line:
    """A line of the page with its pieces. `row`: it holds a figure apart from its label, as rows of tables do, or it is `aligned`:
    one of several lines whose pieces begin at the same places.
    """

    base: float
    size: float
    pieces: list[Piece]
    row: bool
    aligned: bool = False

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)

    @property
    def left(self) -> float:
        return self.pieces[0].left

    @property
    def right(self) -> float:
        return self.pieces[-1].right


@dataclass(slots=True)
class Table:
    """Lines `first` to `last` of the page, the first `heads` of which name the columns; `start`: where its figures begin."""

    first: int
    heads: int
    last: int
    columns: list[Column]
    label_left: float
    start: float


def prepared(lines: list[TextLine]) -> list[Line]:
    """The lines of a page with their pieces."""
    found = []
    for line in lines:
        pieces = pieces_of(line)
        if pieces:
            found.append(Line(line.base, line.size, pieces, _is_row(pieces)))
    _align(found)
    return found


def _align(lines: list[Line]) -> None:
    """Marks runs of lines that begin their pieces at the same places: rows of words ("Custodian   Nordhaven Bank").

    Running text in two columns does so too, but its pieces are long. The first line of a run of figures is its head.
    """
    first = 0
    while first < len(lines):
        last = first
        while last + 1 < len(lines) and _alike(lines[last], lines[last + 1]):
            last += 1
        run = lines[first : last + 1]
        words = [len(piece.words) for line in run for piece in line.pieces]
        if len(run) > 2 and sum(words) <= 5 * len(words):
            headed = sum(line.row for line in run[1:]) >= 0.7 * (len(run) - 1)
            for line in run[headed:]:
                line.aligned = line.aligned or not line.row
                line.row = True
        first = last + 1


def _alike(line: Line, below: Line) -> bool:
    if len(line.pieces) < 2 or len(line.pieces) != len(below.pieces) or line.base - below.base > 2.2 * line.size:
        return False
    places = zip(line.pieces[1:], below.pieces[1:], strict=True)
    return abs(line.left - below.left) < 2 * line.size and all(abs(one.left - other.left) < 1.5 for one, other in places)


def _is_row(pieces: list[Piece]) -> bool:
    cells = pieces[1:] if len(pieces) > 1 else []
    figures = [piece for piece in cells if piece.figure]
    if not pieces[-1].figure and len(pieces[0].words) > 7 and sum(len(piece.words) for piece in pieces) > 13:
        return False  # a sentence with a wide gap
    if len(figures) == 1 and len(cells) > 2 and _NOTE.match(figures[0].text):
        return False  # words with the mark of a footnote among them
    if not pieces[0].figure:
        return bool(figures)
    return len(figures) > 1 or len(pieces) == 2 and bool(figures)


def find_tables(lines: list[Line]) -> list[Table]:
    """The tables of a page, top to bottom; no line is in two."""
    tables: list[Table] = []
    floor = 0
    for stretch in _stretches(lines):
        for part in _parts(lines, stretch):
            table = _table(lines, part, floor)
            if table:
                whole = _continued(lines, tables[-1], table) if tables else None
                tables[-1:] = [whole] if whole else [*tables[-1:], table]
                floor = table.last + 1
    return tables


def _continued(lines: list[Line], above: Table, table: Table) -> Table | None:
    """Both as one table, where the lower one has no heads of its own, stands close, and its figures stand in the upper's columns."""
    between = lines[above.last + 1 : table.first]
    size = lines[table.first].size
    if table.heads or not above.heads or lines[above.last].base - lines[table.first].base > 8 * size:
        return None
    if any(len(line.pieces) > 1 or len(line.text.split()) > 12 for line in between) or len(between) > 2:
        return None
    homes = [
        at
        for column in table.columns
        for at, other in enumerate(above.columns)
        if min(column.right, other.right) - max(column.left, other.left) > 0.5 * min(column.right - column.left, other.right - other.left)
    ]
    if len(set(homes)) != len(table.columns) or len(homes) != len(table.columns) or table.label_left > above.start:
        return None
    for column, at in zip(table.columns, homes, strict=True):
        other = above.columns[at]
        other.left, other.right = min(other.left, column.left), max(other.right, column.right)
    return replace(above, last=table.last)


def _stretches(lines: list[Line]) -> Iterator[list[int]]:
    """Runs of rows with the lines between them, each a list of line numbers that begins and ends with a row."""
    current: list[int] = []
    waiting: list[int] = []
    for number, line in enumerate(lines):
        near = number == 0 or lines[number - 1].base - line.base < _NEAR * max(line.size, lines[number - 1].size)
        if current and not near:
            yield current
            current, waiting = [], []
        if line.row:
            if current and waiting and _interrupts([lines[at] for at in waiting], lines[current[0] : current[-1] + 1] + [line]):
                yield current
                current = []
            current += [*waiting, number] if current else [number]
            waiting = []
        elif current:
            waiting.append(number)
            if len(waiting) > _BETWEEN:
                yield current
                current, waiting = [], []
    if current:
        yield current


def _start(lines: list[Line]) -> float:
    """Where the figures of rows begin; of rows of words alone, the cells after the label."""
    cells = [piece for line in lines if line.row for piece in line.pieces[1:]]
    return min(piece.left for piece in cells if piece.figure) if any(piece.figure for piece in cells) else min(
        piece.left for piece in cells
    )


def _interrupts(between: list[Line], around: list[Line]) -> bool:
    """Whether lines between rows are running text, not labels: they reach far over where the figures stand."""
    start = _start(around)
    wide = [line for line in between if any(_reaches_over(piece, start, line.size) for piece in line.pieces)]
    if len(wide) > 1:
        return True
    if any(line.pieces[0].left > start - line.size for line in between) and any(line.text.endswith(":") for line in between[:-1]):
        return True  # a sentence that announces the next table, then its heads
    return any(len(line.text.split()) >= 8 and not line.text.endswith(":") for line in wide)


def _reaches_over(piece: Piece, start: float, size: float) -> bool:
    return piece.left < start - size and piece.right > start + 2 * size and len(piece.words) > 3


def _parts(lines: list[Line], stretch: list[int]) -> Iterator[list[int]]:
    """A stretch cut where a line of column heads begins another table."""
    figures = _start([lines[number] for number in stretch])
    start = 0
    rows = 0
    for at, number in enumerate(stretch):
        line = lines[number]
        names = _names_columns(line, figures)
        if rows and names:
            up = at
            while up - 1 > start and not lines[stretch[up - 1]].row:
                up -= 1
            yield stretch[start:up]
            start, rows = at, 0
        elif line.row and not names:
            rows += 1
    yield stretch[start:]


def _names_columns(line: Line, start: float) -> bool:
    """Years or dates and no amount where the figures stand (from `start` on): "December 31, 2022 2021"."""
    cells = [piece for piece in line.pieces if piece.right > start]
    years = sum(piece.year for piece in cells)
    if not cells or any(piece.figure and not piece.year for piece in cells) or len(line.pieces) - len(cells) > max(1, years):
        return False
    if cells[0].left < start - 12 * line.size:
        return False  # a label that reaches over the figures
    dated = [bool(piece.year or (not line.aligned and _DATE.search(piece.text))) for piece in cells]
    return any(dated) and (all(dated) or years > 1)


def _table(lines: list[Line], numbers: list[int], floor: int) -> Table | None:
    """The table of these lines, or None where they are no table after all."""
    rows = [number for number in numbers if lines[number].row]
    start = _start([lines[number] for number in rows])
    body = [number for number in rows if not _names_columns(lines[number], start)]
    if not body:
        return None
    label_left = min(lines[number].left for number in body)
    start = _start([lines[number] for number in body])
    columns = find_columns([_cells(lines[number], start) for number in body])
    if not columns or not _worth(body, columns, lines):
        return None
    last = numbers[-1]
    start = columns[0].left
    columns = [column for column in columns if column.right > label_left]
    if len(body) > 3 and _is_bare_head(lines[body[0]], columns, start):
        body = body[1:]
    first, heads = _heads_above(lines, body[0], floor, label_left, columns, numbers[0])
    return Table(first, heads, last, columns, label_left, start)


def _is_bare_head(line: Line, columns: list[Column], start: float) -> bool:
    """A first row of plain numbers without a label that fills the columns: they are names (models, classes), not amounts."""
    cells = [piece for piece in line.pieces if piece.right > start]
    if len(cells) < len(line.pieces) or len(columns) < 3 or len(cells) < 0.6 * len(columns):
        return False
    return all(not piece.figure or _NAME.match(piece.text) for piece in cells)


def _heads_above(
    lines: list[Line], top: int, floor: int, label_left: float, columns: list[Column], stretch_first: int
) -> tuple[int, int]:
    """(first line of the table, how many lines of heads). Between the heads and row `top` the names of groups may stand."""
    end = top
    while end > floor and top - end < _BETWEEN and _is_group(lines[end - 1], lines[end], columns[0].left):
        end -= 1
    for under in range(end, top + 1):
        first = under
        while first > floor and _is_head(lines, first - 1, label_left, columns, stretch_first):
            first -= 1
        if first < under:
            return first, under - first
    return top, 0


def _is_group(line: Line, below: Line, start: float) -> bool:
    """A lone label close above another line: "Assets", "Current assets:"."""
    lone = len(line.pieces) == 1 and line.pieces[0].middle < start and line.right < start + 12 * line.size
    return lone and line.base - below.base < 2.6 * max(line.size, below.size)


def _cells(line: Line, start: float) -> list[Piece]:
    """The pieces of a row that are no label. A figure that begins the line left of where figures `start` is a label: a year, a number."""
    first = line.pieces[0]
    return line.pieces if first.figure and first.right > start else line.pieces[1:]


def _worth(body: list[int], columns: list[Column], lines: list[Line]) -> bool:
    """A table has two rows, or one with several figures; and is no list of contents."""
    if len(body) < 2 and len(columns) < 2:
        return False
    cells = [piece for number in body for piece in lines[number].pieces[1:]]
    if any(len(piece.words) > 10 for piece in cells) and sum(piece.figure for piece in cells) < 0.6 * len(cells):
        return False  # running text beside names or numbers
    lists = [[piece.text for piece in lines[number].pieces[1:] if piece.figure] for number in body]
    if len(body) > 2 and all(len(figures) == 1 for figures in lists):
        pages = [int(one) for (one,) in lists if one.isdigit() and len(one) < 4]
        return not (len(pages) > 0.8 * len(body) and pages == sorted(pages))
    return True


def _is_head(lines: list[Line], number: int, label_left: float, columns: list[Column], stretch_first: int) -> bool:
    """Whether the line above a table's first row (or above its heads) stands over the columns, not over the page."""
    line, below = lines[number], lines[number + 1]
    if line.base - below.base > (3.0 if number >= stretch_first else 2.6) * max(line.size, below.size):
        return False
    if number >= stretch_first and (line.row or len(line.pieces) > 1):
        return True
    if line.row and not (_names_columns(line, columns[0].left) or _is_bare_head(line, columns, columns[0].left)):
        return False
    start, size = columns[0].left, line.size
    over = [piece for piece in line.pieces if piece.right > start - size and piece.left > label_left + 0.35 * (start - label_left)]
    if not over:
        return False
    label = [piece for piece in line.pieces if piece not in over]
    if len(label) > 1 or any(piece.right > start + 3 * size for piece in label):
        return False
    middle, own = (label_left + columns[-1].right) / 2, (start + columns[-1].right) / 2
    off, off_own = abs(over[0].middle - middle), abs(over[0].middle - own)
    if len(line.pieces) == 1 and off < 2 * size and (over[0].left < start - 2 * size or off_own > 2 * size):
        return False  # a title over the whole table
    return len(line.text) < 200


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
    pitches = [above.base - below.base for above, below in zip(rows, rows[1:], strict=False) if above.cells and below.cells]
    pitch = median(pitches) if pitches else 1.5 * (rows[0].size if rows else 1.0)
    edge = max((piece.right for row in rows for piece in row.label if row.cells), default=0.0)
    found: list[Row] = []
    for row in rows:
        above = found[-1] if found else None
        if above and not row.label and not above.cells and above.base - row.base < 0.75 * pitch:
            row.label = above.label  # figures set a little lower than their label
            found[-1] = row
        elif above and row.label and above.label and _goes_on(above, row, pitch, edge):
            above.label += row.label
            for at, pieces in row.cells.items():
                above.cells.setdefault(at, []).extend(pieces)
            above.base = row.base
        elif above and not row.label and not any(piece.figure for cell in row.cells.values() for piece in cell):
            for at, pieces in row.cells.items():  # words of a cell that wrapped
                above.cells.setdefault(at, []).extend(pieces)
        else:
            found.append(row)
    return found


def _row(line: Line, table: Table) -> Row:
    first = line.pieces[0]
    is_label = first.right <= table.start if first.figure else first.left < table.start - 0.5
    row = Row([first] if is_label else [], {}, line.base, line.size)
    for piece in line.pieces[1:] if is_label else line.pieces:
        row.cells.setdefault(column_of(piece, table.columns), []).append(piece)
    return row


def _goes_on(above: Row, row: Row, pitch: float, edge: float) -> bool:
    """Whether a row's label is the rest of the label above it.

    Never where both have figures. Lines of one label are set tighter than rows; else the words tell, where the label above had to break.
    """
    if above.cells and row.cells:
        return False
    distance = above.base - row.base
    if distance > 1.1 * pitch or (above.cells and distance > 1.6 * row.size):
        return False
    last, first = above.label[-1], row.label[0]
    if last.text.endswith(":"):
        return False
    if distance < 0.88 * pitch and distance < 1.35 * row.size:
        return True
    room = edge - last.right > first.words[0].right - first.words[0].left + 0.3 * row.size
    return not room and bool(first.text[:1].islower() or _OPEN.search(last.text))
