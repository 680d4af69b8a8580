"""The columns of a table: which words of a line belong together, where the columns stand, and over which ones a head
reaches.

Invariant: no column holds two cells of one line that stand apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.documents.grid import Box
from retrieval.documents.pdf.words import TextLine, Word, spelled

_CURRENCY = r"(?:[A-Z]{0,3}[$€£¥]|CHF|EUR|USD|GBP|Rs\.?|kr)"
_UNIT = r"(?:%|bps?|bp|pp|pts?|x|bn|m|k|mn|million|billion|‰)"
_FIGURE = re.compile(
    rf"^(?!\d{{1,2}},$)[\[(<~≈]?[-–—−+±]?{_CURRENCY}?[-–—−]?\(?[-–—−]?(?:\d[\d.,'’/:]*|\.\d+){_UNIT}?[)\]]?{_UNIT}?[,;*†‡]?$",
    re.I,
)
_NONE = re.compile(rf"^(?:{_CURRENCY}?\(?[-–—−]{{1,3}}\)?%?|n[./]?[am]\.?|nmf?|nil|\*+|#)$", re.I)
_CURRENCY_ONLY = re.compile(rf"^\(?{_CURRENCY}$")
_TAIL = re.compile(rf"^(?:\)?{_UNIT}\)?|\)|\]|\*+)$", re.I)
_LEADER = re.compile(r"^[.…·_‥]{2,}$|^[.·…]$")
_THOUSANDS = re.compile(r"^\(?\d{1,3}(?:[ \u202f]\d{3})*$")
YEAR = re.compile(
    r"^(?:FY|CY|Q[1-4]|[1-4]Q|H[12]|[12]H)?[’']?(?:(?:19|20)\d\d(?:[-–/]\d\d(?:\d\d)?)?[EA]?|(?<=[YQH1-4’'])\d\d)[,:*]?$",
    re.I,
)
_NOTE = re.compile(r"^\((?:\d{1,2}|[a-z])\)$|^[*†‡]+$")
_SCALES = frozenset({"million", "millions", "billion", "mn", "bn", "m"})
_A_BLANK = 0.4  # of the type's height: what is nearer than this always stands together
_FIGURES_APART = 0.45  # of the type's height: figures further apart are two cells
_HEADS_APART = 0.55  # and heads of two columns at least this
_WORDS_APART = 1.0  # and words further apart


@dataclass(slots=True)
class Piece:
    """Words of a line that stand together. `figure`: nothing but a number, its currency and unit; `year`: a year alone."""

    words: list[Word]
    figure: bool = False
    year: bool = False

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return self.words[-1].right

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    @property
    def text(self) -> str:
        return spelled(self.words)

    @property
    def box(self) -> Box:
        boxes = [word.box for word in self.words]
        return (
            self.left,
            min(box[1] for box in boxes),
            max(word.right for word in self.words),
            max(box[3] for box in boxes),
        )


def is_figure(text: str) -> bool:
    if len(text) > 3 and text.isalpha():
        return False
    return bool(_FIGURE.match(text) or _NONE.match(text))


def pieces_of(line: TextLine) -> list[Piece]:
    """The line's words as pieces; dotted leaders part them and are left out."""
    pieces: list[Piece] = []
    led = False
    for word in line.words:
        if _LEADER.match(word.text):
            led = True
            continue
        if pieces and not led and (word.mark or _together(pieces[-1].words, word)):
            pieces[-1].words.append(word)
        else:
            pieces.append(Piece([word]))
        led = False
    for number, piece in enumerate(pieces):
        plain = [word.text for word in piece.words if not word.mark]
        figures = [text for text in plain if is_figure(text)]
        units = [text for text in plain if _CURRENCY_ONLY.match(text) or _TAIL.match(text)]
        piece.figure = bool(figures) and len(figures) + len(units) >= len(plain)
        piece.year = piece.figure and _is_year(plain)
        if piece.figure and number == 0 and len(pieces) > 1 and _NONE.match(plain[0]) and not pieces[1].figure:
            piece.figure = False  # a dash before words is a bullet
    return pieces


