"""Units, scales and totals that cells leave out, taken from their row, their column and their table.

Invariant: the digits of a figure are never changed here; only its kind, currency, scale and unit are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from retrieval.graph.cells import Cell, Column, Row
from retrieval.graph.reading.figures import read_currency, read_scale
from retrieval.graph.reading.words import stems

_EACH = re.compile(
    r"\bper\b.{0,30}\b(?:share|unit|common|ordinary|employee|diluted|basic|anteil|action|acción)|\beps\b", re.I
)


_PERCENT = re.compile(r"%|per\s?cent|percent(?:age)?\b|\bprozent\b", re.I)


_NAMED_PERCENT = re.compile(r"\d\s?%")  # "6.50% Senior Notes": the per cent sign of a name


_RATE = re.compile(r"\b(?:rates?|margin|yield|volatility|ratio|return|inflation|growth|weightage)\b", re.I)


_YEARS = re.compile(r"\(in\s+(years|months|days)\)|\b(?:useful\s+li(?:fe|ves)|life|term).*\b(years|months|days)\b", re.I)


_COUNT = re.compile(
    r"\b(?:number\s+of|headcount|employees|shares\b(?!.*\$)|units\s+(?:sold|outstanding)|stores|customers"
    r"|(?:store|restaurant|branch|location|unit) (?:openings?|closures?|closings?|count))\b",
    re.I,
)


_DATED = re.compile(r"\b(?:year|expir\w*|matur\w*|due|date|through|until|since|vintage)\b", re.I)


def settle_totals(rows: Sequence[Row]) -> list[Row]:
    """A bare total whose figure is not its section's sum, but the table's, stands under no section."""
    out = list(rows)
    for place, row in enumerate(rows):
        if not row.path or not _bare(row):
            continue
        first = next((cell for cell in row.cells if cell.figure), None)
        if first is None or first.figure is None:
            continue
        section = [r for r in rows[:place] if r.path == row.path and not r.total]
        below = [cell.figure.value for r in section if (cell := r.at(first.column)) and cell.figure]
        if sum(below, Decimal(0)) == first.figure.value:
            continue
        everything = [
            cell.figure.value for r in rows[:place] if not r.total and (cell := r.at(first.column)) and cell.figure
        ]
        totals = [cell.figure.value for r in rows[:place] if r.total and (cell := r.at(first.column)) and cell.figure]
        loose = [
            cell.figure.value
            for r in rows[:place]
            if not r.total and not r.path and (cell := r.at(first.column)) and cell.figure
        ]
        if first.figure.value in (
            sum(everything, Decimal(0)),
            sum(totals, Decimal(0)) + sum(loose, Decimal(0)),
            sum(totals, Decimal(0)),
        ):
            out[place] = replace(row, path=())
    return out


def name_parts(rows: Sequence[Row]) -> list[Row]:
    """Rows that add up to the row below them, to the digit, stand under its label: 'Swiss' and 'Non-Swiss' under 'Income
    before taxes'. A coincidence is kept out by asking for three rows or two columns, and for parts of one sign."""
    out = list(rows)
    for place, row in enumerate(rows):
        name = _LEADING_TOTAL.sub("", row.label)
        if _is_bare(name) or not re.search(r"[^\W\d_]{3,}", name):
            continue
        parts = _parts_above(rows, place)
        for offset in range(len(parts)):
            own = parts[offset:]
            if len(own) > 1 and _add_up(own, row):
                for number in range(place - len(own), place):
                    known = set(stems(" ".join((rows[number].label, *rows[number].path[-1:]))))
                    # "Other" of "Total other assets" needs no name, nor does what stands under that name already
                    if not set(stems(rows[number].label)) <= set(stems(name)) and not set(stems(name)) <= known:
                        out[number] = replace(rows[number], path=(*rows[number].path, name))
                break
    return out


_LEADING_TOTAL = re.compile(r"^(?:sub-?)?total\s+", re.I)


def _parts_above(rows: Sequence[Row], place: int) -> Sequence[Row]:
    """The rows just above one, as far as neither a total nor another section comes between."""
    start = place
    while start and not rows[start - 1].total and rows[start - 1].path == rows[place].path and rows[start - 1].label:
        start -= 1
    return rows[start:place]


