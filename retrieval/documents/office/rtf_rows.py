"""Rows of an RTF table, whose cells are told by their right edges alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_NEAR = 20  # twips: edges of cells this near are one


@dataclass
class Row:
    edges: list[int] = field(default_factory=list)
    down: list[bool] = field(default_factory=list)  # joined with the cell above
    beside: list[bool] = field(default_factory=list)
    head: bool = False
    cells: list[str] = field(default_factory=list)


def spread(rows: list[Row]) -> Iterator[list[str]]:
    """The rows with a cell in each column that any row has, by the cells' right edges."""
    edges: list[int] = []
    for edge in sorted({edge for row in rows for edge in row.edges}):
        if not edges or edge > edges[-1] + _NEAR:
            edges.append(edge)
    above: list[str] = []
    for row in rows:
        cells: list[str] = []
        for at, text in enumerate(row.cells):
            right = row.edges[at] if at < len(row.edges) else edges[-1] if edges else 0
            across = max(1, sum(edge <= right + _NEAR for edge in edges) - len(cells))
            if at < len(row.beside) and row.beside[at] and cells:
                text = cells[-1]
            elif at < len(row.down) and row.down[at] and len(cells) < len(above):
                text = above[len(cells)]
            cells += [text] * min(across, 1_000)
        above = cells
        yield cells
