"""Expressions over operands ("40000 * 1.5%"): their grammar for a model that writes one, and their value with its unit.

A percentage counts as hundredths. Amounts of money do not multiply; unlike currencies, and unlike units, do not add.
Invariant: an expression holds no number that is not an operand's; what does not go together has no value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice, product
from typing import Literal

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.prose.arithmetic.operands import CONSTANT, Operand

LONGEST = 6
"""Operands of one expression."""
_CHOICES = 32
NONE = "none"
_TOKEN = re.compile(r"\s*(\d[\d.]*%?|[-+*/()])")
_SHOWN = {"*": "×", "/": "÷", "-": "−", "+": "+"}
Kind = Literal["money", "percent", "points", "count", "plain", "ratio"]


@dataclass(frozen=True)
class Value:
    """A number with its unit: `currency` of money, the stem `unit` of a count with its `noun`."""

    number: Decimal
    kind: Kind
    currency: str = ""
    unit: str = ""
    noun: str = ""


@dataclass(frozen=True)
class Computed:
    """value: of the whole. used: its operands from left to right, without constants. working: as people write it.
    expression: as it was written; operands: what its numbers stand for, each once, constants too."""

    value: Value
    used: tuple[Operand, ...]
    working: str
    expression: str
    operands: tuple[Operand, ...]


def pattern(operands: Sequence[Operand]) -> str:
    """A regular expression of all that may be written: an expression of two operands or more, or `none`."""
    numbers = "|".join(re.escape(one) for one in sorted({o.written for o in operands}, key=lambda text: (-len(text), text)))
    term = rf"\(?(?:{numbers})\)?"
    return rf"(?:{NONE}|{term}(?: [-+*/] {term}){{1,{LONGEST - 1}}})"


def computed(expression: str, operands: Sequence[Operand]) -> Computed:
    """The value of what a model wrote; a figure that stands in several units is taken in the first that goes together with
    the others. Raises CannotCompute with the reason."""
    tokens = _TOKEN.findall(expression)
    if "".join(tokens) != "".join(expression.split()):
        raise CannotCompute("this is no expression")
    spelt: dict[str, list[Operand]] = {}
    for one in operands:
        if one.written in tokens:
            spelt.setdefault(one.written, []).append(one)
    if tokens[-2:] == ["*", "100"]:  # of a ratio in per cent
        spelt["100"].sort(key=lambda one: one.line != CONSTANT)
    reason = CannotCompute("no figure stands in it")
    for chosen in islice(product(*spelt.values()), _CHOICES):
        try:
            return _computed(tokens, dict(zip(spelt, chosen, strict=True)))
        except CannotCompute as error:
            reason = error
    raise reason


def _computed(tokens: Sequence[str], known: Mapping[str, Operand]) -> Computed:
    reading = _Reading(tokens, known)
    value = reading.sum()
    if reading.place != len(tokens):
        raise CannotCompute("the expression does not end where it should")
    used = tuple(one for one in reading.used if one.line != CONSTANT)
    expression = " ".join(tokens)
    working = with_names(expression, {written: one.shown for written, one in known.items()})
    return Computed(value, used, working, expression, tuple(dict.fromkeys(reading.used)))


def with_names(expression: str, names: Mapping[str, str]) -> str:
    """The expression as people write it, with a name in the place of each number that has one: 'A × (B − C)'."""
    shown = [names.get(token) or _SHOWN.get(token, token) for token in _TOKEN.findall(expression)]
    return " ".join(shown).replace("( ", "(").replace(" )", ")")


class _Reading:
    """Recursive descent over the tokens; multiplication binds first."""

    def __init__(self, tokens: Sequence[str], known: Mapping[str, Operand]) -> None:
        self.tokens, self.known, self.place = tokens, known, 0
        self.used: list[Operand] = []

    def sum(self) -> Value:
        left = self.product()
        while self._next() in ("+", "-"):
            sign = self._take()
            left = _added(left, self.product(), sign)
        return left

    def product(self) -> Value:
        left = self.one()
        while self._next() in ("*", "/"):
            sign = self._take()
            left = (_times if sign == "*" else _over)(left, self.one())
        return left

    def one(self) -> Value:
        token = self._take()
        if token == "(":  # noqa: S105 — a bracket, no secret
            inner = self.sum()
            if self._take() != ")":
                raise CannotCompute("a bracket is not closed")
            return inner
        operand = self.known.get(token)
        if operand is None:
            raise CannotCompute(f"{token or 'nothing'} stands where a figure should")
        self.used.append(operand)
        return _value(operand)

    def _next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.place += 1
        return token


def _value(operand: Operand) -> Value:
    figure = operand.figure
    if figure.kind == "percent":
        return Value(figure.full, "percent")
    if figure.currency:
        return Value(figure.full, "money", figure.currency)
    if operand.unit and operand.line != CONSTANT:
        return Value(figure.full, "count", unit=operand.unit, noun=operand.noun)
    return Value(figure.full, "plain")


def _added(a: Value, b: Value, sign: str) -> Value:
    if {a.kind, b.kind} == {"plain", "percent"}:  # 1 - 20%: what is left of a whole
        a, b = (replace(one, number=one.number / 100, kind="plain") if one.kind == "percent" else one for one in (a, b))
    if a.currency != b.currency and (a.kind == "money") == (b.kind == "money"):
        raise CannotCompute("amounts in different currencies cannot be put together")
    if "count" in (a.kind, b.kind) and {a.kind, b.kind} <= {"count", "plain"}:
        if a.unit and b.unit and a.unit != b.unit:
            raise CannotCompute(f"{a.noun} and {b.noun} cannot be put together")
        a, b = (one if one.kind == "count" else replace(one, kind="count") for one in (a, b))
        a = replace(a, unit=a.unit or b.unit, noun=a.noun or b.noun)
    if a.kind != b.kind:
        raise CannotCompute(f"{a.kind} and {b.kind} cannot be put together")
    number = a.number + b.number if sign == "+" else a.number - b.number
    if a.kind == "percent" and sign == "+" and number > 100:
        raise CannotCompute("shares of more than a whole are of different wholes")
    return replace(a, number=number, kind="points" if a.kind == "percent" and sign == "-" else a.kind)


def _times(a: Value, b: Value) -> Value:
    if a.kind == "ratio" and b.kind == "plain" and b.number == 100:
        return Value(a.number * 100, "percent")
    if a.kind == b.kind == "money":
        raise CannotCompute("two amounts of money cannot be multiplied")
    if "percent" in (a.kind, b.kind):
        share, other = (a, b) if a.kind == "percent" else (b, a)
        return replace(other, number=other.number * share.number / 100)
    if b.kind == "money" or (a.kind in ("plain", "ratio") and b.kind != "plain"):
        a, b = b, a
    if a.kind == b.kind == "count":
        return Value(a.number * b.number, "plain")
    return replace(a, number=a.number * b.number)


def _over(a: Value, b: Value) -> Value:
    if not b.number:
        raise CannotCompute("the figure to divide by is zero")
    if a.kind == b.kind and a.kind != "plain":
        if a.currency != b.currency or a.unit != b.unit:
            raise CannotCompute("figures of different units have no ratio")
        return Value(a.number / b.number, "ratio")
    if b.kind == "percent":
        return replace(a, number=a.number * 100 / b.number)
    if b.kind == "money":
        raise CannotCompute("a number cannot be divided by money")
    return replace(a, number=a.number / b.number, kind="ratio" if a.kind == b.kind == "plain" else a.kind)
