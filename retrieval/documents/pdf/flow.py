"""Running text set in columns beside each other: which lines of a page they are, and in which order they are read.

Sentences show columns: where the pieces of neighbouring lines go on in lower case under each other, they are text, not
cells.
"""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.documents.pdf.columns import Piece
from retrieval.documents.pdf.words import TextLine

_LEAST = 4  # lines that must show the same columns
_GOES_ON = 0.4  # of the lines under each other go on in lower case, in running text
_SAME_PLACE = 1.5  # points


@dataclass(frozen=True)
class Columns:
    """Lines `first` to `last` of the page hold columns of text that begin at `lefts`."""

    first: int
    last: int
    lefts: tuple[float, ...]


def flows(lines: list[list[Piece]], column: int) -> bool:
    """Whether the pieces of one column over these lines are a running text."""
    pieces = [line[column] for line in lines if column < len(line)]
    following = [piece.text[:1] for piece in pieces[1:]]
    lower = sum(first.islower() for first in following)
    words = sum(len(piece.words) for piece in pieces)
    return len(pieces) >= _LEAST and lower >= _GOES_ON * len(following) and words >= 3 * len(pieces)


def text_columns(lines: list[TextLine], pieces: list[list[Piece]]) -> list[Columns]:
    """Where columns of running text stand."""
    found: list[Columns] = []
    at = 0
    while at < len(lines):
        end = at
        while end + 1 < len(lines) and _alike(pieces[end], pieces[end + 1], lines[end], lines[end + 1]):
            end += 1
        run = pieces[at : end + 1]
        if len(run) >= _LEAST and _is_text(run):
            lefts = tuple(piece.left for piece in run[0])
            first, last = at, end
            while first > (found[-1].last + 1 if found else 0) and _fits(
                pieces[first - 1], lefts, lines[first - 1], lines[first]
            ):
                first -= 1
            while last + 1 < len(lines) and _fits(pieces[last + 1], lefts, lines[last], lines[last + 1]):
                last += 1
            found.append(Columns(first, last, lefts))
            end = last
        at = end + 1
    return found


def _alike(above: list[Piece], below: list[Piece], line: TextLine, under: TextLine) -> bool:
    if len(above) < 2 or len(above) != len(below) or line.base - under.base > 2.2 * line.size:
        return False
    return all(abs(one.left - other.left) < _SAME_PLACE for one, other in zip(above, below, strict=True))


def _fits(pieces: list[Piece], lefts: tuple[float, ...], line: TextLine, under: TextLine) -> bool:
    """Whether a line above or below stands in the same columns, each piece in one."""
    if not pieces or line.base - under.base > 2.2 * max(line.size, under.size):
        return False
    homes = [home(piece, lefts) for piece in pieces]
    if len(set(homes)) < len(homes):
        return False
    for piece, at in zip(pieces, homes, strict=True):
        if piece.left > lefts[at] + 3 * line.size or (at + 1 < len(lefts) and piece.right > lefts[at + 1]):
            return False
    return True


def home(piece: Piece, lefts: tuple[float, ...]) -> int:
    """The column that a piece begins in."""
    return max((at for at, left in enumerate(lefts) if piece.left > left - _SAME_PLACE), default=0)


def _is_text(run: list[list[Piece]]) -> bool:
    """Whether one of the columns runs on and none is of marks or figures, as beside a list's items or in a table."""
    columns = range(len(run[0]))
    pieces = [piece for line in run for piece in line]
    if sum(piece.figure for piece in pieces) > 0.2 * len(pieces):
        return False
    if any(sum(len(line[column].words) for line in run) < 2 * len(run) for column in columns):
        return False
    return any(flows(run, column) for column in columns)


def paragraphs(pieces: list[Piece]) -> list[list[Piece]]:
    """The pieces of one column of text, from the top, as paragraphs: each ends where a sentence ends before the column
    does.
    """
    edge = max(piece.right for piece in pieces)
    width = edge - min(piece.left for piece in pieces)
    found: list[list[Piece]] = [[]]
    for piece in pieces:
        if found[-1]:
            last = found[-1][-1]
            ended = last.text.endswith((".", "!", "?", ":", ";")) and last.right < edge - 0.12 * width
            apart = last.words[0].base - piece.words[0].base > 1.8 * piece.words[0].size
            if ended or apart or piece.words[0].size > 1.15 * last.words[0].size:
                found.append([])
        found[-1].append(piece)
    return found


def beside_tables(pieces: list[list[Piece]]) -> frozenset[int]:
    """The pieces (by identity) of a column of running text that stands beside something else: a box of facts, a table.

    Its lines begin at one place, mostly reach to its edge, and go on in lower case: labels of a table do not.
    """
    found: set[int] = set()
    for column in _same_lefts(pieces):
        for part in _clear_of_others(column, pieces):
            run = [piece for _, piece in part]
            beside = sum(len(pieces[number]) > 1 for number, _ in part)
            if beside >= 3 and _is_column_of_prose(run):
                found.update(id(piece) for piece in run)
    return frozenset(found)


def _clear_of_others(column: list[tuple[int, Piece]], pieces: list[list[Piece]]) -> list[list[tuple[int, Piece]]]:
    """The stretches of a column in which no line reaches over what stands beside the others."""
    left = column[0][1].left
    others = [piece for number, own in column for piece in pieces[number] if piece is not own]
    after = min((piece.left for piece in others if piece.left > left + 1), default=float("inf"))
    before = max((piece.right for piece in others if piece.left < left - 1), default=float("-inf"))
    parts: list[list[tuple[int, Piece]]] = [[]]
    for one in column:
        if before < one[1].left and one[1].right < after:
            parts[-1].append(one)
        elif parts[-1]:
            parts.append([])
    return [part for part in parts if len(part) >= _LEAST]


def _same_lefts(pieces: list[list[Piece]]) -> list[list[tuple[int, Piece]]]:
    """Pieces that begin at one place on lines near to each other, with their lines' numbers."""
    open_columns: list[list[tuple[int, Piece]]] = []
    done: list[list[tuple[int, Piece]]] = []
    for number, line in enumerate(pieces):
        for piece in line:
            home = next((one for one in open_columns if abs(one[-1][1].left - piece.left) < _SAME_PLACE), None)
            if home is None:
                open_columns.append([(number, piece)])
            else:
                home.append((number, piece))
        done += [one for one in open_columns if number - one[-1][0] > 1 and len(one) >= _LEAST]
        open_columns = [one for one in open_columns if number - one[-1][0] <= 1]
    return done + [one for one in open_columns if len(one) >= _LEAST]


def _is_column_of_prose(run: list[Piece]) -> bool:
    following = [piece.text[:1] for piece in run[1:]]
    edge, left = max(piece.right for piece in run), run[0].left
    full = sum(piece.right > left + 0.75 * (edge - left) for piece in run)
    words = sum(len(piece.words) for piece in run)
    lower = sum(first.islower() for first in following)
    return lower >= 0.6 * len(following) and full >= 0.6 * len(run) and words >= 4 * len(run)
