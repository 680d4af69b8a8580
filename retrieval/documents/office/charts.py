"""The figures of a chart, as the file keeps them beside it: one row a category, one column a series."""

from __future__ import annotations

from retrieval.documents.blocks import squeeze
from retrieval.documents.office.number_formats import shown
from retrieval.documents.office.package import Element, child, children, descendants, local

_MOST = 2_000  # points of a chart
_VALUES = frozenset({"val", "yVal"})


def chart_table(chart: Element) -> tuple[str, list[list[str]]]:
    """The chart's title and its table; no rows where it keeps no figures."""
    space = next(descendants(chart, "chart"), None)
    heading = child(space, "title")
    title = squeeze("".join(one.text or "" for one in descendants(heading, "t"))) if heading is not None else ""
    names: list[str] = []
    columns: list[dict[int, str]] = []
    labels: dict[int, str] = {}
    for series in descendants(space, "ser"):
        own = _points(child(series, "tx"))
        values = next((_points(one) for one in series if local(one) in _VALUES), {})
        for key in ("cat", "xVal"):
            labels = labels or _points(child(series, key))
        if values:
            names.append(own.get(0, ""))
            columns.append(values)
    at = sorted({point for column in columns for point in column})[:_MOST]
    if not at:
        return title, []
    rows = [[labels.get(point, str(point + 1)), *(column.get(point, "") for column in columns)] for point in at]
    return title, [["", *names], *rows] if any(names) else rows


def _points(parent: Element | None) -> dict[int, str]:
    """The stored values by their number, as the chart shows them."""
    cache = next(descendants(parent, "strCache", "numCache", "multiLvlStrCache", "strLit", "numLit"), None)
    code = child(cache, "formatCode")
    level = child(cache, "lvl")
    found = {}
    for point in children(level if level is not None else cache, "pt"):
        value = child(point, "v")
        text = (value.text or "") if value is not None else ""
        index = point.get("idx") or ""
        if index.isdigit():
            found[int(index)] = _shown(text, code.text or "" if code is not None else "")
    return found


def _shown(text: str, code: str) -> str:
    try:
        return shown(float(text), code) if code and not any(letter in code.lower() for letter in "ymd") else squeeze(text)
    except ValueError:
        return squeeze(text)
