"""Tables of HTML as rows of cells: spans spread, signs and figures that stand in cells of their own put together.

Invariant: every row of a table has as many cells as every other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.documents.tables import tidied

if TYPE_CHECKING:
    from bs4 import Tag

_WIDEST = 1_000  # columns of a table
_LARGEST_SPAN = 100  # columns or rows that one cell may reach over: a page may claim millions


@dataclass(frozen=True)
class HtmlTable:
    """rows: the cells as text. heads: how many leading rows are heads (th alone, or in thead); None where none is marked."""

    rows: list[list[str]]
    heads: int | None
    caption: str


def is_layout(table: Tag) -> bool:
    """A table that only places other things: it holds tables, or says so, or is one single cell."""
    if table.get("role") in ("presentation", "none") or table.find("table") is not None:
        return True
    return len(table.find_all(["td", "th"], limit=2)) < 2


def read_table(table: Tag, text_of: Callable[[Tag], str]) -> HtmlTable:
    """The table's cells; `text_of` gives the text of one."""
    rows: list[list[str]] = []
    marked: list[bool] = []
    hanging: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, text
    for row in table.find_all("tr"):
        cells: list[str] = []
        tags = row.find_all(["td", "th"])
        for cell in tags:
            _fill(cells, hanging)
            text = text_of(cell)
            across, down = _span(cell, "colspan"), _span(cell, "rowspan")
            for _ in range(min(across, _WIDEST - len(cells))):
                if down > 1:
                    hanging[len(cells)] = (down - 1, text)
                cells.append(text)
        _fill(cells, hanging)
        if any(cells):
            rows.append(cells)
            marked.append(bool(tags) and (row.find_parent("thead") is not None or all(cell.name == "th" for cell in tags)))
    width = max((len(row) for row in rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    heads = next((number for number, head in enumerate(marked) if not head), len(rows))
    if heads == len(rows):
        heads = 0
    caption = table.find("caption")
    body = tidied(rows, heads)
    return HtmlTable(body, heads or None, text_of(caption) if caption is not None else "")


def _fill(cells: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    """Cells of rows above that reach down to here."""
    while len(cells) in hanging:
        left, text = hanging[len(cells)]
        if left > 1:
            hanging[len(cells)] = (left - 1, text)
        else:
            del hanging[len(cells)]
        cells.append(text)


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "1").strip()
    return min(max(int(value), 1), _LARGEST_SPAN) if value.isdigit() else 1
