"""Table rows of a page's text with their cells apart ("Europe | 27.5% | 15.1%"), where a table of the page holds just
that row.

Invariant: no word is added or lost; a row with an empty cell, or that no table holds, stays as it was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from retrieval.documents.blocks import Block
from retrieval.documents.grid import Grid


def with_cells(blocks: Iterable[Block], grids: Sequence[Grid]) -> tuple[Block, ...]:
    """The blocks, those that are a table's row as such."""
    known: dict[tuple[int | None, str], str] = {}
    for grid in grids:
        for row in grid.rows:
            if len(row) > 1 and all(row) and not any("|" in cell for cell in row):
                known[grid.page, " ".join(" ".join(row).split())] = " | ".join(" ".join(cell.split()) for cell in row)
    return tuple(_as_row(block, known) for block in blocks)


def _as_row(block: Block, known: dict[tuple[int | None, str], str]) -> Block:
    cells = None if block.kind == "heading" else known.get((block.page, " ".join(block.text.split())))
    return block if cells is None else replace(block, kind="row", text=cells)
