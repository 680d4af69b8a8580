"""Tables of a page by the places of its words: figures that stand under each other beside labels.

A table is a stretch of lines of which most hold figures apart from their label. Its columns are where figures lie over
each other, its head is what stands above the first row of figures over these columns, its caption is the text just above.
Invariant: no figure of a table's rows is lost; each is in exactly one cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from retrieval.documents.pdf.columns import Column, Piece, divided, find_columns
from retrieval.documents.pdf.page_lines import Line
from retrieval.documents.pdf.tables.head_lines import heads_above, is_bare_head, names_columns, with_empty

_NEAR = 4.2  # of the type's height: lines further apart are not of one table
_MOST_COLUMNS = 80
_BETWEEN = 8  # lines without figures that may stand between two rows


@dataclass(slots=True)
class Table:
    """Lines `first` to `last` of the page, the first `heads` of which name the columns; `start`: where its figures begin.

    tail: whether lines without figures follow its last row, perhaps the rest of that row's label.
    """

    first: int
    heads: int
    last: int
    columns: list[Column]
    label_left: float
    start: float
    tail: bool = False


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
    """Both as one table, where the lower one has no heads of its own, stands close, and its figures stand in the upper's
    columns.
    """
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
        if min(column.right, other.right) - max(column.left, other.left)
        > 0.5 * min(column.right - column.left, other.right - other.left)
    ]
    if len(set(homes)) != len(table.columns) or len(homes) != len(table.columns) or table.label_left > above.start:
        return None
    for column, at in zip(table.columns, homes, strict=True):
        other = above.columns[at]
        other.left, other.right = min(other.left, column.left), max(other.right, column.right)
    return replace(above, last=table.last, tail=table.tail)


def _stretches(lines: list[Line]) -> Iterator[list[int]]:
    """Runs of rows with the lines between them, each a list of line numbers that begins and ends with a row."""
    current: list[int] = []
    waiting: list[int] = []
    for number, line in enumerate(lines):
        above = lines[number - 1] if number else line
        near = -line.size < above.base - line.base < _NEAR * max(line.size, above.size)
        if current and not near:
            yield current
            current, waiting = [], []
        if line.row:
            if (
                current
                and waiting
                and _interrupts([lines[at] for at in waiting], [*lines[current[0] : current[-1] + 1], line])
            ):
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
    """Where the figures of rows begin; of rows of words alone, the cells after the label.

    A figure may begin its line where a label stands on two lines about it: it counts where no label lies over or under it.
    """
    rows = [line for line in lines if line.row]
    cells = [piece for line in rows for piece in line.pieces[1:]]
    figures = [piece for piece in cells if piece.figure]
    if not figures:
        return min(piece.left for piece in cells)
    start = min(piece.left for piece in figures)
    labels = [line.pieces[0] for line in lines if not line.pieces[0].figure and line.pieces[0].left < start]
    alone = [line.pieces[0] for line in rows if line.pieces[0].figure and line.pieces[0].right < start]
    for piece in alone if labels else []:
        over = sum(label.left < piece.right and piece.left < label.right for label in labels)
        if over < 0.3 * len(labels) and piece.left > min(label.left for label in labels) + 1:
            start = min(start, piece.left)
    return start


def _interrupts(between: list[Line], around: list[Line]) -> bool:
    """Whether lines between rows are running text, not labels: they reach far over where the figures stand."""
    start = _start(around)
    wide = [line for line in between if any(_reaches_over(piece, start, line.size) for piece in line.pieces)]
    if len(wide) > 1:
        return True
    if any(line.pieces[0].left > start - line.size for line in between) and any(
        line.text.endswith(":") for line in between[:-1]
    ):
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
        names = names_columns(line, figures)
        if rows and names:
            up = at
            while up - 1 > start and not lines[stretch[up - 1]].row:
                up -= 1
            yield stretch[start:up]
            start, rows = at, 0
        elif line.row and not names:
            rows += 1
    yield stretch[start:]


def _table(lines: list[Line], numbers: list[int], floor: int) -> Table | None:
    """The table of these lines, or None where they are no table after all."""
    rows = [number for number in numbers if lines[number].row]
    whole = [lines[number] for number in numbers]
    start = _start(whole)
    body = [number for number in rows if not names_columns(lines[number], start)]
    if not body:
        return None
    label_left = min(line.left for line in whole if not names_columns(line, start))
    start = _start([line for line in whole if not names_columns(line, start)])
    columns = find_columns([_cells(lines[number], start) for number in body])
    if not columns or not _worth(body, columns, lines):
        return None
    last = numbers[-1]
    start = columns[0].left
    columns = [column for column in columns if column.right > label_left]
    while len(body) > 1 and lines[body[0]].left > start - 1 and not any(piece.figure for piece in lines[body[0]].pieces):
        body = body[1:]  # words over the columns: units, kinds
    if len(body) > 3 and is_bare_head(lines[body[0]], columns, start):
        body = body[1:]
    first, heads = heads_above(lines, body[0], floor, label_left, columns, numbers[0])
    if heads:
        lowest = lines[first + heads - 1]
        lowest.pieces = [part for piece in lowest.pieces for part in divided(piece, columns)]
        columns = with_empty(columns, lowest, start)
    end = _end_of_label(lines, last, label_left, start)
    return Table(first, heads, end, columns, label_left, start, tail=end > last)


def _end_of_label(lines: list[Line], last: int, label_left: float, start: float) -> int:
    """The last line that may belong to the label of a table's last row: close below it, at the labels' place."""
    end = last
    while end + 1 < len(lines) and end - last < 3:
        line, above = lines[end + 1], lines[end]
        near = 0 < above.base - line.base < 1.4 * line.size
        if not near or len(line.pieces) > 1 or line.right > start or abs(line.left - label_left) > 4 * line.size:
            break
        end += 1
    return end


def _cells(line: Line, start: float) -> list[Piece]:
    """The pieces of a row that are no label. A figure that begins the line left of where figures `start` is a label: a
    year, a number.
    """
    first = line.pieces[0]
    return line.pieces if first.figure and first.right > start else line.pieces[1:]


def _worth(body: list[int], columns: list[Column], lines: list[Line]) -> bool:
    """A table has two rows, or one with several figures; and is no list of contents."""
    if (len(body) < 2 and len(columns) < 2) or len(columns) > _MOST_COLUMNS:
        return False
    cells = [piece for number in body for piece in lines[number].pieces[1:]]
    if any(len(piece.words) > 10 for piece in cells) and sum(piece.figure for piece in cells) < 0.6 * len(cells):
        return False  # running text beside names or numbers
    lists = [[piece.text for piece in lines[number].pieces[1:] if piece.figure] for number in body]
    if len(body) > 4 and all(len(figures) == 1 for figures in lists):
        pages = [int(one) for (one,) in lists if one.isdigit() and len(one) < 4]
        return not (len(pages) > 0.8 * len(body) and pages == sorted(pages))
    return True
