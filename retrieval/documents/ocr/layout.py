"""From the words of a picture to the lines of a page and its tables, as if they were set in type."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from statistics import median

from retrieval.documents.blocks import squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.ocr.tesseract import Picture, Seen
from retrieval.documents.pdf.columns import pieces_of
from retrieval.documents.pdf.lines import TypedLine
from retrieval.documents.pdf.page_lines import prepared
from retrieval.documents.pdf.tables.find import find_tables
from retrieval.documents.pdf.tables.grids import plain_rows
from retrieval.documents.pdf.tables.rows import caption
from retrieval.documents.pdf.words import Word, lines_of

_TALL = 1.25  # the type's height to that of most of its words, of which few reach both up and down


@dataclass(frozen=True)
class ReadPage:
    """sure: how sure the program was of the page's words, per cent; 0 where there are none."""

    lines: list[TypedLine]
    grids: list[Grid]
    sure: int


def laid_out(picture: Picture, number: int, dots: int = 300) -> ReadPage:
    """number: of the page, from 1. dots: an inch of the picture; where it is unknown, sizes are in another unit."""
    scale = 72 / dots
    words: list[Word] = []
    lines: list[TypedLine] = []
    for _, group in groupby(picture.words, key=lambda word: word.line):
        own = list(group)
        base, size = _type(own, picture.height, scale)
        words += [
            Word(one.text, one.left * scale, (one.left + one.width) * scale, base, size, at=len(words) + at)
            for at, one in enumerate(own)
        ]
        lines.append(TypedLine(squeeze(" ".join(one.text for one in own)), base, round(size, 1), False))
    sure = round(sum(one.sure for one in picture.words) / len(picture.words)) if picture.words else 0
    return ReadPage(lines, _grids(words, number), sure)


def _type(words: list[Seen], height: int, scale: float) -> tuple[float, float]:
    """The baseline's height above the page's foot, and the type's height."""
    foot = median(one.top + one.height for one in words)
    return (height - foot) * scale, max(4.0, _TALL * median(one.height for one in words) * scale)


def _grids(words: list[Word], number: int) -> list[Grid]:
    rows = lines_of(words)
    lines = prepared(rows, [pieces_of(row) for row in rows])
    found: list[Grid] = []
    floor = 0
    for table in find_tables(lines):
        above = caption(lines, table, floor).replace("\n", " ")
        found.append(Grid(plain_rows(lines, table), above, number, heads=table.heads or None))
        floor = table.last + 1
    return found
