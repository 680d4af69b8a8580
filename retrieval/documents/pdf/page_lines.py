"""The lines of a page as pieces, and which of them look like rows of a table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.documents.pdf.columns import Piece
from retrieval.documents.pdf.flow import beside_tables, flows
from retrieval.documents.pdf.words import TextLine

_NOTE = re.compile(r"^\((?:\d{1,2}|[a-z])\)$")


@dataclass(slots=True)
class Line:
    """A line of the page with its pieces. `row`: it holds a figure apart from its label, as rows of tables do, or it is
    `aligned`: one of several lines whose pieces begin at the same places.
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


def prepared(lines: list[TextLine], pieces: list[list[Piece]]) -> list[Line]:
    """The lines of a page with their pieces, empty ones left out. Text that stands beside a table comes after it, on its
    own.
    """
    prose = beside_tables(pieces)
    found: list[Line] = []
    aside: list[Line] = []
    for line, own in zip(lines, pieces, strict=True):
        rest = [piece for piece in own if id(piece) not in prose]
        if rest:
            found.append(Line(line.base, line.size, rest, _is_row(rest)))
        aside += [Line(line.base, line.size, [piece], row=False) for piece in own if id(piece) in prose]
    _align(found)
    return found + aside


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
        texts = [line.pieces for line in run]
        if len(run) > 2 and sum(words) <= 5 * len(words) and not any(flows(texts, at) for at in range(len(texts[0]))):
            headed = sum(line.row for line in run[1:]) >= 0.7 * (len(run) - 1)
            for line in run[headed:]:
                if len(line.pieces) > 2 and len({piece.text for piece in line.pieces}) == 1:
                    continue  # the same head over every column
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
    return len(figures) > 1 or (len(pieces) == 2 and bool(figures))
