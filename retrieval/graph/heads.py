"""Which rows of a grid are heads, and what each column is called by them.

Invariant: a column's heads are words of the grid alone, outermost first; nothing is made up for a column without a head.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.graph.reading.figures import is_nil, read_cell, read_currency, read_scale
from retrieval.graph.reading.periods import find_periods

Cells = Sequence[str]
_DEEPEST = 8
_UNIT_ONLY = re.compile(
    r"^[(\[]?\s*(?:(?:in\s*)?(?:us|u\.s\.)?\s*(?:[$€£¥₹`%#]|usd|eur|gbp|chf|dollars?|euros?)*\s*(?:in\s*)?['’‘]?"
    r"(?:thousands?|millions?|billions?|000s?|m|mn|bn|k|%|per\s?cent|percent|unaudited|audited|restated|notes?)?"
    r"(?:\s*(?:of\s*)?(?:us|u\.s\.)?\s*(?:[$€£]|dollars?|euros?))?(?:,?\s*except.*)?)\s*[)\]]?$",
    re.I,
)
_ENDED = re.compile(
    r"\b(?:years?|months?|quarters?|weeks?|periods?|ended|ending|fiscal|as\s+(?:of|at)|december|june|march|september)\b",
    re.I,
)


def is_unit_note(text: str) -> bool:
    """Whether a cell says nothing but a unit: '(in millions)', '€m', '%', "US$'000"."""
    return bool(text.strip()) and len(text) < 60 and bool(_UNIT_ONLY.match(text.strip()))


def is_note_head(text: str) -> bool:
    """Whether a column is said to hold references to notes, and no figures: 'Note', 'Notes', 'Ref.'."""
    return bool(re.fullmatch(r"\W*(?:notes?|ref|reference)\W*", text, re.I))


def names_periods(cell: str) -> bool:
    """'2019', 'December 31, 2019', 'Q4 2019', 'FY 2019 (%)': a period and little else."""
    found = find_periods(cell)
    if not found:
        return False
    rest = cell
    for one in found:
        rest = rest.replace(one.text, " ")
    rest = re.sub(r"\(\w{1,2}\)|\((?:restated|unaudited|audited|as adjusted|adjusted|revised)[^)]*\)", " ", rest, flags=re.I)
    rest = _ENDED.sub(" ", rest)
    return len(re.findall(r"[^\W\d_]{3,}", rest)) <= 1 and not re.search(r"\d,\d{3}", rest)


def is_head_row(cells: Cells, first: bool) -> bool:
    """Whether a row names columns: periods or units in every filled value cell, or (at the top) texts and no figures."""
    values = [cell for cell in cells[1:] if cell.strip()]
    if not values:
        return first and not cells[0].strip()
    if all(names_periods(cell) or is_unit_note(cell) for cell in values):
        label = cells[0].strip()
        years_alone = all(re.fullmatch(r"(?:19|20)\d\d", cell.strip()) for cell in values)
        return first or len(values) >= 2 or not (years_alone and label and not _ENDED.search(label))
    if not first:
        return False
    return all((read_cell(cell) is None and not is_nil(cell)) or names_periods(cell) for cell in values)


def head_depth(rows: Sequence[Cells]) -> int:
    """How many rows at the top are heads. A table of texts alone has one head row."""
    depth = 0
    for row in rows[:_DEEPEST]:
        filled = [cell for cell in row if cell.strip()]
        if is_head_row(row, first=True) and not (depth and _opens_section(row, rows[depth - 1])):
            depth += 1
        elif depth < 2 and len(filled) == 1 and row[0].strip() and _title_above_heads(rows, depth):
            depth += 1  # a title inside the grid: "Income statement expense" over the years
        else:
            break
    if depth >= len(rows) or (depth > 1 and _all_text(rows)):
        return 1
    return _without_text_rows(rows, depth)


def _opens_section(row: Cells, above: Cells) -> bool:
    """A lone text under a full row of heads, in a grid where section labels stand in a value column."""
    values = [cell for cell in row[1:] if cell.strip()]
    full = sum(1 for cell in above[1:] if cell.strip()) >= len(above) - 1
    return (
        full
        and not row[0].strip()
        and len(values) == 1
        and len(row) > 2
        and not (is_unit_note(values[0]) or names_periods(values[0]) or values[0].startswith("("))
    )


def _title_above_heads(rows: Sequence[Cells], at: int) -> bool:
    """Whether the row after a lone label is a head row of periods or units, not one of figures."""
    if at + 1 >= len(rows):
        return False
    return at == 0 and is_head_row(rows[at + 1], first=True)


def _all_text(rows: Sequence[Cells]) -> bool:
    return not any(read_cell(cell) for row in rows[1:] for cell in row[1:] if not names_periods(cell))


def _without_text_rows(rows: Sequence[Cells], depth: int) -> int:
    """Rows of texts under the first full head row are data where they are labelled like the rows below ("Land |
    freehold")."""
    for number in range(1, depth):
        row = rows[number]
        above_full = all(cell.strip() for cell in rows[number - 1][1:])
        labelled = bool(row[0].strip()) and not is_unit_note(row[0])
        values = [cell for cell in row[1:] if cell.strip()]
        if (
            labelled
            and above_full
            and not any(names_periods(c) or is_unit_note(c) for c in values)
            and rows[number - 1][0].strip()
        ):
            return number
    return depth


def column_heads(rows: Sequence[Cells], width: int) -> list[tuple[str, ...]]:
    """For each column its heads, outermost first; a head that spans several columns is given to each of them."""
    heads: list[list[str]] = [[] for _ in range(width)]
    for number, row in enumerate(rows):
        lowest = number == len(rows) - 1
        spread = list(row) if lowest else _spread(row, rows[number + 1 :])
        for column in range(width):
            text = " ".join(spread[column].split()) if column < len(spread) else ""
            if text and (not heads[column] or heads[column][-1] != text):
                heads[column].append(text)
    if rows:
        _share_unit_notes(heads, rows[-1], width)
    return [tuple(parts) for parts in heads]


def _share_unit_notes(heads: list[list[str]], lowest: Cells, width: int) -> None:
    """'(in millions)' alone in the last head row speaks for every value column."""
    filled = [column for column in range(1, width) if column < len(lowest) and lowest[column].strip()]
    if len(filled) == 1 and is_unit_note(lowest[filled[0]]) and width > 2 and _speaks_of_scale(lowest[filled[0]]):
        for column in range(1, width):
            if column != filled[0]:
                heads[column].append(" ".join(lowest[filled[0]].split()))


def _speaks_of_scale(text: str) -> bool:
    return read_scale(text) is not None or bool(read_currency(text))


def _spread(row: Cells, below: Sequence[Cells]) -> list[str]:
    """A row of heads with its blanks filled by the head that spans them: the neighbour over columns of the same sort."""
    width = len(row)
    filled = [column for column in range(1, width) if row[column].strip()]
    out = list(row)
    if not filled or len(filled) == width - 1:
        return out
    sorts = {column: _sort(below, column) for column in range(1, width)}
    if len(filled) == 1:
        only = filled[0]
        spans = not _RUNS_ON.search(row[only])
        dated = sorts[only] == "period" and names_periods(row[only])
        return [
            row[0],
            *[
                row[only]
                if column == only or (spans and (sorts[column] == sorts[only] != "" or (dated and sorts[column] == "other")))
                else ""
                for column in range(1, width)
            ],
        ]
    right_aligned = not row[1].strip() and bool(row[width - 1].strip()) and _plain_label(below)
    single = _lowest_of_each(filled, below)
    for column in range(1, width):
        if out[column].strip() or not sorts[column] or (single and _lowest(below, column) != single):
            continue
        if is_note_head(_lowest(below, column)):
            continue
        left = max((c for c in filled if c < column), default=None)
        right = min((c for c in filled if c > column), default=None)
        if left is None or right is None:
            source = left if right is None else right
        elif (sorts[left] == sorts[column]) != (sorts[right] == sorts[column]):
            source = left if sorts[left] == sorts[column] else right
        else:
            source = right if right_aligned else left
        if source is not None and not _RUNS_ON.search(row[source]) and (sorts[source] == sorts[column] or left is not None):
            out[column] = row[source]
    return out


_RUNS_ON = re.compile(r"\b(?:of|at|to|for|in|and|or|the|by|from|with|per)\s*$|[-–/&]\s*$", re.I)
_CHANGES = re.compile(r"\b(?:change|variance|increase|decrease|growth)\b|^\W*%\W*$", re.I)


def _sort(below: Sequence[Cells], column: int) -> str:
    """What kind of head the column has of its own further down: "period", "change", "other", or "" for none."""
    text = " ".join(
        row[column] for row in below if column < len(row) and row[column].strip() and not is_unit_note(row[column])
    )
    if not text:
        return "unit" if _has_head(below, column) else ""
    if names_periods(text):
        return "period"
    return "change" if _CHANGES.search(text) else "other"


def _lowest(below: Sequence[Cells], column: int) -> str:
    return next((row[column].strip() for row in reversed(below) if column < len(row) and row[column].strip()), "")


def _lowest_of_each(filled: Sequence[int], below: Sequence[Cells]) -> str:
    """The head that all filled columns share below ("Quarter" under "First" to "Fourth"): each of them is one column
    wide."""
    lowest = {_lowest(below, column) for column in filled}
    return lowest.pop() if len(lowest) == 1 and len(filled) > 2 else ""


def _has_head(below: Sequence[Cells], column: int) -> bool:
    return any(column < len(row) and row[column].strip() for row in below)


def _plain_label(below: Sequence[Cells]) -> bool:
    """Whether all columns have heads of their own below: then blanks above are spans and not gaps."""
    return bool(below) and sum(1 for cell in below[0][1:] if cell.strip()) >= len(below[0]) - 2
