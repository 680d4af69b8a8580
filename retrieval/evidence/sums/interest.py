"""Reads a sum of interest: one amount, one rate, one term, in any order, among words that are all known.

Invariant: exactly one of each stands in the question, and it is told what is asked: what there is at the end, or what is
earned.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums.arithmetic import ONE, Node, Operation, Quantity, unit_of
from retrieval.evidence.sums.expressions import quantity
from retrieval.evidence.sums.forms import Asked
from retrieval.evidence.sums.numerals import NUMERAL, Habit
from retrieval.evidence.sums.vocabulary import Words

_TIMES = {"per_month": 12, "per_quarter": 4, "per_half": 2, "per_year": 1}
_PLACES = 2
_LONGEST_MONTHS = 1200


@dataclass(frozen=True)
class _Term:
    count: Decimal
    in_months: bool


def read(text: str, words: Words, habit: Habit) -> Asked | None:
    """The amount after a term, or the interest of it. text: in small letters, one line, without final marks."""
    try:
        return _read(text, words, habit)
    except CannotCompute:
        return None


def _read(text: str, words: Words, habit: Habit) -> Asked:
    rest = _Rest(text)
    percent = "|".join(re.escape(one) for one in sorted(words.percent, key=len, reverse=True))
    rate = quantity(rest.taken(rf"(?:{NUMERAL})\s?(?:%|{percent})(?!\w)"), words, habit)
    monthly = rest.drop(words.interest["monthly"], after=True)
    if not monthly:
        rest.drop(words.interest["yearly"], after=True)
    term = _term(rest, words)
    how = next((key for key in ("simple", *_TIMES) if rest.drop(words.interest[key])), None)
    amount = _amount(rest, words, habit)
    asked = next((key for key in ("earned", "total") if rest.drop(words.interest[key])), None)
    if asked is None:
        raise CannotCompute("it is not said what is asked")
    known = {part for word in words.small for part in word.split()}
    if not set(re.findall(r"[^\s,.;:?!¿¡()]+", rest.text)) <= known:
        raise CannotCompute("a word is not understood")
    return _sum(amount, rate, monthly, term, how, earned=asked == "earned")


class _Rest:
    """What of a question is not yet understood."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def taken(self, pattern: str) -> str:
        """The one match of a pattern, cut out. Raises CannotCompute where there are none or several."""
        found = list(re.finditer(pattern, self.text))
        if len(found) != 1:
            raise CannotCompute("there is not one of it")
        self.at = len(self.text[: found[0].start()].rstrip())
        self.text = f"{self.text[: self.at].rstrip()} {self.text[found[0].end() :].lstrip()}"
        return found[0].group()

    def drop(self, pattern: re.Pattern[str], *, after: bool = False) -> bool:
        """Cuts a match out; after: only where the last cut was made. Returns whether there was one."""
        place = self.at + (self.text[self.at : self.at + 1] == " ")
        found = pattern.match(self.text, place) if after else pattern.search(self.text)
        if found is None or not found.group():
            return False
        self.text = f"{self.text[: found.start()].rstrip()} {self.text[found.end() :].lstrip()}"
        return True


def _term(rest: _Rest, words: Words) -> _Term:
    for key in ("years", "months"):
        names = "|".join(sorted((re.escape(one) for one in words.numbers), key=len, reverse=True))
        pattern = rf"(?<![\w.,])(?:{NUMERAL}|{names}) (?:{words.interest[key].pattern})"
        if re.search(pattern, rest.text):
            number = re.sub(rf"\s(?:{words.interest[key].pattern})$", "", rest.taken(pattern))
            count = words.numbers.get(number) or (Decimal(number) if number.isdigit() else None)
            if count is None or count % 1 or not 0 < count <= _LONGEST_MONTHS:
                raise CannotCompute("a term is a whole number of years or months")
            return _Term(count, key == "months")
    raise CannotCompute("there is no term")


def _amount(rest: _Rest, words: Words, habit: Habit) -> Quantity:
    """What is left with a digit: a number with its scale and currency."""
    names = sorted({*words.scales, *words.currencies}, key=len, reverse=True)
    unit = "|".join(re.escape(one) for one in names)
    found = rest.taken(rf"(?:(?<!\w)(?:{unit})\s?)?(?:{NUMERAL})(?:\s?(?:{unit})(?!\w))*")
    amount = quantity(found, words, habit)
    if amount.unit == "%" or amount.value <= 0:
        raise CannotCompute("an amount is no percentage")
    return amount


def _sum(amount: Quantity, rate: Quantity, monthly: bool, term: _Term, how: str | None, *, earned: bool) -> Asked:
    if monthly != term.in_months and (monthly or how not in ("per_month", "simple")):
        raise CannotCompute("rate and term are of different periods")
    if monthly and how not in (None, "per_month", "simple"):
        raise CannotCompute("rate and interest are of different periods")
    if how == "simple":
        grown = Operation("*", Operation("*", amount, rate), _length(term, monthly))
        node: Node = grown if earned else Operation("+", amount, grown)
        return Asked(node, places=_PLACES, notes=("simple", "own"))
    note = "per_month" if monthly else how or "per_year"
    times = 1 if monthly else _TIMES[note]
    each: Node = rate if times == 1 else Operation("/", rate, Quantity(Decimal(times)))
    count = term.count if term.in_months else term.count * times
    factor = Operation("+", ONE, each)
    power: Node = factor if count == 1 else Operation("^", factor, Quantity(count))
    whole = Operation("*", amount, power)
    node = Operation("-", whole, amount) if earned else whole
    unit_of(amount)
    return Asked(node, unit=amount.unit, places=_PLACES, notes=(note, "own"))


def _length(term: _Term, monthly: bool) -> Node:
    """The term in periods of the rate."""
    if term.in_months == monthly:
        return Quantity(term.count)
    return Operation("/", Quantity(term.count), Quantity(Decimal(12)))
