"""The figures that an answer may be computed from: those of the sentences that were read, those of the question, a few
constants.

Invariant: an operand is a figure as it was written, with its place; nothing else can enter a computation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from retrieval.graph.reading.figures import Figure, find_figures
from retrieval.graph.reading.words import stem

QUESTION, CONSTANT = -1, -2
_CONSTANTS = (1, 2, 4, 7, 12, 24, 52, 60, 100, 365)
_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)
_COUNTS = {word: value for value, word in enumerate(_WORDS.split(), 1)} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "ninety": 90,
}
_COUNT = re.compile(rf"\b(?:{'|'.join(_COUNTS)})\b(?=[ -][a-z])", re.IGNORECASE)
_NOUN = re.compile(r"[\s-]*(?:(?:full|whole|more|further|working|business|calendar|trading|paid|other)\s+)?([^\W\d_]{2,})")
_UNITS = "day week month quarter year hour minute second mg g kg ml litre km hectare tonne ounce share unit"
_MEASURES = frozenset(stem(word) for word in _UNITS.split())
_MONEY = {"euro": "EUR", "pound": "GBP", "dollar": "USD", "franc": "CHF", "yen": "JPY"}
_MONEY_WORD = re.compile(r"\s*(euro|pound|dollar|franc|yen)s?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Operand:
    """`line` of the lines that were read, QUESTION or CONSTANT. unit: the stem of the measure that it counts ("month"),
    empty for money, percentages and other numbers; noun: as it was written."""

    figure: Figure
    line: int
    unit: str = ""
    noun: str = ""

    @property
    def written(self) -> str:
        """As an expression spells it: digits with a decimal point, and the sign of a percentage."""
        digits = format(self.figure.full.normalize(), "f")
        return f"{digits}%" if self.figure.kind == "percent" else digits

    @property
    def shown(self) -> str:
        """As a reader is shown it: as it was written, with what it counts."""
        return f"{self.figure.text} {self.noun}" if self.noun else self.figure.text


def operands(question: str, lines: Sequence[str], comma: bool = False) -> list[Operand]:
    """Those of the lines first, then the question's, then the constants; of each spelling with one unit one. comma: whether
    who asks writes decimals with a comma ("60.000 Euro" are sixty thousand)."""
    found = [operand for number, line in enumerate(lines) for operand in _in(line, number)]
    found += _in(question, QUESTION, comma)
    found += constants()
    first: dict[tuple[str, str, str], Operand] = {}
    for operand in found:
        first.setdefault((operand.written, operand.unit, operand.figure.currency), operand)
    return list(first.values())


def constants() -> list[Operand]:
    """What may stand in any expression: a hundred per cent, the months of a year and the like."""
    return [Operand(Figure(Decimal(number), "number", text=str(number)), CONSTANT) for number in _CONSTANTS]


def given(all_operands: Iterable[Operand]) -> list[Operand]:
    """Those that the question itself states."""
    return [one for one in all_operands if one.line == QUESTION]


def _in(text: str, line: int, comma: bool = False) -> Iterator[Operand]:
    taken: list[tuple[int, int]] = []
    for figure in find_figures(text, comma):
        if figure.value < 0:  # running text has ranges and bullets, no negative figures
            figure = replace(figure, value=-figure.value, text=figure.text.lstrip("-–− "))
        taken.append((figure.start, figure.end))
        yield _with_noun(figure, text, line)
    for count in _COUNT.finditer(text):
        if not any(start <= count.start() < end for start, end in taken):
            value = Decimal(_COUNTS[count.group().lower()])
            figure = Figure(value, "number", text=count.group(), start=count.start(), end=count.end())
            yield _with_noun(figure, text, line)


def _with_noun(figure: Figure, text: str, line: int) -> Operand:
    if figure.kind not in ("number", "amount") or figure.currency:
        return Operand(figure, line)
    if money := _MONEY_WORD.match(text, figure.end):
        written = text[figure.start : money.end()]
        return Operand(replace(figure, currency=_MONEY[money.group(1).lower()], kind="amount", text=written), line)
    noun = _NOUN.match(text, figure.end)
    word = noun.group(1).lower() if noun else ""
    measure = stem(word)
    return Operand(figure, line, measure, word) if measure in _MEASURES else Operand(figure, line)