def _is_year(words: list[str]) -> bool:
    """A year alone, or with the scale of what stands under it: "2022 $ million"."""
    rest = [word for word in words[1:] if not YEAR.match(word) and not _NOTE.match(word)]
    return bool(YEAR.match(words[0])) and (not rest or any(word.lower() in _SCALES for word in rest))


def _together(before: list[Word], word: Word) -> bool:
    last = before[-1]
    gap, size = word.left - last.right, max(last.size, word.size)
    if gap < _A_BLANK * size:
        return True
    if last.mark:
        return gap < _FIGURES_APART * size
    if gap > 20 * size:
        return False
    here, there = is_figure(last.text) or bool(_TAIL.match(last.text)), is_figure(word.text)
    if _CURRENCY_ONLY.match(last.text) and there:
        return gap < 20 * size
    if _TAIL.match(word.text) and here:
        return gap < 2 * size
    if here and (there or _CURRENCY_ONLY.match(word.text)):
        grouped = _THOUSANDS.match(last.text) and re.match(r"^\d{3}(?:[.,]\d+)?\)?$", word.text)
        return gap < (_A_BLANK + 0.1 if grouped else _FIGURES_APART) * size
    if there or _CURRENCY_ONLY.match(word.text):
        return gap < 0.9 * size
    return gap < _WORDS_APART * size


def divided(piece: Piece, columns: list[Column]) -> list[Piece]:
    """A head's piece as two or more where a gap in it falls between columns: heads may stand closer than words of one."""

    def over(words: list[Word]) -> set[int]:
        left, right = words[0].left, words[-1].right
        return {at for at, column in enumerate(columns) if column.left < right and left < column.right}

    for at in range(1, len(piece.words)):
        before, after = piece.words[:at], piece.words[at:]
        if after[0].mark or after[0].left - before[-1].right < _HEADS_APART * after[0].size:
            continue
        if over(before) and over(after) and not over(before) & over(after):
            return [Piece(before, year=_is_year([word.text for word in before])), *divided(Piece(after), columns)]
    return [piece]


@dataclass(slots=True)
class Column:
    """The reach of one column's cells, in points."""

    left: float
    right: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def find_columns(lines: list[list[Piece]]) -> list[Column]:
    """The columns of cells (labels left out): cells of one column lie over each other, cells of two do not.

    Where a wide cell bridges two columns, it is left out of the count: a figure shows its column better than words.
    """
    cells = [(number, piece) for number, pieces in enumerate(lines) for piece in pieces]
    while cells:
        groups = _overlapping(cells)
        clash = next((group for group in groups if len({number for number, _ in group}) < len(group)), None)
        if clash is None:
            return [Column(min(p.left for _, p in group), max(p.right for _, p in group)) for group in groups]
        worst = max(clash, key=lambda cell: (not cell[1].figure, cell[1].right - cell[1].left))
        cells.remove(worst)
    return []


def _overlapping(cells: list[tuple[int, Piece]]) -> list[list[tuple[int, Piece]]]:
    groups: list[list[tuple[int, Piece]]] = []
    reach = float("-inf")
    for cell in sorted(cells, key=lambda cell: cell[1].left):
        if not groups or cell[1].left > reach - 0.5:
            groups.append([])
            reach = float("-inf")
        groups[-1].append(cell)
        reach = max(reach, cell[1].right)
    return groups


def column_of(piece: Piece, columns: list[Column]) -> int:
    """The column that a body cell lies in, else the nearest one."""

    def distance(at: int) -> tuple[float, float]:
        column = columns[at]
        shared = min(piece.right, column.right) - max(piece.left, column.left)
        return (-shared, abs(piece.middle - column.middle))

    return min(range(len(columns)), key=distance)
