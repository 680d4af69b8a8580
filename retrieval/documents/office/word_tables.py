"""Tables of Word as rows of cells: joined cells spread, deleted rows left out, heads as far as the document tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from retrieval.documents.office.package import Element, attribute, child, descendants, local
from retrieval.documents.office.styles import is_on

_WIDEST = 1_000  # columns of a table


def is_layout(table: Element) -> bool:
    """A table that only places other things: it holds tables, or is one single cell."""
    if any(one is not table for one in descendants(table, "tbl")):
        return True
    return sum(1 for _ in zip(descendants(table, "tc"), range(2), strict=False)) < 2


def rows_of(table: Element, text_of: Callable[[Element], tuple[str, bool]]) -> tuple[list[list[str]], int]:
    """The rows, and how many are heads. text_of: a cell's text, and whether all of it is bold."""
    rows: list[list[str]] = []
    marked: list[bool] = []
    bold: list[bool] = []
    for row in _rows(table):
        properties = child(row, "trPr")
        if child(properties, "del") is not None:
            continue
        cells = [""] * min(_WIDEST, _number(child(properties, "gridBefore"), 0))
        strong: list[bool] = []
        for cell in _cells(row):
            about = child(cell, "tcPr")
            across = min(max(1, _number(child(about, "gridSpan"), 1)), _WIDEST - len(cells))
            joined = child(about, "vMerge")
            text, is_bold = text_of(cell)
            if joined is not None and attribute(joined, "val") != "restart" and rows and len(cells) < len(rows[-1]):
                text = rows[-1][len(cells)]
            elif text:
                strong.append(is_bold)
            beside = attribute(child(about, "hMerge"), "val") == "continue" or (
                child(about, "hMerge") is not None and attribute(child(about, "hMerge"), "val") is None
            )
            if beside and cells:
                text = cells[-1]
            cells += [text] * across
        rows.append(cells)
        marked.append(is_on(properties, "tblHeader"))
        bold.append(bool(strong) and all(strong))
    width = max((len(row) for row in rows), default=0)
    rows = [row + [""] * (width - len(row)) for row in rows]
    heads = next((at for at, one in enumerate(marked) if not one), 0)
    if not heads and len(rows) > 1 and width > 2 and bold[0] and not all(bold):
        heads = 1  # no mark, but set apart from what is below
    return rows, heads


def _rows(table: Element) -> Iterator[Element]:
    return _inside(table, "tr")


def _cells(row: Element) -> Iterator[Element]:
    return _inside(row, "tc")


def _inside(parent: Element, name: str) -> Iterator[Element]:
    """Children of this name, also those in content controls; none that was deleted."""
    waiting = list(reversed(parent))
    while waiting:
        one = waiting.pop()
        tag = local(one)
        if tag == name:
            yield one
        elif tag in ("sdt", "sdtContent", "ins", "moveTo", "customXml"):
            waiting.extend(reversed(one))


def _number(element: Element | None, otherwise: int) -> int:
    text = attribute(element, "val") or ""
    return int(text) if text.isdigit() and len(text) < 5 else otherwise
