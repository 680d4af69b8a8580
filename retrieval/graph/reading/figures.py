"""Figures as documents write them: value, sign, kind, currency and scale, in cells and in running text.

Invariant: values are Decimal, exactly the digits that were written; scale is kept beside them, never multiplied in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

Kind = Literal["amount", "percent", "points", "basis points", "number", "multiple"]

_SYMBOLS = {
    "us$": "USD",
    "a$": "AUD",
    "c$": "CAD",
    "hk$": "HKD",
    "s$": "SGD",
    "nt$": "TWD",
    "r$": "BRL",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₹": "INR",
    "`": "INR",
    "₩": "KRW",
}
_CODES = "usd eur gbp chf jpy cny rmb aud cad hkd sgd inr nok sek dkk pln czk brl mxn zar nzd krw twd"
CURRENCIES = {**_SYMBOLS, **{code: code.upper() for code in _CODES.split()}, "rmb": "CNY", "dollar": "USD", "euro": "EUR"}
_CURRENCY = r"(?:us\$|hk\$|nt\$|[acsr]\$|[$€£¥₹₩`]|(?:" + _CODES.replace(" ", "|") + r")\b)"
_SCALES_TEXT3 = "trillion trillions tn"
_SCALES_TEXT2 = "billion billions bn b mrd milliarde milliarden milliards miliardi miljard"
_SCALES_TEXT1 = "million millions mm m mn mio mill millionen millones milioni miljoen milhões"
SCALES = {
    **dict.fromkeys(
        ("thousand", "thousands", "k", "tausend", "tsd", "mille", "milliers", "miles", "mila", "migliaia", "duizend", "000"),
        3,
    ),
    **dict.fromkeys(
        _SCALES_TEXT1.split(),
        6,
    ),
    **dict.fromkeys(_SCALES_TEXT2.split(), 9),
    **dict.fromkeys(_SCALES_TEXT3.split(), 12),
}
_SCALE = (
    r"(?:thousands?|millions?|billions?|trillions?|mio|mrd|mn|bn|mm|tsd|millionen|milliarden?|milliards?|millones|milioni"
    r"|miljoen|m|k|b)"
)
_PERCENT = r"(?:%|per\s?cent\b|percent\b|prozent\b|pour\s?cent\b|por\s?ciento\b|procent\b|percento\b)"
_POINTS = r"(?:percentage\s+points?\b|prozentpunkte?n?\b|pts?\b|p\.p\.|pp\b|points? de pourcentage\b)"
_BASIS = r"(?:basis\s+points?\b|bps?\b)"
_DIGITS = r"\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d+)?|\d[\d.,]*\d|\d|\.\d+"
_FIGURE = re.compile(
    rf"""(?P<open>\()?\s*(?P<sign>[-–−+])?\s*(?P<cur>{_CURRENCY})?\s*(?P<inner>\()?\s*(?P<sign2>[-–−])?\s*
    (?P<digits>{_DIGITS})\s*(?P<close>\))?
    (?:\s*(?:(?P<points>{_POINTS})|(?P<basis>{_BASIS})|(?P<percent>{_PERCENT})|(?P<times>x\b|times\b)))?
    (?:\s*(?P<scale>{_SCALE})\b)?\s*(?P<cur2>{_CURRENCY})?\s*(?P<close2>\))?""",
    re.X | re.I,
)
_NIL = re.compile(r"^[\s$€£%()]*(?:[-–—−_]+\s*)+[\s$€£%()]*$|^(?:nil|none|n\.?/?a\.?|n\.?m\.?|n/m|\*+)$", re.I)
_CLOCK = re.compile(r".{0,3}?(?<!\d)\d{1,2}:\d\d(?!\d)")
RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁺⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"  # how readers write a footnote's raised mark
_FOOTNOTE = re.compile(rf"(?<=[\d)%])\s*(?:\(\d{{1,2}}\)|\([a-z]\)|\*+|[†‡]|[{RAISED}, ]*[{RAISED}])\s*$")


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` times ten to the `scale`; `currency` is an ISO code or "". `text` is the figure as written."""

    value: Decimal
    kind: Kind
    currency: str = ""
    scale: int = 0
    text: str = ""
    start: int = 0
    end: int = 0

    @property
    def full(self) -> Decimal:
        return self.value.scaleb(self.scale)


def is_nil(text: str) -> bool:
    """Whether a cell is a dash, 'n/a' or the like: no figure, and not zero."""
    return bool(_NIL.match(text.strip()))


def read_cell(text: str, comma_decimal: bool = False) -> Figure | None:
    """The figure that a whole cell is, or None. '$(5,149)' -> -5149 USD; '4.7 %' -> 4.7 percent; '12 days' -> None."""
    text = text.strip()
    bare = _FOOTNOTE.sub("", text)
    found = _FIGURE.fullmatch(bare.strip())
    if found is None or not bare:
        return None
    figure = _read(found, comma_decimal)
    return replace(figure, text=" ".join(bare.split())) if figure else None


