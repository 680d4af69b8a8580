"""The lines of running text of a page, in the order in which the file writes them, each with its place and its type.

Raised digits become superscripts after a blank, so that "450" with a footnote 1 is never 4501; text that nobody can see is left out.
Where the page is turned, the file's order says nothing, and the lines are read from the top down.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.documents.formats.blocks import squeeze
from retrieval.documents.grid import RAISED
from retrieval.documents.pdf.glyphs import Glyphs
from retrieval.documents.pdf.words import lines_of, raised, words_of

_MARK = re.compile(r"^[\d(),*†‡a-z]{1,6}$")
_ORDINAL = re.compile(r"^(?:st|nd|rd|th)$", re.I)
_SPACED = re.compile(r"(?:(?<=\s)|^)\w(?: \w){4,}(?=\s|$)")


@dataclass(frozen=True)
class TypedLine:
    """A line as set. base: its height on the page in points, from the top where `height` is the page's. size, bold: its first letter's."""

    text: str
    base: float
    size: float
    bold: bool


def typed_lines(glyphs: Glyphs, sideways: bool) -> list[TypedLine]:
    """The page's lines. sideways: the page is shown turned, or its text runs up or down."""
    if sideways or glyphs.turn:
        lines = lines_of(words_of(glyphs))
        return [TypedLine(squeeze(line.text), line.base, round(line.size, 1), False) for line in lines]
    marks = raised(glyphs)
    found: list[TypedLine] = []
    start = 0
    for raw in glyphs.text.split("\n"):
        end = start + len(raw)
        if glyphs.hidden[start:end].any() or marks[start:end].any():
            shown = _shown(glyphs, marks, start, end)
        else:
            shown = raw
        text = squeeze(shown)
        if text:
            at = start + len(raw) - len(raw.lstrip())
            size = round(float(glyphs.nominal[at]), 1)
            found.append(TypedLine(_unspaced(text, glyphs, start, end), float(glyphs.base[at]), size, bool(glyphs.bold[at])))
        start = end + 1
    return found


def _shown(glyphs: Glyphs, marks: object, start: int, end: int) -> str:
    """The characters that can be seen, with raised ones as marks."""
    parts: list[str] = []
    at = start
    while at < end:
        if glyphs.hidden[at]:
            parts.append(" ")
            at += 1
        elif marks[at]:  # type: ignore[index]
            stop = at
            while stop < end and marks[stop]:  # type: ignore[index]
                stop += 1
            parts.append(_mark(glyphs.text[at:stop], "".join(parts)[-1:]))
            at = stop
        else:
            parts.append(glyphs.text[at])
            at += 1
    return "".join(parts)


def _mark(text: str, before: str) -> str:
    if _ORDINAL.match(text) or not _MARK.match(text.strip()):
        return text
    blank = " " if before.isdigit() or before in "%)" and before else ""
    return blank + text.translate(RAISED) + (" " if blank else "")


def _unspaced(text: str, glyphs: Glyphs, start: int, end: int) -> str:
    """Letters set apart for looks ("G A T E") as words; where the gap is wider than between most letters, a word ends."""
    if not _SPACED.search(text):
        return text
    inked = [at for at in range(start, end) if glyphs.ink[at] and not glyphs.hidden[at]]
    gaps = [float(glyphs.boxes[b, 0] - glyphs.boxes[a, 2]) for a, b in zip(inked, inked[1:], strict=False)]
    if not gaps or sum(len(word) == 1 for word in text.split()) < 0.8 * len(text.split()):
        return text
    usual = sorted(gaps)[len(gaps) // 2]
    parts = [glyphs.text[inked[0]]]
    for at, gap in zip(inked[1:], gaps, strict=True):
        parts.append((" " if gap > 1.5 * usual + 0.5 else "") + glyphs.text[at])
    return "".join(parts)
