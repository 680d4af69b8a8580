"""Excel (.xlsx, .xlsm, .xltx, .xltm) by openpyxl: each sheet a section, its tables as shown: number formats, joined cells.

Values are those that the file stores; no formula is computed. Hidden sheets, rows and columns are left out and named.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.documents.blocks import Block, Parsed, squeeze
from retrieval.documents.formats.docx import MACROS, own_title
from retrieval.documents.grid import Grid
from retrieval.documents.office.number_formats import shown
from retrieval.documents.office.package import Package
from retrieval.documents.office.regions import Sheet, add_sheet
from retrieval.types import UnreadableDocument

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

_LARGEST = 320 * 2**20  # bytes of all sheets, unpacked: some six million cells, three gigabytes in memory
_UNSTORED = re.compile(rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<v></v>)?\s*</(?:\w+:)?c>")


def read_xlsx(path: Path) -> Parsed:
    """Raises UnreadableDocument for a locked, broken or very large file."""
    with Package(path) as package:
        package.main()
        sheets = [part for part in package if re.fullmatch(r"xl/worksheets/[^/]+\.xml", part)]
        size = sum(package.size(part) for part in sheets)
        if size > _LARGEST:
            raise UnreadableDocument(f"{path.name}: its sheets unpack to {size >> 20} MiB; split it")
        unstored = sum(len(_UNSTORED.findall(package.bytes(part))) for part in sheets)
        title, macros = own_title(package), package.macros
    book = _opened(path)
    blocks: list[Block] = []
    grids: list[Grid] = []
    hidden: list[str] = []
    left_out: list[str] = []
    for page in book.worksheets:
        if page.sheet_state != "visible":
            hidden.append(page.title)
            continue
        sheet, missing = _sheet(page)
        if sheet.cells:
            blocks.append(Block("heading", squeeze(page.title), level=2))
            add_sheet(sheet, blocks, grids)
        if missing:
            left_out.append(f"{page.title}: {missing}")
    book.close()
    return Parsed(title, tuple(blocks), grids=tuple(grids), notes=_notes(hidden, left_out, unstored, macros))


def _opened(path: Path) -> Any:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of extensions that openpyxl leaves out; none holds a cell's text
        return load_workbook(path, data_only=True, keep_links=False)


def _sheet(page: Worksheet) -> tuple[Sheet, str]:
    """What can be seen of a sheet, and how many rows and columns are hidden."""
    rows = {number for number, row in page.row_dimensions.items() if row.hidden}
    columns: set[int] = set()
    for one in page.column_dimensions.values():
        if one.hidden and one.min and one.max:
            columns.update(range(one.min, min(one.max, page.max_column) + 1))
    held = {place for place, cell in page._cells.items() if cell.value is not None}  # sparse, unlike iter_rows
    cells: dict[tuple[int, int], str] = {}
    light: set[int] = set()
    for place in sorted(held):
        cell = page._cells[place]
        if place[0] not in rows and place[1] not in columns and (text := squeeze(shown(cell.value, cell.number_format))):
            cells[place] = text
            if not (cell.has_style and cell.font.b):
                light.add(place[0])
    across = _spread(page, cells, rows, columns)
    strong = {row for row, _ in cells} - light
    frozen = page.freeze_panes
    marked = [_bounds(table.ref) for table in page.tables.values() if table.headerRowCount != 0]
    last = int(re.sub(r"\D", "", frozen)) - 1 if isinstance(frozen, str) else 0
    seen = Sheet(cells, across, strong, [one for one in marked if one], last if last <= 12 else 0)
    gone = [
        f"{len(found)} hidden {name}{'' if len(found) == 1 else 's'}"
        for name, found in (
            ("row", {row for row, _ in held} & rows),
            ("column", {column for row, column in held if row not in rows} & columns),
        )
        if found
    ]
    return seen, " and ".join(gone)


def _spread(
    page: Worksheet, cells: dict[tuple[int, int], str], rows: set[int], columns: set[int]
) -> dict[tuple[int, int], int]:
    """Puts the text of a joined cell into each of its places, in `cells`; how many columns each such text has."""
    across: dict[tuple[int, int], int] = {}
    for one in page.merged_cells.ranges:
        text = cells.get((one.min_row, one.min_col))
        if text is None or one.size["rows"] * one.size["columns"] > 100_000:
            continue
        for row in range(one.min_row, one.max_row + 1):
            if row in rows:
                continue
            across[row, one.min_col] = one.max_col - one.min_col + 1
            for column in range(one.min_col, one.max_col + 1):
                if column not in columns:
                    cells[row, column] = text
    return across


def _bounds(reference: str) -> tuple[int, int, int, int] | None:
    from openpyxl.utils import range_boundaries

    first, top, last, bottom = range_boundaries(reference)
    return None if None in (first, top, last, bottom) else (int(top or 0), int(first or 0), int(bottom or 0), int(last or 0))


def _notes(hidden: list[str], left_out: list[str], unstored: int, macros: bool) -> tuple[str, ...]:
    found = []
    if hidden:
        found.append(f"{len(hidden)} hidden {'sheet' if len(hidden) == 1 else 'sheets'} left out: {', '.join(hidden[:12])}")
    found += [f"sheet {one}; left out" for one in left_out[:12]]
    if unstored:
        found.append(f"{unstored} formulas without a stored value read as empty; open and save it in a spreadsheet program")
    if macros:
        found.append(MACROS)
    return tuple(found)
