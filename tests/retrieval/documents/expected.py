"""Tables written down by eye from rendered pages, and how much of them a reader's grids hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retrieval.documents.grid import Grid, unmarked

HERE = Path(__file__).parent


@dataclass
class Expected:
    """heads: for each column of figures the words that must stand over it. rows: label and one value for each such
    column.
    """

    file: str
    page: int
    caption: list[str] = field(default_factory=list)
    heads: list[list[str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def read_expected(name: str) -> list[Expected]:
    found: list[Expected] = []
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line.startswith("== "):
            file, page = line[3:].rsplit(" ", 1)
            found.append(Expected(file, int(page)))
        elif line.startswith("caption:"):
            found[-1].caption = [part.strip() for part in line[8:].split("|")]
        elif line.startswith("heads:"):
            found[-1].heads = [[part.strip() for part in head.split(", ")] for head in line[6:].split("|")]
        elif line.strip() and not line.startswith("#"):
            found[-1].rows.append([cell.strip() for cell in line.split("|")])
    return found


def plain(text: str) -> str:
    """Without what does not matter: marks of footnotes, kinds of blanks and quotes."""
    return re.sub(r"\s+", " ", unmarked(text).replace("’", "'")).strip()


def figure(text: str) -> str:
    return re.sub(r"[\s$]", "", plain(text))


def heads_over(grid: Grid, column: int) -> str:
    rows = grid.rows[: grid.heads or 0]
    return " ".join([row[column] for row in rows] + [rows[-1][0] if rows else "", rows[0][0] if rows else ""])


def misread(expected: Expected, grids: Sequence[Grid]) -> tuple[int, list[str]]:
    """How many cells there are, and those that the best grid of the page has otherwise: by label (in order) and by heads."""
    results = [_misread(expected, grid) for grid in grids if grid.page == expected.page]
    cells = sum(len(row) - 1 for row in expected.rows)
    if not results:
        return cells, [f"no table on page {expected.page}"] * cells
    return cells, min(results, key=len)


def _misread(expected: Expected, grid: Grid) -> list[str]:
    wrong: list[str] = []
    columns: list[int | None] = []
    for head in expected.heads:
        fits = (
            at
            for at in range(1, len(grid.rows[0]))
            if at not in columns and all(plain(word).lower() in plain(heads_over(grid, at)).lower() for word in head)
        )
        columns.append(next(fits, None))
    body = list(grid.rows[grid.heads or 0 :])
    at = 0
    for label, *values in expected.rows:
        there = next((i for i in range(at, len(body)) if plain(body[i][0]).lower() == plain(label).lower()), None)
        if there is None:
            wrong += [f"{label}: no such row"] * len(values)
            continue
        at = there + 1
        for value, column in zip(values, columns, strict=True):
            got = "no column" if column is None else body[there][column]
            if figure(got) != figure(value):
                wrong.append(f"{label}: {value} expected, {got!r} read")
    return wrong
