"""A false date of birth: the true one moved into the past by the conversation's secret number of days.

Invariant: all dates of birth of one conversation move by the same days, so who is older stays older, and the way they are
written stays the same.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_NUMBERS = re.compile(r"\d+")
_WORD = re.compile(r"[A-Za-z]{3,}")


def moved(original: str, days: int) -> str | None:
    """The date `days` earlier, written as the original; None where it is no date with a year."""
    shape = _read(original)
    if shape is None:
        return None
    found, places = shape
    other = found - timedelta(days=days) if found.year > 1905 else found + timedelta(days=days)
    out, at = [], 0
    for start, end, part in places:
        out += [original[at:start], _written(original[start:end], part, other)]
        at = end
    return re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", _ordinal(other.day), "".join([*out, original[at:]]))


def spellings(shown: str) -> set[str]:
    """The usual ways to write the date that `shown` holds, for finding it again."""
    shape = _read(shown)
    if shape is None:
        return set()
    d = shape[0]
    month = _MONTHS[d.month - 1].capitalize()
    names = {month, month[:3]}
    ordinal = f"{d.day}{_ordinal(d.day)}"
    words = {
        form
        for name in names
        for day in (str(d.day), f"{d.day:02d}", ordinal)
        for form in (f"{day} {name} {d.year}", f"{name} {day} {d.year}", f"{day} of {name} {d.year}")
    }
    return words | {
        f"{d.day}.{d.month}.{d.year}", f"{d.day:02d}.{d.month:02d}.{d.year}", f"{d.year}-{d.month:02d}-{d.day:02d}",
        f"{d.month}.{d.day}.{d.year}", f"{d.month:02d}.{d.day:02d}.{d.year}",
    }  # fmt: skip


def _read(shown: str) -> tuple[date, list[tuple[int, int, str]]] | None:
    """The date, and where its day, month and year stand."""
    numbers = [(m.start(), m.end(), m.group()) for m in _NUMBERS.finditer(shown.split(":")[0])]
    named = next(((m.start(), m.end(), i) for m in _WORD.finditer(shown)
                  for i, name in enumerate(_MONTHS, 1) if name.startswith(m.group().lower())), None)  # fmt: skip
    if named is not None:
        parts = [(s, e, "year" if len(t) == 4 else "day") for s, e, t in numbers[:2]]
        values = {part: int(shown[s:e]) for s, e, part in parts} | {"month": named[2]}
        parts.append((named[0], named[1], "month"))
    elif len(numbers) >= 3:
        first, second = int(numbers[0][2]), int(numbers[1][2])
        order = ("year", "month", "day") if len(numbers[0][2]) == 4 else ("day", "month", "year")
        if order[0] == "day" and second > 12 >= first:
            order = ("month", "day", "year")
        parts = [(s, e, part) for (s, e, _), part in zip(numbers, order, strict=False)]
        values = {part: int(shown[s:e]) for s, e, part in parts}
    else:
        return None
    if set(values) != {"day", "month", "year"}:
        return None
    year = values["year"]
    year += 0 if year >= 100 else 1900 if year > 25 else 2000
    try:
        return date(year, values["month"], values["day"]), sorted(parts)
    except ValueError:
        return None


def _written(shown: str, part: str, to: date) -> str:
    """The part of the date in the way `shown` is written."""
    if part == "month" and not shown.isdigit():
        name = _MONTHS[to.month - 1]
        name = name if len(shown) > 4 or shown.lower() in ("june", "july", "may") else name[:3]
        return name.upper() if shown.isupper() else name.capitalize() if shown[0].isupper() else name
    value = {"day": to.day, "month": to.month, "year": to.year}[part]
    if part == "year" and len(shown) == 2:
        return f"{value % 100:02d}"
    return f"{value:02d}" if shown.startswith("0") or len(shown) == 2 else str(value)


def _ordinal(day: int) -> str:
    return {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}.get(day, "th")
