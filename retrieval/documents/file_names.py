"""What a document's name tells: company, fiscal year, period, kind of report.

`describe` is pure. Its words head every indexed chunk, so that "FY2023" in a question finds the chunks of the
2023 report even where a page itself never repeats the year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORMS = {
    "10k": ("10-K", "annual report"),
    "10q": ("10-Q", "quarterly report"),
    "8k": ("8-K", "current report"),
    "20f": ("20-F", "annual report"),
    "6k": ("6-K", "interim report"),
    "def14a": ("DEF 14A", "proxy statement"),
    "earnings": ("earnings", "earnings release results"),
    "annualreport": ("annual report", ""),
    "kid": ("KID", "key information document"),
    "kiid": ("KIID", "key investor information document"),
}
_ORDINALS = {"1": "first", "2": "second", "3": "third", "4": "fourth"}
_YEAR = re.compile(r"^(?:FY)?((?:19|20)\d\d)$", re.I)
_YEAR_QUARTER = re.compile(r"^(?:FY)?((?:19|20)\d\d)[-_ ]?Q([1-4])$|^Q([1-4])[-_ ]?((?:19|20)\d\d)$", re.I)
_QUARTER = re.compile(r"^Q([1-4])$", re.I)


@dataclass(frozen=True)
class NameFacts:
    """`label` is the name made readable; `hints` are further words to index with it."""

    label: str
    company: str
    year: str
    period: str
    hints: str


def describe(stem: str) -> NameFacts:
    """'AMCOR_2023Q4_EARNINGS' -> label 'AMCOR 2023 Q4 earnings', company 'AMCOR', year '2023', period 'Q4'."""
    words: list[str] = []
    company: list[str] = []
    hints: list[str] = []
    year = period = ""
    for part in [part for part in re.split(r"[\s_.\-]+", stem) if part]:
        form = _FORMS.get(part.lower())
        if found := _YEAR_QUARTER.match(part):
            year = found.group(1) or found.group(4)
            period = "Q" + (found.group(2) or found.group(3))
            words += [year, period]
        elif found := _YEAR.match(part):
            year = found.group(1)
            words.append(part)
        elif found := _QUARTER.match(part):
            period = part.upper()
            words.append(period)
        elif form:
            words.append(form[0])
            hints.append(form[1])
        else:
            words.append(part)
            if not year:
                company.append(part)
    if year:
        hints.append(f"fiscal year {year} FY{year}")
    if period:
        hints.append(f"{_ORDINALS[period[1]]} quarter")
    label = " ".join(words) or stem
    return NameFacts(
        label=label[:1].upper() + label[1:],
        company=" ".join(company),
        year=year,
        period=period,
        hints=" ".join(hint for hint in hints if hint),
    )
