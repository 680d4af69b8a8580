"""Reads a stretch of a question as a sum: numerals and number words, signs and their words, percentages "of" something.

Invariant: every token is understood, or there is no sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums.arithmetic import Node, Operation, Quantity, combined
from retrieval.evidence.sums.numerals import NUMERAL, Habit
from retrieval.evidence.sums.vocabulary import Words

_MARK = re.compile(r"us\$|[a-z]\$|\*\*|[-–−+*·×÷/:^()%$€£¥]")
_WORD = re.compile(r"[^\W\d_]+(?:['’.][^\W\d_]+)*")
_NUMERAL = re.compile(NUMERAL)
_LONGEST_NAME = 4  # words of a sign such as "to the power of"
_MOST_TOKENS = 120


@dataclass(frozen=True)
class _Token:
    """kind: number, sign, percent, currency, scale, of, ( or )."""

    kind: str
    value: Decimal | str
    loose: bool = True  # spaces on both sides, or a word


def expression(text: str, words: Words, habit: Habit, *, surely: bool = True) -> Node:
    """The sum that a whole text is; raises CannotCompute where it is none. surely: whether it is known that something is to
    be computed: else "24/7", "60/40" and "2024-2025" are none."""
    tokens = list(_tokens(text, words, habit))
    tight = [token for token in tokens if token.kind == "sign" and token.value in ("-", "/") and not token.loose]
    if (
        tight
        and not surely
        and not any(token.kind == "of" for token in tokens)
        and len(tight) == sum(token.kind == "sign" for token in tokens)
    ):
        raise CannotCompute("a dash or a stroke without spaces need not be a sign")
    reading = _Reading(tokens)
    node = reading.sum()
    if reading.at != len(tokens):
        raise CannotCompute("the text does not end where the sum does")
    return node


def quantity(text: str, words: Words, habit: Habit) -> Quantity:
    """The one number, amount or percentage that a whole text is. Raises CannotCompute."""
    found = expression(text, words, habit)
    if not isinstance(found, Quantity):
        raise CannotCompute("this is more than one number")
    return found


def listed(text: str, words: Words, habit: Habit) -> list[Node]:
    """Two numbers or more, parted by commas and "and". Raises CannotCompute."""
    parts = [part for part in words.joins.split(text) if part]
    if len(parts) == 1 and habit.mark == "." and re.fullmatch(r"\d{1,2}(?:,\d{1,2}){2,}", text):
        parts = text.split(",")
    if len(parts) < 2:
        raise CannotCompute("a list has two numbers at least")
    return [expression(part, words, habit) for part in parts]


def _tokens(text: str, words: Words, habit: Habit) -> Iterator[_Token]:
    at, count = 0, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        token, end = _token(text, at, words, habit)
        yield token
        at, count = end, count + 1
        if count > _MOST_TOKENS:
            raise CannotCompute("this is longer than a sum")


def _token(text: str, at: int, words: Words, habit: Habit) -> tuple[_Token, int]:
    if found := _NUMERAL.match(text, at):
        value = habit.read(found.group())
        after = text[found.end() : found.end() + 1]
        if value is None or (at and text[at - 1] in ".,_"):
            raise CannotCompute(f"{found.group()} can be read in two ways")
        if after.isalpha() and not re.match(r"x\s*\d|[a-z$€£]{1,4}(?!\w)", text[found.end() :]):
            raise CannotCompute("digits within a word are no number")
        return _Token("number", value), found.end()
    if found := re.compile(r"x(?=\s*[\d(])").match(text, at):
        return _Token("sign", "*"), found.end()
    if found := _MARK.match(text, at):
        return _of_mark(found, text, words), found.end()
    for length in range(_LONGEST_NAME, 0, -1):
        name = re.compile(rf"{_WORD.pattern}(?: {_WORD.pattern}){{{length - 1}}}(?![\w])").match(text, at)
        if name and (token := _of_name(name.group(), words)):
            return token, name.end()
    raise CannotCompute("a word is not understood")


def _of_mark(found: re.Match[str], text: str, words: Words) -> _Token:
    mark = found.group()
    loose = text[: found.start()][-1:].isspace() and text[found.end() : found.end() + 1].isspace()
    if mark in "()":
        return _Token(mark, mark)
    if mark == "%":
        return _Token("percent", "%")
    if mark in words.currencies:
        return _Token("currency", words.currencies[mark])
    if mark == ":" and not loose:
        raise CannotCompute("a colon without spaces is no sign")
    return _Token("sign", words.signs[mark], loose)


def _of_name(name: str, words: Words) -> _Token | None:
    if name in words.signs:
        return _Token("sign", words.signs[name])
    if name in words.numbers:
        return _Token("number", words.numbers[name])
    if name in words.percent:
        return _Token("percent", "%")
    if name in words.of:
        return _Token("of", name)
    if name in words.scales:
        return _Token("scale", Decimal(words.scales[name]))
    if name in words.currencies:
        return _Token("currency", words.currencies[name])
    return None


class _Reading:
    """Recursive descent; a percentage or a part "of" something binds as tightly as a product."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self.at = tokens, 0

    def sum(self) -> Node:
        node = self.product()
        while self._sign() in ("+", "-"):
            sign = str(self._take().value)
            node = combined(sign, node, self.product())
        return node

    def product(self) -> Node:
        node = self.power()
        while self._sign() in ("*", "/") or self._kind() == "of":
            token = self._take()
            if token.kind == "of" and not _is_part(node):
                raise CannotCompute("only a part is of something")
            right = self.power()
            sign = "*" if token.kind == "of" else str(token.value)
            node = combined(sign, right, node) if token.kind == "of" else combined(sign, node, right)
        return node

    def power(self) -> Node:
        node = self.one()
        while self._sign() in ("^", "^2", "^3"):
            sign = str(self._take().value)
            node = combined("^", node, Quantity(Decimal(sign[1])) if sign[1:] else self.one())
        return node

    def one(self) -> Node:
        if self._kind() == "(":
            self._take()
            node = self.sum()
            if self._take().kind != ")":
                raise CannotCompute("a bracket is not closed")
            return node
        if self._sign() == "-":
            self._take()
            inner = self.one()
            if not isinstance(inner, Quantity):
                return Operation("*", Quantity(Decimal(-1)), inner)
            return Quantity(-inner.value, inner.unit)
        return self._quantity()

    def _quantity(self) -> Quantity:
        before = str(self._take().value) if self._kind() == "currency" else ""
        token = self._take()
        if token.kind not in ("number", "scale") or not isinstance(token.value, Decimal):
            raise CannotCompute("a number is missing")
        value = token.value if token.kind == "number" else Decimal(1).scaleb(int(token.value))
        while self._kind() == "scale":
            value = value.scaleb(int(Decimal(self._take().value)))
        if self._kind() == "percent" and not before:
            self._take()
            return Quantity(value, "%")
        after = str(self._take().value) if self._kind() == "currency" else ""
        if before and after and before != after:
            raise CannotCompute("an amount has one currency")
        return Quantity(value, before or after)

    def _kind(self) -> str:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else ""

    def _sign(self) -> str:
        return str(self.tokens[self.at].value) if self._kind() == "sign" else ""

    def _take(self) -> _Token:
        if self.at >= len(self.tokens):
            raise CannotCompute("the sum ends too early")
        self.at += 1
        return self.tokens[self.at - 1]


def _is_part(node: Node) -> bool:
    """Whether "of" may follow: a percentage, a fraction, a number below one or its word ("half of 300")."""
    if isinstance(node, Operation):
        return node.sign == "/" and all(isinstance(one, Quantity) and not one.unit for one in (node.left, node.right))
    return node.unit == "%" or (not node.unit and 0 < node.value < 1)
