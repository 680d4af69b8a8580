"""The columns of a table: which words of a line belong together, where the columns stand, and over which ones a head
reaches.

Invariant: no column holds two cells of one line that stand apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

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
_PERIOD = re.compile(
    r"\b(?:ended|ending|as (?:of|at)|at|years?|months|weeks|quarters?|december|june|march|september|january)\b", re.I
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


def spread(
    heads: list[Piece], columns: list[Column], rules: list[Box], below: float | None, rules_known: bool
) -> list[Piece | None]:
    """For each column the head that stands over it: every head takes the run of columns that it is set over.

    rules: drawn lines between this line of heads and the next at height `below` (None where no further line of heads
    follows); such a line under a head shows its columns. Else a head takes what it lies over, centred, at the least misfit.
    """
    count = len(columns)
    even = _evenly(heads, columns) if below is not None else None
    if even:
        return even
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {}
    size = heads[0].words[0].size
    edges = [columns[0].left - 4 * size, *((a.right + b.left) / 2 for a, b in pairwise(columns))]
    edges.append(columns[-1].right + 4 * size)

    def cost(piece: Piece, first: int, last: int) -> float:
        over = [at for at in range(count) if _lies_over(piece, columns[at])]
        over = over or [min(range(count), key=lambda at: abs(columns[at].middle - piece.middle))]
        if any(not first <= at <= last for at in over):
            return 1e6
        left, right = columns[first].left, columns[last].right
        overhang = max(0.0, edges[first] - piece.left) + max(0.0, piece.right - edges[last + 1])
        if first == last:
            return overhang + min(
                abs(piece.middle - columns[first].middle), abs(piece.right - right), abs(piece.left - left)
            )
        drawn = _drawn(piece, rules, heads)
        if drawn is not None:
            under = [at for at in range(count) if drawn[0] - size < columns[at].middle < drawn[1] + size]
            return 0.0 if under and (under[0], under[-1]) == (first, last) else 50.0 + (last - first)
        fits = len(over) == 1 and edges[over[0]] < piece.left and piece.right < edges[over[0] + 1]
        inside = sum(min(piece.right, column.right) - max(piece.left, column.left) > 2 for column in columns) == 1
        whole = len(heads) == 1 and last - first == count - 1 and abs(piece.middle - (left + right) / 2) < 1.5 * size
        if whole and below is not None and _PERIOD.search(piece.text):
            return overhang  # a period alone on its line, centred over all columns
        narrow = (below is None and inside) or (fits and (rules_known or not _PERIOD.search(piece.text)))
        misfit = min(abs(piece.middle - (left + right) / 2), abs(piece.left - left) + size)
        bare = 0.0 if _PERIOD.search(piece.text) else 0.1 * max(0.0, right - left - (piece.right - piece.left))
        return overhang + misfit + bare + (8 * size if narrow else 2) * (last - first + 1 - len(over))

    def solve(number: int, at: int) -> float:
        """The least cost of placing heads from `number` on over columns from `at` on."""
        if number == len(heads):
            return 6.0 * (count - at)
        if at == count:
            return 1e5 * (len(heads) - number)
        if (number, at) in best:
            return best[number, at][0]
        found: tuple[float, tuple[int, int] | None] = (6.0 + solve(number, at + 1), None)
        for last in range(at, count):
            price = cost(heads[number], at, last) + solve(number + 1, last + 1)
            if price < found[0]:
                found = (price, (at, last))
        best[number, at] = found
        return found[0]

    solve(0, 0)
    placed: list[Piece | None] = [None] * count
    number = at = 0
    while number < len(heads) and at < count:
        span = best[number, at][1]
        if span is None:
            at += 1
            continue
        placed[span[0] : span[1] + 1] = [heads[number]] * (span[1] - span[0] + 1)
        number, at = number + 1, span[1] + 1
    return placed


def _evenly(heads: list[Piece], columns: list[Column]) -> list[Piece | None] | None:
    """Periods that stand each centred over as many columns as the others: "2022 | 2021" over amount and per cent of each."""
    each, rest = divmod(len(columns), len(heads))
    dated = sum(bool(piece.year or _PERIOD.search(piece.text)) for piece in heads)
    if rest or each < 2 or len(heads) < 2 or 2 * dated < len(heads):
        return None
    for number, piece in enumerate(heads):
        left, right = columns[number * each].left, columns[number * each + each - 1].right
        if abs(piece.middle - (left + right) / 2) > 1.2 * piece.words[0].size:
            return None
    return [piece for piece in heads for _ in range(each)]


def _lies_over(piece: Piece, column: Column) -> bool:
    shared = min(piece.right, column.right) - max(piece.left, column.left)
    return shared > 0.5 * min(column.right - column.left, piece.right - piece.left)


def _drawn(piece: Piece, rules: list[Box], heads: list[Piece]) -> tuple[float, float] | None:
    """The reach of the drawn line under a head, pieces of it that touch taken together; None where other heads stand on
    it too.
    """
    reaches: list[tuple[float, float]] = []
    for left, _, right, _ in sorted(rules):
        if reaches and left <= reaches[-1][1] + 1:
            reaches[-1] = (reaches[-1][0], max(reaches[-1][1], right))
        else:
            reaches.append((left, right))
    for left, right in reaches:
        on_it = [head for head in heads if left <= head.middle <= right]
        if on_it == [piece] and abs(piece.middle - (left + right) / 2) < 2 * piece.words[0].size:
            return left, right
    return None
