"""Which versions of the documents a question is put to: those in force, unless it names another day or version.

Pure. Invariant: the choice is made among what the searcher may read; what may not be read changes nothing of it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date

from retrieval.graph.reading.periods import Period, find_periods
from retrieval.types import DocumentInfo

_VERSION = re.compile(r"\b(?:versions?|v|fassung)\s?(\d{1,3})\b", re.I)
_FORMER = re.compile(
    r"\b(?:former|previous|prior|earlier|old|older|superseded|replaced|frühere[nrs]?|vorherige[nrs]?|alte[nrs]?)\s+"
    r"(?:versions?|editions?|fassung(?:en)?|ausgaben?)\b",
    re.I,
)
Span = tuple[date, date]


def in_force(documents: Sequence[DocumentInfo], seen: Iterable[int], day: date) -> tuple[int, ...]:
    """Of each document among `seen` (numbers) the latest version that is in force on the day; none where none is."""
    latest: dict[str, int] = {}
    for number in seen:
        one = documents[number]
        if one.in_force(day) and (one.name not in latest or documents[latest[one.name]].version < one.version):
            latest[one.name] = number
    return tuple(sorted(latest.values()))


def asked_for(documents: Sequence[DocumentInfo], seen: Sequence[int], day: date, question: str) -> tuple[int, ...]:
    """Those in force; of a document whose other version the question names, by a day or a number, that one instead."""
    chosen = {documents[number].name: number for number in in_force(documents, seen, day)}
    spans = [span for period in find_periods(question) if (span := days_of(period))]
    numbers = {int(found) for found in _VERSION.findall(question)}
    former = bool(_FORMER.search(question))
    if not (spans or numbers or former):
        return tuple(sorted(chosen.values()))
    families: dict[str, list[int]] = {}
    for number in seen:
        families.setdefault(documents[number].name, []).append(number)
    for name, family in families.items():
        family.sort(key=lambda number: documents[number].version)
        now = chosen.get(name)
        if numbers and (named := [one for one in family if documents[one].version in numbers]):
            chosen[name] = named[-1]
        elif spans and not (now is not None and _holds(documents[now], spans)):
            then = [one for one in family if _holds(documents[one], spans) and _dated(documents[one])]
            if then:
                chosen[name] = then[-1]
        elif former:
            newest = documents[now].version if now is not None else documents[family[-1]].version + 1
            before = [one for one in family if documents[one].version < newest]
            chosen |= {name: before[-1]} if before else {}
    return tuple(sorted(chosen.values()))


def days_of(period: Period) -> Span | None:
    """The first and the last day of a period as a calendar has it; None for fiscal periods and those without a year."""
    if period.year is None or period.fiscal:
        return None
    first, last = 1, 12
    if period.month is not None:
        first = last = period.month
    elif period.quarter is not None:
        first, last = 3 * period.quarter - 2, 3 * period.quarter
    elif period.half is not None:
        first, last = 6 * period.half - 5, 6 * period.half
    stop = period.end or period.year
    try:
        return date(period.year, first, period.day or 1), date(stop, last, period.day or monthrange(stop, last)[1])
    except ValueError:  # 31 April, or a month 13
        return None


def _holds(one: DocumentInfo, spans: Iterable[Span]) -> bool:
    return any((one.valid_from or first) <= last and first <= (one.valid_until or last) for first, last in spans)


def _dated(one: DocumentInfo) -> bool:
    return one.valid_from is not None or one.valid_until is not None
