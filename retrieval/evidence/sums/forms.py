"""Matches a question with the ways to ask for a sum, and builds the sum.

Invariant: a form matches the whole question without courtesies, and every slot is wholly understood, or there is no sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums.arithmetic import ONE, Node, Operation, Quantity, combined, spelt, unit_of, value_of
from retrieval.evidence.sums.dates import Days, days_between
from retrieval.evidence.sums.expressions import expression, listed
from retrieval.evidence.sums.numerals import Habit
from retrieval.evidence.sums.vocabulary import Form, Words

_MOST_ROUNDS = 5
_SCALE, _PART = "scale", "part"


@dataclass(frozen=True)
class Asked:
    """A sum that was asked for. unit: of the result, where it is not that of the tree: "%" or a unit's word. places: of a
    result that is rounded. notes: names of templates that are said beside it. others: more sums of the same unit."""

    node: Node
    unit: str | None = None
    places: int | None = None
    notes: tuple[str, ...] = ()
    others: tuple[Node, ...] = ()


def read(text: str, words: Words, habit: Habit) -> Asked | Days | None:
    """The sum that a question asks for. text: in small letters, one line, without final marks."""
    for bare, surely in _bared(text, words):
        for form in words.forms:
            if found := form.pattern.fullmatch(bare):
                with suppress(CannotCompute):
                    return _built(form, found.groupdict(), words, habit, surely=surely)
    return None


def _bared(text: str, words: Words) -> Iterator[tuple[str, bool]]:
    """The text without more and more of its courtesies, and whether it is sure that something is to be computed."""
    seen = {text: text.endswith("=")}
    for _ in range(_MOST_ROUNDS):
        yield from sorted(seen.items(), key=lambda one: -len(one[0]))
        shorter: dict[str, bool] = {}
        for bare, surely in seen.items():
            for pattern, sure in ((words.computes, True), (words.asks, False)):
                if found := pattern.match(bare):
                    left = bare[found.end() :].strip(" ,:")
                    shorter[left] = shorter.get(left, False) or surely or sure
            if found := words.closers.search(bare):
                left = bare[: found.start()].strip(" ,:=")
                shorter[left] = shorter.get(left, False) or surely
        if not shorter:
            return
        seen = shorter


def _built(form: Form, slots: Mapping[str, str | None], words: Words, habit: Habit, *, surely: bool) -> Asked | Days:
    given = {name: text.strip() for name, text in slots.items() if text}
    if form.kind == "days":
        return days_between(given["d"], given["f"], words)
    if form.kind == "convert":
        return _converted(given["a"], given["u"], words, habit)
    if "l" in given:
        return Asked(_of_list(form.kind, listed(given["l"], words, habit)))
    if "e" in given:
        node = expression(given["e"], words, habit, surely=surely)
        if not isinstance(node, Operation):
            raise CannotCompute("one number is no sum")
        return Asked(node)
    first, second = (expression(given[name], words, habit) for name in ("a", "p" if "p" in given else "b"))
    return _OF_TWO[form.kind](first, second)


def _of_list(kind: str, numbers: list[Node]) -> Node:
    sign = "*" if kind == "product" else "+"
    if kind != "product" and len({unit_of(one) for one in numbers}) > 1:
        raise CannotCompute("numbers of unlike units have no total")
    whole = reduce(lambda a, b: combined(sign, a, b), numbers)
    return combined("/", whole, Quantity(Decimal(len(numbers)))) if kind == "average" else whole


def _share(part: Node, whole: Node) -> Asked:
    if unit_of(part) != unit_of(whole):
        raise CannotCompute("a share has the unit of its whole")
    return Asked(combined("/", part, whole), "%")


def _change(before: Node, after: Node) -> Asked:
    difference = combined("-", after, before)
    return Asked(combined("/", difference, before), "%")


def _relative(sign: str, amount: Node, percent: Node) -> Asked:
    if unit_of(percent) != "%" or unit_of(amount) == "%":
        raise CannotCompute("an amount is raised by a percentage")
    return Asked(combined(sign, amount, percent))


def _difference(a: Node, b: Node) -> Asked:
    larger, smaller = (a, b) if value_of(spelt(a)) >= value_of(spelt(b)) else (b, a)
    return Asked(combined("-", larger, smaller))


_OF_TWO: Mapping[str, Callable[[Node, Node], Asked]] = {
    "add": lambda a, b: Asked(combined("+", b, a)),
    "subtract": lambda a, b: Asked(combined("-", b, a)),
    "multiply": lambda a, b: Asked(combined("*", a, b)),
    "divide": lambda a, b: Asked(combined("/", a, b)),
    "difference": _difference,
    "share": _share,
    "change": _change,
    "raise": lambda a, p: _relative("+", a, p),
    "lower": lambda a, p: _relative("-", a, p),
}


def _converted(given: str, wanted: str, words: Words, habit: Habit) -> Asked:
    """A number in another unit of its family: of scale ("2.5 million" in thousands), part ("3/8" in per cent), time …"""
    unit = wanted.strip()
    if unit not in words.units:
        raise CannotCompute("a unit is not understood")
    family, size = words.units[unit]
    family = family.split()[0]
    node, own = _measured(given, words, habit)
    if own is not None:
        if own[0].split()[0] != family:
            raise CannotCompute("units of different families are not converted")
        return _scaled(node, own[1], size, unit)
    if family == _SCALE and isinstance(node, Quantity) and node.unit != "%":
        return _scaled(node, ONE.value, size, "" if size == 1 else unit)
    if family == _PART and unit_of(node) in ("", "%"):
        percent = words.units[unit][0].endswith(" percent")
        return Asked(node, "%") if percent else _scaled(node, ONE.value, size, "" if size == 1 else unit)
    raise CannotCompute("a number without a unit is not converted")


def _measured(text: str, words: Words, habit: Habit) -> tuple[Node, tuple[str, Decimal] | None]:
    """A number, and the unit's word that follows it, if one does."""
    number, _, last = text.rpartition(" ")
    if number and last in words.units and words.units[last][0].split()[0] not in (_SCALE, _PART):
        return expression(number, words, habit), words.units[last]
    for name in sorted(words.units, key=len, reverse=True):
        family = words.units[name][0]
        if text.endswith(f" {name}") and family.startswith(_PART) and name not in words.percent:
            return expression(text.removesuffix(name).strip(), words, habit), words.units[name]
    return expression(text, words, habit), None


def _scaled(node: Node, own: Decimal, wanted: Decimal, unit: str) -> Asked:
    factor = own / wanted
    if own == wanted == 1:
        if isinstance(node, Quantity) and node.unit != "%":
            raise CannotCompute("it is what it is")
        return Asked(node, "")
    if factor >= 1 and factor * wanted == own:
        return Asked(combined("*", node, Quantity(factor)), unit)
    back = wanted / own
    if back * own != wanted:
        return Asked(combined("/", combined("*", node, Quantity(own)), Quantity(wanted)), unit)
    return Asked(combined("/", node, Quantity(back)), unit)
