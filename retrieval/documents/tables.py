"""From rows of cells, as a format gives them, to a grid and its blocks: signs joined to their figures, titles taken out,
heads told and spread.

Invariant: every row of a finished table has as many cells as every other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.documents.blocks import Block, caption_above, headings_above
from retrieval.documents.grid import Grid
from retrieval.documents.heads import leading_heads, spread_heads

_SIGN_BEFORE = re.compile(r"^\(?(?:[A-Z]{0,3}[$€£¥]|[$€£¥])\(?$")
_FIGURE_STARTS = "0123456789.(-–—−"
_SIGN_AFTER = re.compile(r"^(?:%|\)|\)%|%\))$")


def add_table(
    blocks: list[Block],
    grids: list[Grid],
    rows: Sequence[Sequence[str]],
    heads: int = 0,
    caption: str = "",
    page: int | None = None,
) -> None:
    """Appends a table to a document's blocks and grids. heads: rows that the format marks as such. caption: as the format
    names it; else what stands just above is looked at, and rows that are one cell from side to side.
    """
    width = max((len(row) for row in rows), default=0)
    full = [[*row, *[""] * (width - len(row))] for row in rows]
    full = [row for row in full if any(row)]
    titles = []
    while len(full) > 1 and width > 1 and full[0][0] and len(set(full[0])) == 1:
        titles.append(full.pop(0)[0])
        heads = max(0, heads - 1)
    body = tidied(full, min(heads, len(full)))
    if not body:
        return
    above = [caption or caption_above(blocks), *titles]
    blocks += [Block("prose", title, page) for title in titles]
    finished = tuple(map(tuple, body))
    found = leading_heads(finished, heads if heads < len(finished) else 0)
    section = headings_above(blocks)
    said = " ".join(dict.fromkeys(one for one in above if one))
    grids.append(Grid(spread_heads(finished, found), said, page, section, heads=found or None))
    blocks += [Block("row", " | ".join(row), page) for row in finished]


def tidied(rows: list[list[str]], heads: int) -> list[list[str]]:
    """Currency and per cent signs joined to their figures, columns that then hold nothing left out."""
    for row in rows[heads:]:
        for at in range(len(row) - 1):
            if row[at + 1] and (row[at] == "(" or (_SIGN_BEFORE.match(row[at]) and row[at + 1][0] in _FIGURE_STARTS)):
                row[at + 1], row[at] = row[at] + row[at + 1], ""
        for at in range(1, len(row)):
            if _SIGN_AFTER.match(row[at]):
                before = next((back for back in range(at - 1, max(-1, at - 3), -1) if row[back]), None)
                if before is not None and row[before][-1].isdigit():
                    row[before], row[at] = row[before] + row[at], ""
    if not rows:
        return rows
    body = rows[heads:] or rows
    kept = [at for at in range(len(rows[0])) if any(row[at] for row in body) or _stands_alone(rows[:heads], at)]
    return [[row[at] for at in kept] for row in rows]


def _stands_alone(heads: list[list[str]], at: int) -> bool:
    """Whether an empty column has a head of its own, not one that reaches over its neighbours."""
    return any(row[at] and row[at] not in (row[at - 1] if at else "", *row[at + 1 : at + 2]) for row in heads)
