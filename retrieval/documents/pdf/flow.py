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
