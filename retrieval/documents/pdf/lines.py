"""The lines of running text of a page, in the order in which the file writes them, each with its place and its type.

Raised digits become superscripts after a blank, so that "450" with a footnote 1 is never 4501; text that nobody can see
is left out. Where the page is turned, the file's order says nothing, and the lines are read from the top down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise

from retrieval.documents.blocks import raised_mark, squeeze
from retrieval.documents.pdf.columns import Piece
from retrieval.documents.pdf.flow import Columns, home, paragraphs, text_columns
from retrieval.documents.pdf.glyphs import Flags, Glyphs
from retrieval.documents.pdf.words import TextLine, Word, raised, spelled

_MARK = re.compile("^[⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ⁽⁾]{1,4}$")
_SPACED = re.compile(r"(?:(?<=\s)|^)\w(?: \w){4,}(?=\s|$)")


@dataclass(frozen=True)
class TypedLine:
    """A line as set. base: its height on the page in points. size, bold: its first letter's."""

    text: str
    base: float
    size: float
    bold: bool


def typed_lines(glyphs: Glyphs, lines: list[TextLine], pieces: list[list[Piece]], by_place: bool) -> list[TypedLine]:
    """The page's lines in reading order.

    lines, pieces: its words by their places. They are read from the top down where the file's own order says nothing:
    `by_place` (the page is shown turned, or a form was filled in), turned text, columns written across.
    """
    if by_place or glyphs.turn:
        return [_typed(line.words, line.base, glyphs) for line in lines]
    written = _written(glyphs)
    across = [one for one in text_columns(lines, pieces) if _written_across(glyphs, lines, pieces, one)]
    if not across:
        return written
    found: list[TypedLine] = []
    at = 0
    for one in across:
        found += [_typed(line.words, line.base, glyphs) for line in lines[at : one.first]]
        for column in range(len(one.lefts)):
            numbers = range(one.first, one.last + 1)
            of_column = [piece for number in numbers for piece in pieces[number] if home(piece, one.lefts) == column]
            for paragraph in paragraphs(of_column):
                words = [word for piece in paragraph for word in piece.words]
                found.append(_typed(words, words[0].base, glyphs))
        at = one.last + 1
    return found + [_typed(line.words, line.base, glyphs) for line in lines[at:]]


def _typed(words: list[Word], base: float, glyphs: Glyphs) -> TypedLine:
    at = words[0].at
    return TypedLine(squeeze(spelled(words)), base, round(float(glyphs.nominal[at]), 1), bool(glyphs.bold[at]))


def _written_across(glyphs: Glyphs, lines: list[TextLine], pieces: list[list[Piece]], columns: Columns) -> bool:
    """Whether the file goes from one column straight into the next on most lines, as if they were one text."""
    crossings = total = 0
    for number in range(columns.first, columns.last + 1):
        for before, after in zip(pieces[number], pieces[number][1:], strict=False):
            end, start = before.words[-1].at, after.words[0].at
            total += 1
            crossings += end < start and "\n" not in glyphs.text[end:start]
    return crossings > 0.5 * total


def _written(glyphs: Glyphs) -> list[TypedLine]:
    """The lines as the file writes them."""
    marks = raised(glyphs)
    found: list[TypedLine] = []
    start = 0
    for raw in glyphs.text.split("\n"):
        end = start + len(raw)
        shown = raw
        if glyphs.hidden[start:end].any() or marks[start:end].any():
            shown = _shown(glyphs, marks, start, end)
        text = squeeze(shown)
        if text:
            at = start + len(raw) - len(raw.lstrip())
            size = round(float(glyphs.nominal[at]), 1)
            found.append(TypedLine(_unspaced(text, glyphs, start, end), float(glyphs.base[at]), size, bool(glyphs.bold[at])))
        start = end + 1
    return _with_marks(found)


def _with_marks(lines: list[TypedLine]) -> list[TypedLine]:
    """A note's mark that the file writes as a line of its own begins the note's first line."""
    found: list[TypedLine] = []
    for line in lines:
        before = found[-1] if found else None
        if before is not None and _MARK.match(before.text) and 0 <= before.base - line.base < line.size:
            found[-1] = replace(line, text=f"{before.text} {line.text}")
        else:
            found.append(line)
    return found


def _shown(glyphs: Glyphs, marks: Flags, start: int, end: int) -> str:
    """The characters that can be seen, with raised ones as marks."""
    parts: list[str] = []
    at = start
    while at < end:
        if glyphs.hidden[at]:
            parts.append(" ")
            at += 1
        elif marks[at]:
            stop = at
            while stop < end and marks[stop]:
                stop += 1
            parts.append(raised_mark(glyphs.text[at:stop], "".join(parts[-12:])))
            at = stop
        else:
            parts.append(glyphs.text[at])
            at += 1
    return "".join(parts)


def _unspaced(text: str, glyphs: Glyphs, start: int, end: int) -> str:
    """Letters set apart for looks ("G A T E") as words; where the gap is wider than between most letters, a word ends."""
    if not _SPACED.search(text):
        return text
    inked = [at for at in range(start, end) if glyphs.ink[at] and not glyphs.hidden[at]]
    gaps = [float(glyphs.boxes[b, 0] - glyphs.boxes[a, 2]) for a, b in pairwise(inked)]
    if not gaps or sum(len(word) == 1 for word in text.split()) < 0.8 * len(text.split()):
        return text
    usual = sorted(gaps)[len(gaps) // 2]
    parts = [glyphs.text[inked[0]]]
    for at, gap in zip(inked[1:], gaps, strict=True):
        parts.append((" " if gap > 1.5 * usual + 0.5 else "") + glyphs.text[at])
    return "".join(parts)
