"""Which first rows of a table name its columns, and over which columns a head stands, where a format tells neither by
itself.

A Markdown table marks one row as head; filings have two or three: "Years ended June 30," over "2019 | 2018", then "(in
millions)".
"""

from __future__ import annotations

import re

Rows = tuple[tuple[str, ...], ...]

_YEAR = re.compile(
    r"^(?:fiscal |FY|CY)?[’']?(?:19|20)\d\d(?:[-–/]\d\d(?:\d\d)?)?(?: ?[⁰-⁹⁽⁾ᵃ-ᶻ¹²³*]+|\s*\([a-z\d]\))*[,*]?$", re.I
)
_AMOUNT = re.compile(r"^[$€£¥]?\s*[-–—−(]*\s*[$€£¥]?\s*\d[\d.,\s]*\)?\s*(?:%|pts?|bps|x)?\)?$|^[-–—−]+$")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*"
_PERIOD = re.compile(
    rf"\b(?:ended|ending|as (?:of|at)|years?|months?|weeks|quarters?|fiscal|change|{_MONTH})\b"
    r"|\b(?:19|20)\d\d\b|\b(?:in ?)?(?:millions?|thousands?|billions?)\b|^[($€£¥%)\s]+$",
    re.I,
)
_SPAN = re.compile(r"\b(?:ended|ending|as (?:of|at))\b", re.I)
_MOST = 5  # rows of heads


def leading_heads(rows: Rows, known: int) -> int:
    """How many first rows are heads: those that are `known` to be, and rows after them without a label or an amount."""
    if not known and not _names_only(rows[0]):
        return 0
    count = max(known, 1)
    while (
        count < min(len(rows) - 1, _MOST) and not _is_group(rows[count]) and not _opens_group(rows[count], rows[count - 1])
    ):
        first = not any(any(row[1:]) for row in rows[:count])
        if not _names_only(rows[count]) and not (first and _dated(rows[count])):
            break
        count += 1
    return count


def _dated(row: tuple[str, ...]) -> bool:
    """Nothing but years and periods, whatever the label: the heads of a table whose first row is its title."""
    cells = [cell for cell in row[1:] if cell]
    return bool(cells) and all(_YEAR.match(cell) or _SPAN.search(cell) for cell in cells)


def _names_only(row: tuple[str, ...]) -> bool:
    """Years, dates and words under an empty label, or a label that names a unit or a period."""
    label, cells = row[0], [cell for cell in row[1:] if cell]
    if not cells or any(_AMOUNT.match(cell) and not _YEAR.match(cell) for cell in cells):
        return False
    dated = all(_YEAR.match(cell) or _PERIOD.search(cell) for cell in cells)
    return not label or (dated and bool(_PERIOD.search(label) or "(" in label))


def _is_group(row: tuple[str, ...]) -> bool:
    return bool(row[0]) and not any(row[1:])


def _opens_group(row: tuple[str, ...], above: tuple[str, ...]) -> bool:
    """A lone text under a full row of heads: the label of a group of rows that stands in a value column."""
    cells = [cell for cell in row[1:] if cell]
    return (
        not row[0]
        and len(cells) == 1
        and len(row) > 2
        and all(above[1:])
        and not _PERIOD.search(cells[0])
        and cells[0][0] != "("
    )


def spread_heads(rows: Rows, heads: int) -> Rows:
    """The rows with a head of a period, date or unit in each column that it stands over; the others stay as they are.

    Such a head is written once, over the first or the middle of its columns, with a full row of heads below it (a unit:
    above).
    """
    found = list(rows)
    for at in range(heads - 1, -1, -1):
        if any(all(found[beside][1:]) for beside in (at - 1, at + 1) if 0 <= beside < heads):
            found[at] = (found[at][0], *_spread(found[at][1:]))
    return tuple(found)


def _spread(cells: tuple[str, ...]) -> tuple[str, ...]:
    filled = [at for at, cell in enumerate(cells) if cell]
    if not filled or len(filled) == len(cells) or not all(_PERIOD.search(cells[at]) for at in filled):
        return cells
    middle = (len(cells) - 1) // 2
    whole = len(filled) == 1 and _SPAN.search(cells[filled[0]])
    if len(filled) == 1 and not whole and filled[0] not in (0, middle, len(cells) // 2):
        return cells
    each, rest = divmod(len(cells), len(filled))
    if not rest and all(at // each == number for number, at in enumerate(filled)):
        return tuple(cells[filled[at // each]] for at in range(len(cells)))
    if filled[0] == 0:
        return tuple(cells[max(at for at in filled if at <= column)] for column in range(len(cells)))
    return cells
