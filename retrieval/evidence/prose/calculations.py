"""A calculation over sentences in words, and the chance that it is the one that was asked for.

Invariant: the text holds figures of its sources and of the question, a few constants, and the result; each source is named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.evidence.look_up.compute import CannotCompute, Result
from retrieval.evidence.prose.arithmetic.asked_operation import corrected
from retrieval.evidence.prose.arithmetic.computing import Writes, compute
from retrieval.evidence.prose.arithmetic.expressions import Computed, Value, computed
from retrieval.evidence.prose.arithmetic.operands import QUESTION, given, operands
from retrieval.evidence.prose.digest import Line, as_read
from retrieval.evidence.prose.reader import Reading
from retrieval.evidence.wording.phrases import phrases
from retrieval.evidence.wording.templates import result_words

NEAREST = 5
"""Lines that the model computes over: fewer figures mislead it less."""
_AMOUNTS = (
    "total|altogether|in all|combined|sum|add up|difference|gap|average|mean|per ?cent|percentage|proportion|share|ratio|"
    "fraction|twice|double|half|left|remain(?:s|ing)?|most|least|maximum|minimum|max|min|largest|lowest|highest|cost|pay|fee|charge|dose|"
    "amount|bill|owe|worth|price|earn|get|receive|lose"
)
_ASKS = re.compile(
    rf"\d|\bhow (?:much|many|long|far|old|big|large|heavy|high|low)\b|\b(?:{_AMOUNTS})\b",
    re.IGNORECASE,
)


_PERCENT = re.compile(r"\b(?:per ?cent|percentage|points?|share of|proportion)\b|%", re.IGNORECASE)
_MONEY = re.compile(
    r"\b(?:cost|pay|fee|charge[ds]?|price|bill|owe|earn|euros?|pounds?|dollars?|francs?|EUR|USD|GBP|CHF)\b|[$€£]",
    re.IGNORECASE,
)
_TIME = re.compile(r"\bhow (?:long|many (?:days|weeks|months|years|hours|minutes))\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
BIAS = -0.83
WEIGHTS = (-0.009, 0.793, -0.841, 0.671, -0.115, 2.024, 0.072, -0.708, 0.061, -0.718)
"""Of `calculation_signs`, fitted on questions about benchmarks/data/reader; docs/model-cards/reader.md has the figures."""


@dataclass(frozen=True)
class Calculation:
    """lines: those in which its figures stand, in the order of their marks."""

    computed: Computed
    lines: tuple[Line, ...]

    def text(self, language: str = "en") -> str:
        """'40,000 EUR × 1.5 % = €600 [1]', and the sentences that the figures are from."""
        marks = "".join(f"[{number}]" for number in range(1, len(self.lines) + 1))
        sources = " ".join(f"{_unmarked(line)} [{number}]." for number, line in enumerate(self.lines, 1))
        return f"{self.computed.working} = {value_words(self.computed.value, language)} {marks}.\n\n{sources}"


def asks_amount(question: str) -> bool:
    """Whether a question could want a computation at all."""
    return _ASKS.search(question) is not None


def calculation(
    question: str, lines: Sequence[Line], passages: Sequence[tuple[str, str]], writes: Writes, comma: bool = False
) -> Calculation | None:
    """What the nearest lines allow to be computed; None where the model sees nothing, or units do not go together."""
    nearest = sorted(lines, key=lambda line: -line.near)[:NEAREST]
    kept = [line for line in lines if line in nearest]
    texts = [line.text for line in kept]
    found = compute(question, as_read(kept, passages), texts, writes, comma)
    if found is None:
        return None
    if better := corrected(question, found):
        try:
            found = computed(better, operands(question, texts, comma))
        except CannotCompute:
            return None
    if found.value.number < 0 and found.working.count("−") == 1 and len(found.used) == 2:
        return None  # "how much less" is no negative amount, and which of the two was meant is not known
    numbers = list(dict.fromkeys(one.line for one in found.used if one.line != QUESTION))
    return Calculation(found, tuple(kept[number] for number in numbers)) if numbers else None


def value_words(value: Value, language: str) -> str:
    """'€600', '15%', '0.45 percentage points', '360 days': rounded to cents, or to two places."""
    said = phrases(language)
    match value.kind:
        case "money":
            return result_words(Result(value.number, "amount", value.currency, 0, 2), said)
        case "percent" | "points":
            return result_words(Result(value.number, value.kind, "", 0, 2), said)
        case _:
            words = result_words(Result(value.number, "number", "", 0, 2), said)
            return f"{words} {value.noun}" if value.noun else words


def _unmarked(line: Line) -> str:
    return line.text.rstrip(". ")


def calculation_signs(question: str, found: Calculation, lines: Sequence[Line], reading: Reading) -> list[float]:
    """What tells a right calculation: both readings as log-odds; figures that the question gives and the calculation
    leaves out, and whether it uses one; figures of the lines in it; whether they stand in the nearest line, and in one
    line alone; its length; whether its unit is the one that is asked for, or another."""
    used = found.computed.used
    stated = given(operands(question, ()))
    taken = {one.written for one in used}
    out = sum(one.written not in taken and not _YEAR.fullmatch(one.figure.text) for one in stated)
    nearest = max(lines, key=lambda line: line.near)
    kind = found.computed.value.kind
    fits = [
        wants.search(question) is not None and (kind in kinds) is matches
        for wants, kinds in ((_PERCENT, ("percent", "points")), (_MONEY, ("money",)), (_TIME, ("count",)))
        for matches in (True, False)
    ]
    return [
        _odds(reading.answers),
        _odds(reading.holds),
        float(out),
        float(any(one.line == QUESTION for one in used)),
        float(sum(one.line != QUESTION for one in used)),
        float(nearest in found.lines),
        float(len(found.lines) == 1),
        float(len(found.computed.working.split()) // 2),
        float(any(fits[::2])),
        float(any(fits[1::2]) and not any(fits[::2])),
    ]


def chance_of(question: str, found: Calculation, lines: Sequence[Line], reading: Reading) -> float:
    """That the calculation is the one that was asked for, 0..1."""
    signs = calculation_signs(question, found, lines, reading)
    return 1.0 / (1.0 + math.exp(-BIAS - sum(weight * sign for weight, sign in zip(WEIGHTS, signs, strict=True))))


def _odds(chance: float) -> float:
    return math.log(max(chance, 1e-3) / max(1 - chance, 1e-3))
