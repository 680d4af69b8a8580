"""A table as a document shows it, before anything is read out of its cells.

Invariant: every row of a grid has as many cells as every other; an empty cell is "".
"""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Grid:
    """`rows` hold the cells as written, top to bottom, head rows included.

    caption: the lines just above that speak of it ("in millions, except per share"). page: from 1, None where the format
    has no pages. section: headings above it, outermost first. boxes: per cell (left, bottom, right, top) in points from the
    page's lower left corner, None where nothing is known.
    """

    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    page: int | None = None
    section: tuple[str, ...] = ()
    boxes: tuple[tuple[Box | None, ...], ...] | None = None
