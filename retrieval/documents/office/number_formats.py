"""A cell of a spreadsheet as its program shows it: 0.125 under "0.0%" is "12.5%", 45291 under "d mmm yyyy" "31 Dec 2023".

Source: ECMA-376 part 1, 18.8.31 (number formats). Figures in no format keep their digits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import TypeAlias

from retrieval.documents.office.format_codes import Section, Token, sections_of
from retrieval.documents.office.moments import moment

Value: TypeAlias = str | int | float | bool | Decimal | datetime | date | time | timedelta | None


def shown(value: Value, code: str) -> str:
    """The value as text. code: its number format, "General" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    sections = sections_of(code or "General")
    if isinstance(value, str):
        last = sections[-1]
        texted = len(sections) == 4 or any(token.text == "@" for token in last.tokens)
        return _text(value, last) if texted else value
    if isinstance(value, (datetime, date, time, timedelta)):
        return moment(value, code, sections[0])
    number = Decimal(value) if isinstance(value, (int, Decimal)) else Decimal(f"{value:.15g}")
    if not number.is_finite():
        return str(value)
    if all(any(token.text == "@" for token in one.tokens) for one in sections):
        return ("-" if number < 0 else "") + _general(abs(number))
    section, signed = _chosen(number, sections)
    if not section.tokens:
        return ""
    if section.has("general"):
        body = "".join(_general(abs(number)) if one.kind == "general" else one.text for one in section.tokens)
    elif not section.has("digit"):
        body = "".join(one.text for one in section.tokens if one.kind == "literal")
    elif any(one.text == "/" for one in section.tokens):
        body = _fraction(abs(number), section)
    elif section.has("exponent"):
        body = _exponent(abs(number), section)
    else:
        body = _figure(abs(number), section.tokens)
    minus = "-" if number < 0 and signed and re.search(r"[1-9]", body) else ""
    return minus + body.strip()


def _chosen(number: Decimal, sections: Sequence[Section]) -> tuple[Section, bool]:
    """The section for a number, and whether a minus must be written before it."""
    if any(one.condition for one in sections):
        for one in sections[:3]:
            if one.condition is None or _holds(number, *one.condition):
                return one, True
        return sections[-1], True
    numeric = [one for one in sections[:3] if not any(token.text == "@" for token in one.tokens)] or [sections[0]]
    if number < 0 and len(numeric) > 1:
        return numeric[1], False
    if number == 0 and len(numeric) > 2:
        return numeric[2], False
    return numeric[0], True


def _holds(number: Decimal, sign: str, bound: Decimal) -> bool:
    return {
        "<": number < bound,
        ">": number > bound,
        "<=": number <= bound,
        ">=": number >= bound,
        "=": number == bound,
        "<>": number != bound,
    }[sign]


def _text(value: str, section: Section) -> str:
    return "".join(
        value if token.text == "@" else token.text for token in section.tokens if token.kind in ("literal", "sign")
    )


def _general(number: Decimal) -> str:
    """All digits of a whole number; else ten that count, as a cell has room for."""
    if number == number.to_integral_value() and number < Decimal("1e15"):
        return str(number.quantize(Decimal(1)))
    rounded = Decimal(f"{number:.10g}")
    return f"{rounded:f}".rstrip("0").rstrip(".") if Decimal("1e-9") < rounded < Decimal("1e15") else f"{rounded:E}"


