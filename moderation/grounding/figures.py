"""Figures of a claim and of its source: their value at full size, their kind, and the words they stand beside."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from moderation.grounding.words import STOP, WORD, stem

_BESIDE = 3  # words on either side of a figure that say what it is a figure of
_SCALES = {"thousand": 3, "k": 3, "million": 6, "millions": 6, "mn": 6, "m": 6, "billion": 9, "billions": 9, "bn": 9, "b": 9,
           "trillion": 12, "tn": 12}  # fmt: skip
_FIGURE = re.compile(
    r"(?<![\w.,-])(?P<minus>[-−–(])?\s?(?:(?:US|A|C)?[$€£¥]|(?:USD|EUR|GBP|CHF)\s)?\s?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:[\s-]?(?P<scale>thousand|millions?|billions?|trillion|bn|mn|tn|k|m|b)\b)?\)?"
    r"(?:\s?(?P<unit>%|per ?cent\b|percentage points?\b|bps\b|basis points?\b))?(?![\w%])",
    re.I,
)
_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: value for value, word in enumerate(_ONES.split())}
_NUMBERS |= {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}


@dataclass(frozen=True)
class Figure:
    """A number at its full size. kind: "%", "bp", "year", or "" for an amount or a count; digits: as it was written."""

    value: float
    kind: str
    scaled: bool
    digits: int
    beside: frozenset[str] = frozenset()  # the words around it


def figures(text: str) -> Iterator[Figure]:
    for match in _FIGURE.finditer(text):
        written = match["number"]
        bare, unit = written.replace(",", ""), (match["unit"] or "").lower()
        scale = _SCALES.get((match["scale"] or "").lower(), 0)
        digits = len(bare.replace(".", "").lstrip("0"))
        if unit:
            kind = "bp" if unit.startswith("b") else "%"
        elif re.fullmatch(r"(?:19|20)\d\d", written) and not scale:
            kind = "year"
        else:
            kind = ""
        before, after = (
            _company(text[max(0, match.start() - 80) : match.start()]),
            _company(text[match.end() : match.end() + 80]),
        )
        beside = frozenset((*before[-_BESIDE:], *after[:_BESIDE]))
        yield Figure(float(bare) * 10**scale, kind, bool(scale), digits, beside)
    for word in WORD.findall(text.lower()):
        if _NUMBERS.get(word, 0) > 1:
            yield Figure(float(_NUMBERS[word]), "", False, len(str(_NUMBERS[word])))


def same_figure(claim: Figure, source: Figure) -> bool:
    """Equal, or rounded from it; a table's figures carry their scale in its head."""
    if claim.kind != source.kind and "%" in (claim.kind + source.kind) and "" not in (claim.kind, source.kind):
        return False
    if claim.kind != source.kind and not {claim.kind, source.kind} <= {"", "%"}:
        return False
    if claim.value == source.value:
        return claim.kind == source.kind or source.kind == ""
    if claim.kind != source.kind or claim.kind == "year":
        return False
    if claim.scaled and not source.scaled:
        for power in (3, 6, 9):
            if _rounded(source.value * 10**power, claim):
                return True
    return claim.digits >= 2 and claim.digits < source.digits and _rounded(source.value, claim)


def _rounded(value: float, claim: Figure) -> bool:
    if value <= 0:
        return False
    step = 10.0 ** (math.floor(math.log10(value)) + 1 - max(claim.digits, 1))
    return math.isclose(round(value / step) * step, claim.value, rel_tol=1e-9)


def _company(text: str) -> list[str]:
    said = WORD.findall(text.lower())
    return [
        stem(word) for word in said if word not in STOP and word not in _SCALES and word not in ("per", "percent", "cent")
    ]
