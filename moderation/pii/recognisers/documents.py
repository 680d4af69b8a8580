"""Papers and dates: driving licences, passports, tax and national ids, dates of birth, calendar dates.

Invariant: a document number is taken only beside its own cue; a bare year, a quarter or a duration is never a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from moderation.pii.recognisers.base import CUED, PROVEN, SHAPED, SpanRecogniser, cue_before
from moderation.types import PiiSpan

_NUMBER = re.compile(r"(?<![\w-])(?=[A-Z0-9 -]{0,38}\d)[A-Z0-9](?:[ -]?[A-Z0-9]){4,19}(?![\w-])", re.I)
_TAIL = (
    r"(?:\W{0,3}(?:number|numbers|no|num|nr|id|code|#))?\b\W{0,4}"
    r"(?:(?:is|was|are|it's|its|my|the|of|:)\W{1,3}){0,2}$"
)
_DOCUMENTS = (
    (
        "US_DRIVER_LICENSE",
        re.compile(r"\b(?:driv(?:er['’]?s?|ing)[ -]?(?:licen[cs]e|permit)|driver ?id|dln?)" + _TAIL, re.I),
    ),
    ("PASSPORT", re.compile(r"\b(?:passport|reisepass|passeport|pasaporte)" + _TAIL, re.I)),
    (
        "TAX_ID",
        re.compile(
            r"\b(?:tax(?:payer)?(?: id(?:entification)?| reference| payer)?|utr|tin|itin|vat|nif|nie|dni"
            r"|codice fiscale|steuer-?id(?:nr)?"
            r"|steuernummer|pesel|nip|bsn|cpr|personnummer|siren|siret|ein)" + _TAIL,
            re.I,
        ),
    ),
    (
        "NATIONAL_ID",
        re.compile(
            r"\b(?:national(?: insurance| identity| id)|identity card|id card|insurance|residence permit|visa)" + _TAIL,
            re.I,
        ),
    ),
)  # fmt: skip

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_CLOCK = r"(?:[ T,]{1,2}(?:at )?\d{1,2}:\d{2}(?::\d{2})?(?: ?[ap]m)?)?"
_DATE = re.compile(
    rf"(?<![\w./-])(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}{_CLOCK}|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}"
    rf"|\d{{2}}){_CLOCK}"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)?[ .-]{{1,2}}{_MONTH}\b[.,]?[ -]{{0,2}}(?:\d{{4}})?"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?\b(?:,? \d{{4}})?)(?![\w/-])",
    re.I,
)
_WEEKDAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.I)
_BIRTH_CUE = re.compile(
    r"\b(?:born(?: on)?|birth(?:day|date)?|date of birth|d\.?o\.?b\.?|geboren"
    r"|né(?:e)? le)\b[^.\n\d]{0,20}(?:\. It'?s )?$",
    re.I,
)


class DocumentRecogniser(SpanRecogniser):
    finds = tuple(entity for entity, _ in _DOCUMENTS)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _NUMBER.finditer(text):
            shown = _first_number(match.group())
            if shown is None:
                continue
            at = match.start() + shown[0]
            for entity, cue in _DOCUMENTS:
                if cue_before(text, at, cue, 64):
                    yield PiiSpan(at, at + shown[1], entity, CUED)
                    break


class DateRecogniser(SpanRecogniser):
    """Full calendar dates and weekdays; a date of birth by its cue."""

    finds = ("DATE_TIME", "DATE_OF_BIRTH")

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _DATE.finditer(text):
            end = match.start() + len(match.group().rstrip(" ,.-"))
            if not re.search(r"\d", match.group()) or not _plausible(match.group()):
                continue
            if cue_before(text, match.start(), _BIRTH_CUE):
                yield PiiSpan(match.start(), end, "DATE_OF_BIRTH", PROVEN)
            else:
                yield PiiSpan(match.start(), end, "DATE_TIME", CUED)
        for match in _WEEKDAY.finditer(text):
            yield PiiSpan(match.start(), match.end(), "DATE_TIME", SHAPED)


def _first_number(shown: str) -> tuple[int, int] | None:
    """The leading run of words that carry the digits: (offset, length); words without a digit end it."""
    start = end = 0
    found = False
    for word in re.finditer(r"[^ ]+", shown):
        if not any(c.isdigit() for c in word.group()) and not (word.group().isupper() and len(word.group()) <= 5):
            if found:
                break
            start = word.end() + 1
            continue
        if any(c.isdigit() for c in word.group()):
            found = True
            end = word.end()
    digits = sum(c.isdigit() for c in shown[start:end])
    return (start, end - start) if found and end - start >= 5 and digits >= 4 else None


def _plausible(shown: str) -> bool:
    parts = [int(p) for p in re.findall(r"\d+", shown.split(":")[0])][:3]
    if not re.fullmatch(r"[\d./ T:-]+(?:[ap]m)?", shown.strip(), re.I):
        return True
    if parts[0] > 31:
        return len(parts) >= 3 and 1 <= parts[1] <= 12 and 1 <= parts[2] <= 31
    return len(parts) >= 3 and min(parts[0], parts[1]) <= 12 and max(parts[0], parts[1]) <= 31 and min(parts[:2]) >= 1
