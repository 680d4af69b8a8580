"""Reads a sum that is told ("my rent goes from 720 to 774, what increase is that in per cent?"): quantities by their roles.

Invariant: every quantity has a role, what is asked is told, and each word left is one that changes no sum (the list
`everyday` of the language): a question of a fee, a fund or a name is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import reduce

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums.arithmetic import ONE, Node, Operation, Quantity, combined, unit_of
from retrieval.evidence.sums.expressions import quantity
from retrieval.evidence.sums.forms import Asked
from retrieval.evidence.sums.numerals import NUMERAL, Habit
from retrieval.evidence.sums.vocabulary import PLAIN_WORD, Words

_RATIO = re.compile(r"(?<![\d./,:])\d{1,3}(?:/\d{1,3}){1,4}(?![\d/])|(?<![\d./,:])\d{1,3}(?::\d{1,3}){1,4}(?![\d:])")
_MONTHS = Decimal(12)  # of a year
_PERIODS = ("day", "week", "month", "year")


@dataclass
class _Told:
    """The quantities of a story by role, in their order. per: of amounts that come again, with the period; times: how many
    periods; people: among whom. each: whether amounts are prices of one. comes, moves: whether something is earned, or rises
    or falls, so that a plain total or part is not what is meant. lowers, spends: whether a price is reduced, money spent."""

    amounts: list[Node] = field(default_factory=list)
    percents: list[Node] = field(default_factory=list)
    per: list[tuple[str, Node]] = field(default_factory=list)
    times: list[tuple[str, Node]] = field(default_factory=list)
    people: list[Node] = field(default_factory=list)
    ratio: list[Decimal] = field(default_factory=list)
    each: bool = False
    comes: bool = False
    lowers: bool = False
    spends: bool = False
    moves: bool = False

    def has(self, amounts: int, **counts: int) -> bool:
        """Whether there are as many of each role, and none of the others."""
        roles = ("percents", "per", "times", "people")
        return len(self.amounts) == amounts and all(len(getattr(self, role)) == counts.get(role, 0) for role in roles)


def read(text: str, words: Words, habit: Habit) -> Asked | None:
    """text: in small letters, one line, without final marks."""
    try:
        told, left = _roles(text, words, habit)
        asked = next((key for key in _ASKED if words.stories[key].search(left)), None)
        if asked is None:
            return None
        left = words.stories[asked].sub(" ", left)
        for key in ("comes", "moves", "lowers", "spends"):
            setattr(told, key, words.stories[key].search(left) is not None)
        if not set(PLAIN_WORD.findall(words.stories["lowers"].sub(" ", left))) <= words.everyday:
            return None
        return _ASKED[asked](told)
    except CannotCompute:
        return None


def _roles(text: str, words: Words, habit: Habit) -> tuple[_Told, str]:
    """The quantities of a text, and the words that are left. Raises CannotCompute."""
    told = _Told()
    ratios = _RATIO.findall(text)
    if len(ratios) == 1:
        told.ratio = [Decimal(part) for part in re.split("[/:]", ratios[0])]
        text = text.replace(ratios[0], " ", 1)
    units = "|".join(
        re.escape(one) for one in sorted({*words.scales, *words.currencies, *words.percent}, key=len, reverse=True)
    )
    names = "|".join(re.escape(one) for one in sorted(words.numbers, key=len, reverse=True))
    number = rf"(?:(?<!\w)(?:{units})\s?)?(?:{NUMERAL})(?:\s?(?:{units}|%)(?!\w))*|(?<!\w)(?:{names})(?!\w)"
    after = "|".join(rf"(?P<{key}>\s?{words.stories[key].pattern})" for key in _SUFFIXES)
    left, upto = [], 0
    for found in re.finditer(rf"(?P<number>{number})(?:{after})?", text):
        written = found["number"]
        role = next((key for key in _SUFFIXES if found[key]), "")
        if written in words.numbers and not role:
            continue  # "one" and the like without a noun that it counts: left among the words
        left.append(text[upto : found.start()])
        upto = found.end()
        _put(told, quantity(written.strip(), words, habit), role)
    rest = " ".join([*left, text[upto:]])
    told.each = words.stories["each"].search(rest) is not None
    return told, rest


def _put(told: _Told, found: Quantity, role: str) -> None:
    kind, _, period = role.partition("_")
    if found.unit == "%":
        if role:
            raise CannotCompute("a percentage in time is no plain percentage")
        told.percents.append(found)
    elif kind == "per":
        told.per.append((period, found))
    elif kind == "times":
        told.times.append((period, found))
    elif kind == "people":
        told.people.append(found)
    else:
        told.amounts.append(found)


def _yearly(told: _Told) -> Asked:
    if told.has(0, per=1) and told.per[0][0] == "month":
        return Asked(combined("*", told.per[0][1], Quantity(_MONTHS)))
    raise CannotCompute("only months make a year without a doubt")


def _paid(told: _Told) -> Asked:
    if told.has(1, percents=1) and told.lowers:
        return Asked(combined("-", told.amounts[0], told.percents[0]))
    return _total(told)


def _total(told: _Told) -> Asked:
    if told.has(0, per=1, times=1) and (told.per[0][0], told.times[0][0]) == ("month", "year"):
        return Asked(combined("*", combined("*", told.per[0][1], Quantity(_MONTHS)), told.times[0][1]))
    if told.has(0, per=1, times=1) and told.per[0][0] == told.times[0][0]:
        return Asked(combined("*", told.per[0][1], told.times[0][1]))
    if told.each and told.has(2):
        return Asked(combined("*", *told.amounts))
    amounts = list(told.amounts)
    if len(amounts) > 2 and amounts[0] == Quantity(Decimal(len(amounts) - 1)):
        amounts = amounts[1:]  # "3 bills: 84.20, 129.90 and 45"
    alone = not (told.each or told.ratio or told.comes or told.moves)
    if told.has(len(told.amounts)) and len(amounts) > 1 and alone:
        return Asked(_summed(amounts))
    raise CannotCompute("it is not told what makes the total")


def _summed(amounts: list[Node]) -> Node:
    return reduce(lambda a, b: combined("+", a, b), _alike(amounts))


def _alike(amounts: list[Node]) -> list[Node]:
    """Amounts in the one currency that is named beside some of them ("from 720 to 774 euros")."""
    units = {unit_of(one) for one in amounts} - {""}
    if len(units) > 1:
        raise CannotCompute("amounts in different currencies are not put together")
    unit = next(iter(units), "")
    return [replace(one, unit=unit) if isinstance(one, Quantity) else one for one in amounts]


def _average(told: _Told) -> Asked:
    if not told.has(len(told.amounts)) or len(told.amounts) < 2:
        raise CannotCompute("an average is of amounts alone")
    return Asked(combined("/", _summed(told.amounts), Quantity(Decimal(len(told.amounts)))))


def _shared(told: _Told) -> Asked:
    if told.ratio and told.has(1):
        whole = Quantity(sum(told.ratio, Decimal(0)))
        parts = [Operation("/", Operation("*", told.amounts[0], Quantity(part)), whole) for part in told.ratio]
        return Asked(parts[0], others=tuple(parts[1:]))
    if told.has(1, people=1):
        return Asked(combined("/", told.amounts[0], told.people[0]))
    raise CannotCompute("it is not told among whom")


def _changed(told: _Told) -> Asked:
    if not told.has(2):
        raise CannotCompute("a change is between two amounts")
    before, after = _alike(told.amounts)
    return Asked(combined("/", combined("-", after, before), before), "%")


def _left(told: _Told) -> Asked:
    if told.has(1, percents=1) and not told.moves:
        return Asked(combined("-", told.amounts[0], told.percents[0]))
    if told.has(2) and told.comes and told.spends and not told.moves:
        whole, part = _alike(told.amounts)
        if isinstance(whole, Quantity) and isinstance(part, Quantity) and whole.value > part.value:
            return Asked(combined("-", whole, part))
    raise CannotCompute("it is not told what is taken away")


def _part(told: _Told) -> Asked:
    if told.has(1, percents=1) and not told.moves:
        return Asked(combined("*", told.amounts[0], told.percents[0]))
    raise CannotCompute("it is not told of what the part is")


def _raised(told: _Told) -> Asked:
    if told.has(1, percents=1):
        return Asked(Operation("*", told.amounts[0], Operation("+", ONE, told.percents[0])))
    raise CannotCompute("it is not told what is added")


_SUFFIXES = (*(f"per_{period}" for period in _PERIODS), *(f"times_{period}" for period in _PERIODS), "people")
_ASKED: Mapping[str, Callable[[_Told], Asked]] = {
    "changed": _changed,
    "yearly": _yearly,
    "shared": _shared,
    "left": _left,
    "raised": _raised,
    "average": _average,
    "total": _total,
    "pays": _paid,
    "part": _part,
}