def find_figures(text: str, comma_decimal: bool = False) -> Iterator[Figure]:
    """The figures of running text, left to right; parts of codes and words ('T+3', 'A2') are not figures."""
    for found in _FIGURE.finditer(text):
        at = found.start("digits")
        before = text[at - 1] if at else " "
        after = text[found.end("digits") : found.end("digits") + 1]
        if _CLOCK.match(text[max(0, at - 3) : at + 6]):
            continue
        if before.isalpha() or (before == "+" and at > 1 and text[at - 2].isalpha()) or before == "." or after == "-":
            continue
        if after.isalpha() and not found.group("scale") and not found.group("times"):
            continue
        figure = _read(found, comma_decimal)
        if figure is None:
            continue
        start, end = found.span()
        start += len(found.group()) - len(found.group().lstrip())
        written = text[start:end]
        if written.startswith("(") and ")" not in written:
            start, figure = start + 1, replace(figure, value=abs(figure.value))
        elif written.rstrip().endswith(")") and "(" not in written:
            end = start + written.rstrip().rfind(")")
        elif (
            written.startswith("(")
            and not found.group("cur")
            and "," not in written
            and "." not in written
            and "%" not in written
        ):
            figure = replace(figure, value=abs(figure.value))  # "(2019)", "(3)": a year or a mark, no negative
        trimmed = text[start:end]
        start += len(trimmed) - len(trimmed.lstrip())
        yield replace(figure, text=trimmed.strip(), start=start, end=start + len(trimmed.strip()))


def _read(found: re.Match[str], comma_decimal: bool) -> Figure | None:
    value = decimal(found.group("digits"), comma_decimal)
    if value is None:
        return None
    closed = found.group("close") or found.group("close2")
    negative = bool(found.group("sign") not in (None, "+") or found.group("sign2"))
    negative = negative or bool((found.group("open") or found.group("inner")) and closed)
    currency = CURRENCIES.get((found.group("cur") or found.group("cur2") or "").lower(), "")
    kind: Kind = "number"
    if found.group("points"):
        kind = "points"
    elif found.group("basis"):
        kind = "basis points"
    elif found.group("percent"):
        kind = "percent"
    elif found.group("times"):
        kind = "multiple"
    elif currency:
        kind = "amount"
    scale = SCALES.get((found.group("scale") or "").lower(), 0)
    if scale and kind == "number":
        kind = "amount"
    return Figure(-value if negative else value, kind, currency, scale)


def decimal(digits: str, comma_decimal: bool = False) -> Decimal | None:
    """'1,234.5', '1.234,5', "1'234.5" and '1 234,5' -> 1234.5. One lone separator is read by the document's habit."""
    digits = re.sub(r"[ \u00a0\u202f'’]", "", digits)
    commas, dots = digits.count(","), digits.count(".")
    if commas and dots:
        last = max(digits.rfind(","), digits.rfind("."))
        mark, other = digits[last], "." if digits[last] == "," else ","
        if digits.count(mark) > 1:
            return None
        digits = digits.replace(other, "").replace(mark, ".")
    elif commas:
        groups = re.fullmatch(r"\d{1,3}(?:,\d{2,3})*,\d{3}", digits)  # lakhs are grouped by two
        digits = digits.replace(",", ".") if commas == 1 and (comma_decimal or not groups) else digits.replace(",", "")
        if commas > 1 and not groups:
            return None
    elif dots:
        groups = re.fullmatch(r"\d{1,3}(?:\.\d{3})+", digits)
        if groups and (dots > 1 or comma_decimal):
            digits = digits.replace(".", "")
        elif dots > 1:
            return None
    return Decimal(digits) if re.fullmatch(r"\d*\.?\d+", digits) else None


def writes_comma_decimals(text: str) -> bool:
    """Whether a document's habit is '1.234,5': counted over its figures that cannot be read otherwise."""
    german = len(re.findall(r"\d\.\d{3},\d|(?<![\d.,])\d{1,3},\d{1,2}(?![\d,])\s?(?:%|€|EUR)", text))
    english = len(re.findall(r"\d,\d{3}\.\d|\d\.\d{1,2}(?![\d.])\s?%|\d,\d{3}(?![\d,.])", text))
    return german > english


_SCALE_NOTE = re.compile(
    rf"(?:\b(?:in|of|en)\s+(?:{_CURRENCY}\s*|u\.?s\.?\s+|us\s+dollars?\s+)?(?P<words>thousands?|millions?|billions?)\b)"
    rf"|(?P<cur>{_CURRENCY})\s?(?:in\s+)?['’‘]?(?P<short>000s?|mn?\b|bn\b|k\b|millions?\b|thousands?\b|billions?\b)"
    r"|(?P<german>\b(?:in|en)\s+(?:tsd|mio|mrd|tausend|millionen|milliarden|milliers|milliards|miles|millones|migliaia|milioni"
    r"|miliardi|duizenden|duizend|miljoenen|miljoen|miljarden|miljard)\b)"
    rf"|\b(?P<latin>millones|milioni|miljoen|milliers|miles)\s+(?:de|di|d'|euro)"
    rf"|['’‘](?P<zeros>000s?)\b"
    r"|\(\s*(?P<bare>thousands|millions|billions)\b[^)]*\)"
    r"|\b(?P<ofmoney>thousands|millions|billions)\s+of\s+(?:u\.?s\.?\s+)?(?:dollars|euros?|pounds|yen)\b",
    re.I,
)


def read_scale(text: str) -> int | None:
    """The scale that a caption or head states ('in thousands', '€m', "$'000"), or None where it states none."""
    found = _SCALE_NOTE.search(text)
    if not found:
        return None
    word = (
        found.group("words")
        or found.group("short")
        or found.group("latin")
        or found.group("zeros")
        or found.group("german")
        or found.group("bare")
        or found.group("ofmoney")
    )
    word = word.lower().split()[-1]
    if word.startswith(("duizend", "miljoen", "miljard")):
        word = word.removesuffix("en")
    return SCALES.get("000" if word.startswith("000") else word)


def read_currency(text: str) -> str:
    """The first currency that a caption, head or label names, or ""."""
    found = re.search(rf"(?<![a-z]){_CURRENCY}|\b(?:u\.?s\.?\s+)?dollars?\b|\beuros?\b", text.lower())
    if not found:
        return ""
    name = found.group().strip()
    return CURRENCIES.get(name, "EUR" if "euro" in name else "USD" if "dollar" in name else "")
