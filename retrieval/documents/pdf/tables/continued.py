"""Tables that go on over the page: the lower part takes over the heads and the caption of the part on the page before.

Invariant: a table is only taken for the rest of another where all its columns stand where the other's do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from retrieval.documents.grid import Grid

_Reach = tuple[float, float]


def with_heads(grids: Sequence[Grid]) -> list[Grid]:
    """The tables in order of pages; each that has no head of its own looks at the last table of the page before."""
    found: list[Grid] = []
    for grid in grids:
        before = found[-1] if found else None
        first_of_page = before is not None and before.page != grid.page
        if before is not None and first_of_page and not grid.heads and _goes_on(before, grid):
            heads = before.rows[: before.heads or 0]
            boxes = (*((None,) * len(grid.rows[0]) for _ in heads), *(grid.boxes or ()))
            grid = replace(
                grid,
                rows=(*heads, *grid.rows),
                boxes=boxes,
                heads=before.heads,
                caption=before.caption,
                section=before.section,
            )
        found.append(grid)
    return found


def _goes_on(before: Grid, grid: Grid) -> bool:
    if not before.heads or before.page is None or grid.page != before.page + 1 or len(before.rows[0]) != len(grid.rows[0]):
        return False
    pairs = zip(_reaches(before), _reaches(grid), strict=True)
    return all(one and other and one[0] < other[1] and other[0] < one[1] for one, other in pairs)


def _reaches(grid: Grid) -> list[_Reach | None]:
    """How far each column's cells reach, heads left out."""
    rows = (grid.boxes or ())[grid.heads or 0 :]
    found: list[_Reach | None] = []
    for column in range(len(grid.rows[0])):
        boxes = [box for row in rows if (box := row[column]) is not None]
        found.append((min(box[0] for box in boxes), max(box[2] for box in boxes)) if boxes else None)
    return found
