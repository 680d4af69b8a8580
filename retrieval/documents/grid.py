"""A table as a document shows it, before anything is read out of its cells.

Invariant: every row of a grid has as many cells as every other; an empty cell is "".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Box = tuple[float, float, float, float]

# Raised characters keep their height as Unicode superscripts, so that a footnote's mark never reads as a digit.
RAISED = str.maketrans("0123456789()+-abcdefghijklmnoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_MARK = re.compile(r"\s*[⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ,]*[⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ]+")


@dataclass(frozen=True)
class Grid:
    """`rows` hold the cells as written, top to bottom, head rows included.

    caption: the lines just above that speak of it ("in millions, except per share"). page: from 1, None where the format
    has no pages. section: headings above it, outermost first. boxes: per cell (left, bottom, right, top) in points from
    the page's lower left corner, None where nothing is known. heads: how many leading rows name the columns, None where
    the reader cannot tell. A head over several columns stands in each of them. Footnote marks are superscripts after a
    blank ("450 ¹"): see `unmarked`.
    """

    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    page: int | None = None
    section: tuple[str, ...] = ()
    boxes: tuple[tuple[Box | None, ...], ...] | None = None
    heads: int | None = None


def unmarked(cell: str) -> str:
    """The cell without the marks of footnotes: "450 ¹" gives "450"."""
    return _MARK.sub("", cell).strip()
