"""What every reader produces: a document as blocks in reading order, and its tables as grids.

A block never spans two pages, and a table row is one block, its cells joined by ' | ' or as the page shows them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from retrieval.documents.grid import RAISED, Grid

Kind = Literal["heading", "prose", "item", "row", "code"]

# Invisible characters that break word matching, and ligatures that hide letters.
_LETTERS = str.maketrans(
    {
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),
        "\xa0": " ",
        "ﬀ": "ff",
        "ﬁ": "fi",
        "ﬂ": "fl",
        "ﬃ": "ffi",
        "ﬄ": "ffl",
        "ﬅ": "st",
        "ﬆ": "st",
    }
)


@dataclass(frozen=True)
class Block:
    """`level` is the depth of a heading (1 is the document's), 0 for all else."""

    kind: Kind
    text: str
    page: int | None = None
    level: int = 0


@dataclass(frozen=True)
class Parsed:
    """`title` is the document's own, or '' where it has none. `pages` is None for unpaged formats. `grids`: its tables
    in order.

    notes: what was left out or could not be read ("page 3 damaged and left out"), for the report of an ingest. scanned: the
    pages that were read by OCR, each with how sure it was, in per cent. empty: the pages that show something and have no
    text.
    """

    title: str
    blocks: tuple[Block, ...]
    pages: int | None = None
    grids: tuple[Grid, ...] = ()
    notes: tuple[str, ...] = ()
    scanned: tuple[tuple[int, int], ...] = ()
    empty: tuple[int, ...] = ()


def squeeze(text: str) -> str:
    """One line, single spaces, without the invisible characters that break word matching."""
    return re.sub(r"\s+", " ", text.translate(_LETTERS)).strip()


def raised_mark(text: str, before: str) -> str:
    """Raised text as it is to be written after `before`: a footnote's number never grows onto a figure, 10⁶ and 1st stay
    whole.
    """
    mark = text.strip()
    if not mark or len(mark) > 6 or re.fullmatch(r"st|nd|rd|th", mark, re.I):
        return text
    written = mark.translate(RAISED)
    if re.search(r"(?<![\d.,])10$", before) and re.fullmatch(r"[-+]?\d+", mark):
        return written
    return f" {written}" if before[-1:].isdigit() or before[-1:] in ("%", ")") else written


def headings_above(blocks: Iterable[Block]) -> tuple[str, ...]:
    """The headings that what follows these blocks stands under, outermost first."""
    path: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            path = [one for one in path if one.level < block.level] + [block]
    return tuple(block.text for block in path)


def caption_above(blocks: list[Block]) -> str:
    """The paragraph just above a table where it speaks of it: it ends in a colon, or names a unit."""
    if not blocks or blocks[-1].kind not in ("prose", "item"):
        return ""
    text = blocks[-1].text
    short = len(text.split()) <= 25
    speaks = text.endswith(":") or (
        short and re.search(r"\b(?:millions?|thousands?|billions?|per cent|percent)\b|[%$€£¥]|'000", text)
    )
    return text if speaks and len(text.split()) <= 60 else ""