def _figure(number: Decimal, tokens: Sequence[Token]) -> str:
    places = [at for at, token in enumerate(tokens) if token.kind == "digit"]
    point = next((at for at, token in enumerate(tokens) if token.text == "." and token.kind == "sign"), len(tokens))
    before = [at for at in places if at < point]
    after = [at for at in places if at > point]
    last = before[-1] if before else point
    commas = [at for at, token in enumerate(tokens) if token.kind == "sign" and token.text == ","]
    grouped = any(before and before[0] < at < last for at in commas)
    end = places[-1]
    thousands = sum(1 for at in commas if at > end or last < at < point)
    percents = sum(1 for token in tokens if token.kind == "sign" and token.text == "%")
    number = number.scaleb(2 * percents - 3 * thousands)
    number = number.quantize(Decimal(1).scaleb(-len(after)), rounding=ROUND_HALF_UP)
    whole, _, rest = f"{number:f}".partition(".")
    parts = _whole(whole if whole != "0" else "", tokens, before, grouped)
    parts |= _rest(rest, tokens, after)
    said = []
    for at, token in enumerate(tokens):
        if token.kind == "digit":
            said.append(parts[at])
        elif at == point and token.text == ".":
            said.append(("" if before or whole == "0" else whole) + ("." if any(parts[one] for one in after) else ""))
        elif token.kind == "literal" or token.text in ("%", "."):
            said.append(token.text)
    return "".join(said)


def _whole(digits: str, tokens: Sequence[Token], places: Sequence[int], grouped: bool) -> dict[int, str]:
    """What stands at each place before the point, filled from the right; the first takes what is left over."""
    parts: dict[int, str] = {}
    left = len(digits)
    count = 0
    for number, at in enumerate(reversed(places)):
        first = number == len(places) - 1
        taken: list[str] = []
        while left and (first or not taken):
            left -= 1
            taken.insert(0, digits[left] + ("," if grouped and count and count % 3 == 0 else ""))
            count += 1
        if not taken and tokens[at].text == "0":
            taken = ["0" + ("," if grouped and count and count % 3 == 0 else "")]
            count += 1
        parts[at] = "".join(taken) or (" " if tokens[at].text == "?" else "")
    return parts


def _rest(digits: str, tokens: Sequence[Token], places: Sequence[int]) -> dict[int, str]:
    """What stands at each place after the point; noughts at the end only where the format asks for them."""
    needed = max((number + 1 for number, at in enumerate(places) if tokens[at].text == "0"), default=0)
    kept = max(len(digits.rstrip("0")), needed)
    return {at: digits[number] if number < kept else "" for number, at in enumerate(places)}


def _exponent(number: Decimal, section: Section) -> str:
    at = next(at for at, token in enumerate(section.tokens) if token.kind == "exponent")
    mantissa, power = section.tokens[:at], section.tokens[at + 1 :]
    exponent = number.adjusted() if number else 0
    wide = next((place for place, token in enumerate(mantissa) if token.text == "."), len(mantissa))
    step = max(1, sum(1 for token in mantissa[:wide] if token.kind == "digit"))
    exponent -= exponent % step if step > 1 else 0
    places = sum(1 for token in mantissa[wide:] if token.kind == "digit")
    if number.scaleb(-exponent).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP) >= Decimal(10) ** step:
        exponent += step
    body = _figure(number.scaleb(-exponent), mantissa)
    sign = "-" if exponent < 0 else "+" if section.tokens[at].text[1] == "+" else ""
    return f"{body}E{sign}{_figure(Decimal(abs(exponent)), power)}"


def _fraction(number: Decimal, section: Section) -> str:
    tokens = section.tokens
    slash = next(at for at, token in enumerate(tokens) if token.text == "/")
    below = "".join(token.text for token in tokens[slash + 1 :] if token.kind in ("digit", "literal")).strip()
    above = tokens[:slash]
    digits = [at for at, token in enumerate(above) if token.kind == "digit"]
    mixed = any(tokens[at].kind == "literal" and digits and digits[0] < at < digits[-1] for at in range(slash))
    whole = int(number) if mixed else 0
    part = Fraction(number) - whole
    if below.isdigit() and int(below):
        top, bottom = round(part * int(below)), int(below)
    else:
        found = part.limit_denominator(10 ** max(1, min(len(below), 5)) - 1)
        top, bottom = found.numerator, found.denominator
    if top == bottom and mixed:
        whole, top = whole + 1, 0
    if not top and mixed:
        return str(whole)
    return f"{whole} {top}/{bottom}" if whole else f"{top}/{bottom}"
