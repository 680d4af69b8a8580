"""Dates, times and lengths of time as a number format shows them. Names of months are English.

Dates in the format that follows the machine of the reader (no. 14 and 22) are written year first: 3/4 would be two days.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from retrieval.documents.office.format_codes import Section

_OF_THE_MACHINE = frozenset({"mm-dd-yy", "m/d/yy h:mm"})
_START = datetime(1899, 12, 30)  # day 0 of a spreadsheet
_MONTHS_TEXT = "January February March April May June July August September October November December"
_MONTHS = _MONTHS_TEXT.split()
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def moment(value: datetime | date | time | timedelta, code: str, section: Section) -> str:
    if isinstance(value, timedelta):
        return _clock(value, section)
    if not isinstance(value, (datetime, time)):
        value = datetime(value.year, value.month, value.day)
    if code.lower() in _OF_THE_MACHINE or not section.has("date", "elapsed"):
        if isinstance(value, time):
            return value.isoformat("minutes")
        bare = value.time() == time() or code.lower() == "mm-dd-yy"
        return value.date().isoformat() if bare else value.isoformat(" ", "minutes")
    if section.has("elapsed"):
        since = datetime.combine(_START, value) if isinstance(value, time) else value
        return _clock(since - _START, section)
    return "".join(_pieces(value, section)).strip()


def _pieces(value: datetime | time, section: Section) -> list[str]:
    half = section.has("half")
    tokens = section.tokens
    clock = [at for at, token in enumerate(tokens) if token.kind in ("date", "elapsed")]
    said = []
    for at, token in enumerate(tokens):
        if token.kind == "date":
            place = clock.index(at)
            before = tokens[clock[place - 1]].text if place else ""
            after = tokens[clock[place + 1]].text if place + 1 < len(clock) else ""
            minute = token.text in ("m", "mm") and (before.startswith("h") or after.startswith("s"))
            said.append(_part(value, token.text, minute, half))
        elif token.kind == "half":
            said.append(("AM" if value.hour < 12 else "PM")[: 1 if len(token.text) == 3 else 2])
        elif token.kind == "digit":
            if at and tokens[at - 1].text == ".":
                said.append(f"{value.microsecond // 100_000}")
        elif token.kind in ("literal", "sign"):
            said.append(token.text)
    return said


def _part(value: datetime | time, code: str, minute: bool, half: bool) -> str:
    wide = len(code) > 1
    if code[0] == "h":
        hour = (value.hour - 1) % 12 + 1 if half else value.hour
        return f"{hour:02d}" if wide else str(hour)
    if code[0] == "s":
        return f"{value.second:02d}" if wide else str(value.second)
    if minute:
        return f"{value.minute:02d}" if wide else str(value.minute)
    if isinstance(value, time):
        return ""
    match code:
        case "y" | "yy":
            return f"{value.year % 100:02d}"
        case "d" | "m":
            return str(value.day if code == "d" else value.month)
        case "dd" | "mm":
            return f"{value.day if code == 'dd' else value.month:02d}"
        case "ddd" | "dddd":
            name = _DAYS[value.weekday()]
            return name[:3] if code == "ddd" else name
        case "mmm" | "mmmm" | "mmmmm":
            return _MONTHS[value.month - 1][: {3: 3, 4: 99, 5: 1}[len(code)]]
        case _:
            return str(value.year)


def _clock(value: timedelta, section: Section) -> str:
    """Hours that go on after 24, as "[h]:mm" shows them."""
    seconds = round(abs(value.total_seconds()))
    said = []
    largest = next((token.text[0] for token in section.tokens if token.kind == "elapsed"), "h")
    for token in section.tokens:
        unit = token.text[:1]
        if token.kind in ("date", "elapsed") and unit in "hms":
            amount = seconds // {"h": 3600, "m": 60, "s": 1}[unit]
            amount = amount if unit == largest else amount % {"h": 24, "m": 60, "s": 60}[unit]
            said.append(f"{amount:0{len(token.text)}d}")
        elif token.kind == "literal":
            said.append(token.text)
    text = "".join(said) or f"{seconds // 3600}:{seconds // 60 % 60:02d}"
    return f"-{text}" if value < timedelta() else text
