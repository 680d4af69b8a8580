"""Dates of a question, and the days between two of them.

Invariant: a date that two readers could take for different days is none ("03/04/2026" among English words); without a year
only what does not depend on one is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums.vocabulary import Words

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_NUMERIC = re.compile(r"(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})")
_WRITTEN = re.compile(
    r"(?:the |el |il |le |o |de |am |den |dem |vom |zum |dal |l'|del |al )?(\d{1,2})(?:st|nd|rd|th|er|º|°|\.)?"
    r"(?: of| de| di| d')? ?([^\W\d_]+\.?)(?:,? (?:of |de |del |di )?(\d{4}))?"
)
_MONTH_FIRST = re.compile(r"([^\W\d_]+\.?) (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?")
_LEAP = 2024


@dataclass(frozen=True)
class Days:
    """Days from one date to another, the first not counted. dated: whether the years are known."""

    first: date
    last: date
    dated: bool = True

    @property
    def count(self) -> int:
        return (self.last - self.first).days


def days_between(first: str, last: str, words: Words) -> Days:
    """From one date to the next; a year that only the second has is the first's too. Raises CannotCompute."""
    day, month, year = _read(first, words)
    day2, month2, year2 = _read(last, words)
    if year is not None and year2 is None:
        raise CannotCompute("the year of the second date is not said")
    if year2 is None:
        if (month2, day2) < (month, day) or (month, day) <= (2, 29) < (month2, day2):
            raise CannotCompute("without a year the days are not known")
        return Days(_date(_LEAP, month, day), _date(_LEAP, month2, day2), dated=False)
    found = Days(_date(year2 if year is None else year, month, day), _date(year2, month2, day2))
    if found.count < 0:
        raise CannotCompute("the second date is before the first")
    return found


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise CannotCompute("there is no such day") from error


def _read(text: str, words: Words) -> tuple[int, int, int | None]:
    """Day, month and year, if it is told."""
    text = text.strip(" ,")
    if found := _ISO.fullmatch(text):
        return int(found[3]), int(found[2]), int(found[1])
    if found := _NUMERIC.fullmatch(text):
        day, month = int(found[1]), int(found[3])
        if words.language == "en" and found[2] == "/":
            if day <= 12 and month <= 12 and day != month:
                raise CannotCompute("the date can be read in two ways")
            if month > 12:
                day, month = month, day
        return day, month, int(found[4])
    if found := _WRITTEN.fullmatch(text):
        return int(found[1]), _month(found[2], words.months), int(found[3]) if found[3] else None
    if (found := _MONTH_FIRST.fullmatch(text)) and words.language == "en":
        return int(found[2]), _month(found[1], words.months), int(found[3]) if found[3] else None
    raise CannotCompute("this is no date")


def _month(name: str, months: Mapping[str, int]) -> int:
    if name not in months:
        raise CannotCompute("a month is not understood")
    return months[name]
