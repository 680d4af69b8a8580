"""Periods: years, quarters, halves, dates and ranges, in questions and in the heads of columns.

Invariant: a fiscal year is never taken for the calendar year of a date: `fits` compares only what both sides state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

_MONTHS_TEXT = (
    "january januar janvier enero gennaio januari|february februar février febrero febbraio februari|"
    "march märz mars marzo maart|april avril abril aprile|may mai mayo maggio mei|june juni juin junio giugno|"
    "july juli juillet julio luglio|august août agosto augustus|september septembre septiembre settembre|"
    "october oktober octobre octubre ottobre|november novembre noviembre|december dezember décembre diciembre dicembre"
)
_MONTHS = _MONTHS_TEXT.split("|")
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
MONTHS |= {name[:3]: number for name, number in MONTHS.items() if number and name in "|".join(_MONTHS) and len(name) > 3}
MONTHS |= {"sept": 9, "okt": 10, "dez": 12}
MONTHS |= {"mar": 3, "mai": 5}
_MONTH = "(?:" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\b\.?"
_YEAR = r"(?:19[5-9]\d|20[0-6]\d)"
_ORDINALS = {
    **dict.fromkeys(("first", "1st", "erste", "ersten", "premier", "primer", "primo", "eerste", "1"), 1),
    **dict.fromkeys(("second", "2nd", "zweite", "zweiten", "deuxième", "segundo", "secondo", "tweede", "2"), 2),
    **dict.fromkeys(("third", "3rd", "dritte", "dritten", "troisième", "tercer", "terzo", "derde", "3"), 3),
    **dict.fromkeys(("fourth", "4th", "vierte", "vierten", "quatrième", "cuarto", "quarto", "vierde", "4"), 4),
}
_ORDINAL = "(?:" + "|".join(sorted(_ORDINALS, key=len, reverse=True)) + ")"
_QUARTER = r"(?:quarters?|quartals?|trimestres?|kwartaal)"
_PATTERN = re.compile(
    rf"""
    (?P<q>q(?P<qn>[1-4])|(?P<qn2>[1-4])q|(?P<qo>{_ORDINAL})\s+(?:fiscal\s+)?{_QUARTER}|{_QUARTER}\s+(?P<qn3>[1-4])\b)
        (?:\s*[,'/-]?\s*(?:of\s+|von\s+|de\s+|del\s+|im\s+)?(?P<qf>fiscal\s+(?:year\s+)?|fy\s*)?(?P<qy>{_YEAR}|\d\d(?=\b)))?
  | (?P<h>h(?P<hn>[12])|(?P<hn2>[12])h|(?P<ho>first|second)\s+half(?:\s+of)?)
        (?:\s*[,'/-]?\s*(?P<hf>fiscal\s+(?:year\s+)?|fy\s*)?(?P<hy>{_YEAR}))?
  | (?P<d1>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<m1>{_MONTH})(?:\s*,?\s+(?:de\s+)?(?P<y1>{_YEAR}))?
  | (?P<m2>{_MONTH})\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:\s*,?\s*(?P<y2>{_YEAR}))?
  | (?P<m3>{_MONTH})\s*,?\s+(?P<y3>{_YEAR})
  | \b(?P<ma>\d{{1,2}})/(?P<da>\d{{1,2}})/(?P<ya>\d{{4}}|\d\d)\b
  | \b(?P<yi>{_YEAR})-(?P<mi>\d\d)-(?P<di>\d\d)\b
  | (?<![\d.,$€£])(?P<rf>(?:fy|fiscal|financial)\s*(?:years?\s+)?)?(?P<r1>{_YEAR})\s*(?:-|–|—|/|to|through|until)
      \s*(?:fy\s*)?
      (?P<r2>{_YEAR}|\d\d)
      (?![\d%]|[.,]\d|\s*(?:days|years|months)|-\d)
  | \b(?P<fy>fy|f|fiscal\s+years?|fiscal|financial\s+years?|geschäftsjahr|exercice|ejercicio|esercizio|boekjaar)
      \s*(?:ended\s+|ending\s+)?
      [\s'’]?(?P<yf>{_YEAR}|\d\d(?!\d|[.,]\d))
  | (?:(?<![\d.,$€£/])|(?<=(?:19|20)\d\d,))(?P<y>{_YEAR}|2\s0\s[0-6]\s\d)(?![\d%]|[.,]\d(?!\d\d\d(?!\d)))
    """,
    re.X | re.I,
)


@dataclass(frozen=True, slots=True)
class Period:
    """Only what was written is set. `end` is the last year of a range of years ("2021-2022"). Offsets are of the
    text read. `months`: how long a column's period is, where its heads say so ("Three Months Ended")."""

    year: int | None = None
    end: int | None = None
    quarter: int | None = None
    half: int | None = None
    month: int | None = None
    day: int | None = None
    fiscal: bool = False
    text: str = ""
    start: int = 0
    stop: int = 0
    months: int | None = None

    @property
    def order(self) -> tuple[int, int, int]:
        """Sorts periods in time."""
        month = self.month or (self.quarter or 0) * 3 or (self.half or 0) * 6 or 12
        return self.end or self.year or 0, month, self.day or 0


@lru_cache(maxsize=16384)
def find_periods(text: str) -> tuple[Period, ...]:
    """Every period in the text, left to right."""
    if not _MAY_HOLD.search(text):
        return ()
    return tuple(period for found in _PATTERN.finditer(text) if (period := _period(found)))


def years_called(period: Period) -> frozenset[int]:
    """The years that a period goes by: a year of 52 or 53 weeks that ends in the first days of January is also the one
    before."""
    if not period.year:
        return frozenset()
    early = period.month == 1 and period.day is not None and period.day <= 7
    return frozenset({period.year, period.year - 1} if early else {period.year})


def years_in(text: str) -> frozenset[int]:
    """The years named in running text, quickly: no dates, quarters or ranges."""
    return frozenset(int(year) for year in _YEARS.findall(text))


_MAY_HOLD = re.compile(r"\d|quarter|quartal|trimestre|kwartaal|\bhalf\b", re.I)
_YEARS = re.compile(rf"(?<![\d.,$€£]){_YEAR}(?![\d%])")


def _period(found: re.Match[str]) -> Period | None:
    read = _stated(found)
    return None if read is None else replace(read, text=found.group(), start=found.start(), stop=found.end())


def _stated(found: re.Match[str]) -> Period | None:
    part = found.groupdict()
    if part["q"]:
        number = part["qn"] or part["qn2"] or part["qn3"]
        quarter = int(number) if number else _ORDINALS[part["qo"].lower()]
        return Period(_year(part["qy"]), quarter=quarter, fiscal=bool(part["qf"]))
    if part["h"]:
        number = part["hn"] or part["hn2"]
        half = int(number) if number else _ORDINALS[part["ho"].lower()]
        return Period(_year(part["hy"]), half=half, fiscal=bool(part["hf"]))
    for month, day, year in (("m1", "d1", "y1"), ("m2", "d2", "y2"), ("m3", "", "y3")):
        if part[month]:
            date = int(part[day]) if day else None
            if date is not None and not 1 <= date <= 31:
                return None
            return Period(_year(part[year]), month=MONTHS[part[month].lower().rstrip(".")], day=date)
    if part["ya"]:
        first, second = int(part["ma"]), int(part["da"])
        numbers = (second, first) if first > 12 else (first, second)
        if not (1 <= numbers[0] <= 12 and 1 <= numbers[1] <= 31):
            return None
        return Period(_year(part["ya"]), month=numbers[0], day=numbers[1])
    if part["yi"]:
        return Period(int(part["yi"]), month=int(part["mi"]) or None, day=int(part["di"]) or None)
    if part["r1"]:
        begin = int(part["r1"])
        end = int(part["r2"]) if len(part["r2"]) == 4 else begin // 100 * 100 + int(part["r2"])
        begin, end = min(begin, end), max(begin, end)
        return Period(begin, end=end, fiscal=bool(part["rf"])) if begin < end <= begin + 30 else None
    if part["yf"]:
        return Period(_year(part["yf"]), fiscal=True)
    return Period(_year(part["y"]))


def _year(text: str | None) -> int | None:
    if not text:
        return None
    digits = re.sub(r"\s", "", text)
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def fits(asked: Period, had: Period | None) -> float:
    """How well a column's period answers to the asked one: 0 not at all, 1 exactly as far as both state it."""
    if had is None:
        return 0.0
    if asked.end != had.end:
        return 0.0
    if asked.year and had.year and asked.year != had.year:
        first_days = had.month == 1 and (had.day or 9) <= 7 and not asked.month and not asked.quarter
        return (
            0.6 if first_days and asked.year == had.year - 1 else 0.0
        )  # a fiscal year of 52 or 53 weeks that ends in early January
    for mine, other in (
        (asked.quarter, had.quarter),
        (asked.half, had.half),
        (asked.month, had.month),
        (asked.day, had.day),
    ):
        if mine and other and mine != other:
            return 0.0
    score = 1.0
    if asked.year and not had.year:
        score *= 0.4
    if (asked.quarter and not had.quarter) or (asked.half and not had.half):
        score *= 0.4 if not had.month else 0.1
    part = had.quarter or had.half or (had.months or 12) < 12
    if part and not (asked.quarter or asked.half or asked.month):
        score *= 0.3  # a quarter is no year
    if asked.month and not had.month:
        score *= 0.8 if asked.year and had.year else 0.2
    if not asked.year and not (asked.month or asked.quarter or asked.half):
        return 0.0
    return score


def joined(parts: Sequence[str]) -> Period | None:
    """The period that the heads of one column say together: 'December 31,' over '2019', 'Q4' over 'Fiscal 2019'."""
    found = find_periods(" ".join(parts))
    if not found:
        return None
    fiscal = any(one.fiscal for one in found) or bool(re.search(r"\bfiscal\b", " ".join(parts), re.I))
    years = [one for one in found if one.year]
    merged = years[-1] if years else found[-1]
    quarter = next((one.quarter for one in found if one.quarter), merged.quarter)
    half = next((one.half for one in found if one.half), merged.half)
    month = merged.month or next((one.month for one in found if one.month), None)
    day = merged.day or next((one.day for one in found if one.day and one.month == month), None)
    return Period(
        merged.year,
        merged.end,
        quarter,
        half,
        month,
        day,
        fiscal,
        merged.text,
        merged.start,
        merged.stop,
        next((length for part in parts if (length := months_spanned(part))), None),
    )


_LENGTHS = (
    (3, re.compile(r"\b(?:three|3) months?\b|\b(?:thirteen|13|fourteen|14)[- ]weeks?\b|\bquarters? ended\b", re.I)),
    (6, re.compile(r"\b(?:six|6) months?\b|\b(?:twenty-?six|26|27)[- ]weeks?\b", re.I)),
    (9, re.compile(r"\b(?:nine|9) months?\b|\b(?:thirty-?nine|39|40)[- ]weeks?\b", re.I)),
    (
        12,
        re.compile(
            r"\b(?:twelve|12) months?\b|\bfifty-?(?:two|three)\b|\b5[23][- ]weeks?\b|\b(?:fiscal |financial )?years?\b", re.I
        ),
    ),
)


def months_spanned(text: str) -> int | None:
    """'Three Months Ended' -> 3, '52 Weeks Ended' and 'Years ended' -> 12; None where the words do not say."""
    return next((months for months, pattern in _LENGTHS if pattern.search(text)), None)