def _add_up(parts: Sequence[Row], total: Row) -> bool:
    columns = 0
    for cell in total.cells:
        if cell.figure is None or cell.figure.kind == "percent":
            continue
        own = [part.at(cell.column) for part in parts]
        values = [one.figure.value for one in own if one and one.figure]
        if not values or min(values) < 0 or sum(values, Decimal(0)) != cell.figure.value:
            return False
        columns += len(values) > 1
    return columns > 1 or (columns == 1 and len(parts) > 2)


def _bare(row: Row) -> bool:
    return row.total and _is_bare(row.label)


def _is_bare(label: str) -> bool:
    return label.lower() in ("", "total", "totals", "gesamt", "summe", "totale", "totaal")


def inherit(rows: Sequence[Row], columns: Sequence[Column], scale: int | None, currency: str) -> list[Row]:
    """Gives each figure the kind, currency and scale that its own cell leaves out: from row, column, then table."""
    percent_columns = {
        c.index for c in columns if any(_PERCENT.search(head) and read_scale(head) is None for head in c.heads)
    }
    percent_columns |= _leading_percent(rows, columns)
    out: list[Row] = []
    for row in rows:
        words = " ".join((*row.path[-1:], row.label))
        marked: set[str] = {cell.figure.kind for cell in row.cells if cell.figure}
        cells = []
        for cell in row.cells:
            if cell.figure is None:
                cells.append(cell)
                continue
            cells.append(
                _finished(
                    cell,
                    f"{' '.join(row.path[-1:])} · {row.label}",
                    words,
                    marked,
                    columns[cell.column],
                    cell.column in percent_columns,
                    scale,
                    currency,
                )
            )
        out.append(replace(row, cells=tuple(cells)))
    return out


def _leading_percent(rows: Sequence[Row], columns: Sequence[Column]) -> set[int]:
    """Columns whose first figure has a per cent sign, that name no currency, and whose other figures are small: all
    are per cent."""
    found: set[int] = set()
    for column in columns[1:]:
        figures = [cell.figure for row in rows for cell in row.cells if cell.column == column.index and cell.figure]
        if (
            figures
            and figures[0].kind == "percent"
            and all(not f.currency and abs(f.value) < Decimal(1000) for f in figures)
        ):
            plain = sum(f.kind == "number" for f in figures)
            if plain >= 1 and all("," not in f.text for f in figures):
                found.add(column.index)
    return found


def _finished(
    cell: Cell, label: str, words: str, marked: set[str], column: Column, percent: bool, scale: int | None, currency: str
) -> Cell:
    figure = cell.figure
    assert figure is not None
    head = column.name
    unit = ""
    if figure.kind == "number":
        span = _YEARS.search(label) or _YEARS.search(head)
        if span:
            return replace(cell, unit=(span.group(1) or span.group(2)).lower())
        if re.fullmatch(r"(?:19|20)\d\d", figure.text) and _DATED.search(f"{head} {label}"):
            return replace(cell, figure=None)  # a year of maturity or expiration is no amount
        own = _PERCENT.search(_NAMED_PERCENT.sub(" ", label)) and not figure.text.count(",")
        if (
            (percent and not _EACH.search(label))
            or own
            or ("percent" in marked and not ({"amount"} & marked) and _RATE.search(label))
        ):
            return replace(cell, figure=replace(figure, kind="percent"))
        if re.search(r"basis\s+points|\bbps\b", f"{label} {head}", re.I):
            return replace(cell, figure=replace(figure, kind="basis points"))
    if figure.kind in ("number", "amount"):
        own_scale = read_scale(label)
        if own_scale is None:
            own_scale = read_scale(head)
        each = bool(_EACH.search(words)) or bool(_EACH.search(head))
        counted = bool(_COUNT.search(label)) and not figure.currency
        if figure.scale == 0:
            applied = own_scale if own_scale is not None else (0 if each else scale or 0)
            if scale and own_scale is None and not figure.currency and "." in figure.text and _RATE.search(label):
                applied = 0
            figure = replace(figure, scale=applied)
        if not figure.currency and not counted:
            named = read_currency(head) or read_currency(label) or currency
            if named and not (_RATE.search(label) and "." in figure.text and not each):
                figure = replace(figure, currency=named, kind="amount")
        if counted:
            unit = "shares" if "share" in label.lower() else ""
    return replace(cell, figure=figure, unit=unit)
