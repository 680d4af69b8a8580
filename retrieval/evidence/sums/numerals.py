"""Numbers as people write them in seven languages: read without a guess, and written in the form that was asked in.

Invariant: a numeral that two readers could take for different numbers has no value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)
"""Of every sum."""
NUMERAL = r"\d{1,3}(?:[ '’\u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*"
"""A regular expression of digits with their separators."""
_SPACES = re.compile(r"[ '’\u00a0\u202f]")
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_LONE = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_MOST_DIGITS = 30
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_SPACED_PERCENT = frozenset({"de", "fr", "es"})


@dataclass(frozen=True)
class Habit:
    """How a question writes numbers. mark: the decimal mark, "." or ","; sure: whether words or a numeral tell it."""

    mark: str
    sure: bool = True

    @classmethod
    def of(cls, text: str, language: str, *, words: bool) -> Habit:
        """The habit that a text's own numerals prove, else that of its language; words: whether words tell the language."""
        marks = {one for one in map(_proof, re.findall(NUMERAL, text)) if one}
        if len(marks) == 1:
            return cls(marks.pop())
        return cls("." if language == "en" else ",", sure=words)

    def read(self, numeral: str) -> Decimal | None:
        """The value of a numeral, or None where it is none or could be two numbers."""
        digits = _SPACES.sub("", numeral)
        if len(digits) > _MOST_DIGITS or (len({*digits} & {".", ","}) == 2 and not _proof(digits)):
            return None
        if lone := _LONE.fullmatch(digits):
            if lone[1] != self.mark:
                return Decimal(digits.replace(lone[1], ""))
            return Decimal(digits) if self.sure and self.mark == "." else None
        if (mark := _proof(digits)) is not None:
            if mark == "," and self.mark == "." and digits.count(",") == 1 and "." not in digits:
                return None  # "4,7" among English words: a number, or two of a list
            return Decimal(digits.replace("," if mark == "." else ".", "").replace(",", "."))
        if _GROUPED.fullmatch(digits):
            return Decimal(re.sub("[.,]", "", digits))
        return Decimal(digits) if digits.isdigit() else None

    def write(self, value: Decimal, language: str) -> str:
        """Digits with groups of three: 1,080.5; 1.080,5; in French with thin spaces."""
        text = f"{value:,f}"
        if self.mark == ",":
            text = text.translate(str.maketrans(",.", ("\u202f" if language == "fr" else ".") + ","))
        return text.replace("-", "−")


def _proof(numeral: str) -> str | None:
    """The decimal mark that a numeral by itself proves: "1.250,50" and "2,5" the comma, "1,000,000" the point."""
    digits = _SPACES.sub("", numeral)
    if found := re.fullmatch(r"\d{1,3}(?:([.,])\d{3})+([.,])\d+", digits):
        return found[2] if found[1] != found[2] and digits.count(found[2]) == 1 else None
    if found := re.fullmatch(r"(\d+)([.,])(\d+)", digits):
        return found[2] if len(found[3]) != 3 or len(found[1]) > 3 or found[1] == "0" else None
    return None


def rounded(value: Decimal, places: int) -> Decimal:
    """Half up, in the precision of sums."""
    return value.quantize(Decimal(1).scaleb(-places), context=CONTEXT)


def with_unit(text: str, unit: str, language: str) -> str:
    """A written number with its unit: "%", a currency, or a word that follows it."""
    if unit == "%":
        return f"{text}\u00a0%" if language in _SPACED_PERCENT else f"{text}%"
    if unit.isupper() and len(unit) == 3:
        sign = _SIGNS.get(unit, unit)
        if language != "en":
            return f"{text}\u00a0{sign}"
        minus, digits = text[: text.startswith("−")], text.removeprefix("−")
        return f"{minus}{sign}{digits}" if unit in _SIGNS else f"{minus}{sign}\u00a0{digits}"
    return f"{text} {unit}" if unit else text
