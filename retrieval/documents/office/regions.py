"""Where the tables of a sheet are: its filled cells parted into tables and the texts above, between and below them.

Invariant: every filled cell is in exactly one table or one text, and what stands further down comes later.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from retrieval.documents.blocks import Block, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.tables import add_table

Place = tuple[int, int]
"""Row and column."""

_FIGURE = re.compile(
    r"^[-–—−+(]*\s*(?:[A-Z]{0,3}[$€£¥]?|[A-Z]{3})\s*[-–—−+(]*\d[\d.,'’\s]*\)?\s*(?:%|[a-zA-Z]{1,3}|[$€£¥])?\)?$"
)
_YEAR = re.compile(r"^(?:19|20)\d\d$")


@dataclass(frozen=True)
class Sheet:
    """cells: what is shown, by place; no empty ones. across: for a cell that is joined with others to its right, how many
    columns it has. strong: rows set in bold type. tables: places of tables that the file marks, as (first row, first
    column, last row, last column), their first row being heads. frozen: rows below this one are no heads.
    """

    cells: Mapping[Place, str]
    across: Mapping[Place, int]
    strong: Collection[int] = ()
    tables: Collection[tuple[int, int, int, int]] = ()
    frozen: int = 0


def add_sheet(sheet: Sheet, blocks: list[Block], grids: list[Grid]) -> None:
    """Appends a sheet's texts and tables."""
    left = dict(sheet.cells)
    marked = []
    for top, first, bottom, last in sorted(sheet.tables):
        own = {at: left.pop(at) for at in list(left) if top <= at[0] <= bottom and first <= at[1] <= last}
        if own:
            marked.append((top, own))
    parts = [*_parts(left, sheet), *((top, own, True) for top, own in marked)]
    for _, own, known in sorted(parts, key=lambda part: (part[0], min(at[1] for at in part[1]))):
        _add(own, sheet, 1 if known else 0, blocks, grids)


def _add(cells: Mapping[Place, str], sheet: Sheet, heads: int, blocks: list[Block], grids: list[Grid]) -> None:
    """One region: lone texts at its top and foot, and the table between them."""
    lines = _by_row(cells)
    rows = sorted(lines)
    tabular = [row for row in rows if len(_filled(row, lines[row], sheet)) > 1]
    if len(tabular) < 2:
        blocks += [Block("prose", squeeze(" ".join(lines[row].values()))) for row in rows]
        return
    titles = [row for row in rows if row < tabular[0]]
    if (
        titles
        and titles[-1] == tabular[0] - 1
        and len(lines[titles[-1]]) == 1
        and _is_label(titles[-1], lines, sheet, tabular)
    ):
        titles.pop()
    above = [squeeze(" ".join(dict.fromkeys(lines[row].values()))) for row in titles]
    blocks += [Block("prose", text) for text in above]
    columns = sorted({column for row in rows if row not in titles and row <= tabular[-1] for column in lines[row]})
    body = [row for row in rows if row not in titles and row <= tabular[-1]]
    table = [[squeeze(lines[row].get(column, "")) for column in columns] for row in body]
    if not heads:
        heads = _heads(body, sheet)
    add_table(blocks, grids, table, heads if heads < len(table) else 0, " ".join(above[-2:]))
    blocks += [Block("prose", squeeze(" ".join(lines[row].values()))) for row in rows if row > tabular[-1]]


def _heads(rows: list[int], sheet: Sheet) -> int:
    """Leading rows that stay in sight when the sheet is moved, or are set in bold where those below are not."""
    frozen = sum(1 for row in rows if row <= sheet.frozen)
    if frozen:
        return frozen
    bold = next((number for number, row in enumerate(rows) if row not in sheet.strong), len(rows))
    return bold if bold < len(rows) else 0


def _is_label(row: int, lines: Mapping[int, Mapping[int, str]], sheet: Sheet, tabular: list[int]) -> bool:
    """A lone cell over a value column, as a head of a period is: no title, which stands over the labels."""
    (column,) = lines[row]
    return column > min(min(lines[one]) for one in tabular) and sheet.across.get((row, column), 1) > 1


def _filled(row: int, line: Mapping[int, str], sheet: Sheet) -> list[str]:
    """The texts of a row, a joined cell once."""
    skip = -1
    found = []
    for column in sorted(line):
        if column > skip:
            found.append(line[column])
            skip = column + sheet.across.get((row, column), 1) - 1
    return found


def _parts(cells: Mapping[Place, str], sheet: Sheet) -> Iterator[tuple[int, dict[Place, str], bool]]:
    """The regions that empty rows and columns part, where what follows stands on its own: (first row, cells, False)."""
    open_part: dict[Place, str] = {}
    for band in _bands(cells):
        for part in _beside(band):
            if open_part and _goes_on(open_part, part, sheet):
                open_part |= part
                continue
            if open_part:
                yield min(open_part)[0], open_part, False
            open_part = part
    if open_part:
        yield min(open_part)[0], open_part, False


def _bands(cells: Mapping[Place, str]) -> Iterator[dict[Place, str]]:
    lines = _by_row(cells)
    band: dict[Place, str] = {}
    before = None
    for row in sorted(lines):
        if before is not None and row > before + 1:
            yield band
            band = {}
        band |= {(row, column): text for column, text in lines[row].items()}
        before = row
    if band:
        yield band


def _beside(band: dict[Place, str]) -> list[dict[Place, str]]:
    """The tables that stand beside each other. A column without a word is no border where what follows has no labels of its
    own: figures may be set apart for looks.
    """
    columns = sorted({column for _, column in band})
    groups: list[list[int]] = []
    for column in columns:
        if not groups or column > groups[-1][-1] + 1:
            groups.append([])
        groups[-1].append(column)
    merged: list[list[int]] = []
    for group in groups:
        if merged and not (len(group) > 1 and len(merged[-1]) > 1 and _labelled(band, group[0])):
            merged[-1] += group
        else:
            merged.append(group)
    if len(merged) == 1:
        return [band]
    return [{at: text for at, text in band.items() if at[1] in set(group)} for group in merged]


def _labelled(band: Mapping[Place, str], column: int) -> bool:
    """Whether a column holds words, its first cell (a head) apart."""
    texts = [band[at] for at in sorted(band) if at[1] == column][1:]
    return bool(texts) and sum(not _FIGURE.match(text) for text in texts) > 0.6 * len(texts)


def _goes_on(above: Mapping[Place, str], part: Mapping[Place, str], sheet: Sheet) -> bool:
    """Whether a part after an empty row is more of the table above: in its columns, and without heads of its own."""
    lines, new = _by_row(above), _by_row(part)
    wide = {column for row in lines for column in lines[row]}
    if len(wide) < 2 or not {column for row in new for column in new[row]} <= wide:
        return False
    if not any(len(_filled(row, lines[row], sheet)) > 1 for row in lines) or any(row in sheet.strong for row in new):
        return False
    full = [row for row in sorted(new) if len(new[row]) > 1]
    if not full or len([row for row in new if row < full[0]]) > 1:
        return False
    values = [new[full[0]][column] for column in sorted(new[full[0]])][1:]
    return all(_FIGURE.match(text) and not _YEAR.match(text) for text in values)


def _by_row(cells: Mapping[Place, str]) -> dict[int, dict[int, str]]:
    lines: dict[int, dict[int, str]] = {}
    for (row, column), text in cells.items():
        lines.setdefault(row, {})[column] = text
    return lines
