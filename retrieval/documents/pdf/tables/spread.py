"""Over which columns of a table a head reaches, by where it is set and by the lines drawn under it."""

from __future__ import annotations

import re
from itertools import pairwise

from retrieval.documents.grid import Box
from retrieval.documents.pdf.columns import Column, Piece

_PERIOD = re.compile(
    r"\b(?:ended|ending|as (?:of|at)|at|years?|months|weeks|quarters?|december|june|march|september|january)\b", re.I
)


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
