"""Which lines above a table's figures are its heads: what stands over the columns, not over the page."""

from __future__ import annotations

import re

from retrieval.documents.pdf.columns import Column, divided
from retrieval.documents.pdf.page_lines import Line

_GROUPS = 5  # names of groups that may stand between the heads and the first row
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(rf"\b(?:{_MONTH}\s+\d|(?:19|20)\d\d\b|ended\b|\d{{1,2}}\.?\s+{_MONTH})", re.I)
_NAME = re.compile(r"^[A-Z]?\d{1,4}[A-Z]?(?: ?[*†‡])?$")


def heads_above(
    lines: list[Line], top: int, floor: int, label_left: float, columns: list[Column], stretch_first: int
) -> tuple[int, int]:
    """(first line of the table, how many lines of heads). Between the heads and row `top` the names of groups may stand."""
    end = top
    while end > floor and top - end < _GROUPS and _is_group(lines[end - 1], lines[end], columns[0].left):
        end -= 1
    for under in range(end, top + 1):
        first = under
        while first > floor:
            between = 2 if first < under and _is_amid_heads(lines, first - 1, floor, columns[0].left) else 1
            if not _is_head(lines, first - between, label_left, columns, stretch_first):
                break
            first -= between
        if first < under:
            return first, under - first
    return top, 0


def names_columns(line: Line, start: float) -> bool:
    """Years or dates and no amount where the figures stand (from `start` on): "December 31, 2022 2021"."""
    cells = [piece for piece in line.pieces if piece.right > start]
    years = sum(piece.year for piece in cells)
    if not cells or any(piece.figure and not piece.year for piece in cells) or len(line.pieces) - len(cells) > max(1, years):
        return False
    if cells[0].left < start - 12 * line.size:
        return False  # a label that reaches over the figures
    dated = [bool(piece.year or (not line.aligned and _DATE.search(piece.text))) for piece in cells]
    return any(dated) and (all(dated) or years > 1)


def with_empty(columns: list[Column], lowest: Line, start: float) -> list[Column]:
    """The columns and those that hold no cell but have a head: where the lowest heads are one for each column and some
    over.
    """
    heads = [piece for piece in lowest.pieces if piece.right > start - lowest.size]
    apart = [piece for piece in heads if all(piece.right < one.left or one.right < piece.left for one in columns)]
    if len(heads) <= len(columns) or len(heads) != len(columns) + len(apart):
        return columns
    return sorted([*columns, *(Column(piece.left, piece.right) for piece in apart)], key=lambda column: column.left)


def is_bare_head(line: Line, columns: list[Column], start: float) -> bool:
    """A first row of plain numbers without a label that fills the columns: they are names (models, classes), not amounts."""
    cells = [piece for piece in line.pieces if piece.right > start]
    if len(cells) < len(line.pieces) or len(columns) < 3 or len(cells) < 0.6 * len(columns):
        return False
    return all(not piece.figure or _NAME.match(piece.text) for piece in cells)


def _part_heads(line: Line, columns: list[Column]) -> None:
    """Parts heads that stand so close that they read as one: a date over each column, or one head for each of them."""
    parts = [part for piece in line.pieces for part in divided(piece, columns)]
    over = [part for part in parts if part.right > columns[0].left - line.size]
    dated = all(part.year or _DATE.search(part.text) for part in over)
    if len(parts) > len(line.pieces) and (dated or len(over) == len(columns)):
        line.pieces = parts


def _is_head(lines: list[Line], number: int, label_left: float, columns: list[Column], stretch_first: int) -> bool:
    """Whether the line above a table's first row (or above its heads) stands over the columns, not over the page."""
    line, below = lines[number], lines[number + 1]
    if not line.row and len(columns) > 1:
        _part_heads(line, columns)
    if line.base - below.base > (3.0 if number >= stretch_first else 2.6) * max(line.size, below.size):
        return False
    if number >= stretch_first and (line.row or len(line.pieces) > 1):
        return True
    if line.row and not (names_columns(line, columns[0].left) or is_bare_head(line, columns, columns[0].left)):
        return False
    start, size = columns[0].left, line.size
    over = [
        piece
        for piece in line.pieces
        if piece.right > start - size and piece.left > label_left + 0.35 * (start - label_left)
    ]
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


def _is_group(line: Line, below: Line, start: float) -> bool:
    """A lone label close above another line: "Assets", "Current assets:"."""
    lone = len(line.pieces) == 1 and line.pieces[0].middle < start and line.right < start + 12 * line.size
    return lone and line.base - below.base < 2.6 * max(line.size, below.size)


def _is_amid_heads(lines: list[Line], number: int, floor: int, start: float) -> bool:
    """A label that stands between two lines of heads, set at half their height: "Fiscal year ended" beside "June 1, /
    2019".
    """
    if number <= floor or not _is_group(lines[number], lines[number + 1], start):
        return False
    return lines[number - 1].base - lines[number + 1].base < 1.5 * lines[number].size
