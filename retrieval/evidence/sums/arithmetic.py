"""Sums as trees: their units, their one spelling for the record, their value, and how a reader is shown them.

Invariant: a value depends on the spelling alone, so that the record computes it again; amounts of money neither multiply nor
add to anything but money of their currency.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, DecimalException, localcontext

from retrieval.evidence.look_up.compute import CannotCompute
from retrieval.evidence.sums.numerals import CONTEXT, rounded

_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}
SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷"}
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)(%?)|([-+*/^()]))")
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LARGEST_POWER = 1000
_MOST_TOKENS = 200
_EXACT_PLACES = 12
_SHOWN_DIGITS = 6


@dataclass(frozen=True)
class Quantity:
    """A number that was given, or that a form of sum holds. unit: "", "%" (then `value` counts hundredths) or a currency."""

    value: Decimal
    unit: str = ""


@dataclass(frozen=True)
class Operation:
    """sign: one of + - * / ^."""

    sign: str
    left: Node
    right: Node


Node = Quantity | Operation
ONE = Quantity(Decimal(1))


def combined(sign: str, left: Node, right: Node) -> Node:
    """Two sums put together as people mean it: "200 + 10 %" adds a tenth of the 200. Raises CannotCompute."""
    relative = sign in "+-" and isinstance(right, Quantity) and right.unit == "%"
    if relative and left != ONE and unit_of(left) != "%":
        if _has_share(left):
            raise CannotCompute("it is not said of what the second percentage is")
        return Operation("*", left, Operation(sign, ONE, right))
    whole = Operation(sign, left, right)
    unit_of(whole)
    return whole


def _has_share(node: Node) -> bool:
    """Whether a sum was raised or lowered by a percentage at its end."""
    return (
        isinstance(node, Operation)
        and node.sign == "*"
        and isinstance(node.right, Operation)
        and node.right.sign in "+-"
        and node.right.left == ONE
    )


def unit_of(node: Node) -> str:
    """The unit of what a sum comes to. Raises CannotCompute where units do not go together."""
    if isinstance(node, Quantity):
        return node.unit
    a, b = unit_of(node.left), unit_of(node.right)
    match node.sign:
        case "+" | "-":
            if a == b:
                return a
            if node.left == ONE and b == "%":
                return ""
        case "*":
            if a == b == "%":
                return "%"
            if not a or not b or "%" in (a, b):
                return next((one for one in (a, b) if one and one != "%"), "")
        case "/":
            if a == b:
                return ""
            if b in ("", "%"):
                return a
        case "^":
            whole = isinstance(node.right, Quantity) and node.right.value % 1 == 0
            if not a and not b and whole:
                return ""
    raise CannotCompute(f"{a or 'a number'} {node.sign} {b or 'a number'} has no meaning")


def spelt(node: Node) -> str:
    """The one spelling: "10000 * (1 + 3%) ^ 5"."""
    return _written(node, lambda one: f"{_plain(one.value)}{'%' * (one.unit == '%')}", lambda sign: f" {sign} ")


def shown(node: Node, number: Callable[[Quantity], str]) -> str:
    """As people write it: "10,000 × (1 + 3%)⁵"; number: how a quantity is written."""
    text = _written(node, number, lambda sign: f" {SIGNS[sign]} " if sign != "^" else " ^ ")
    return re.sub(r" \^ (\d+)(?!\S)|(?<=\S) \^ (\d+)(?=\))", lambda found: (found[1] or found[2]).translate(_RAISED), text)


def _written(node: Node, number: Callable[[Quantity], str], between: Callable[[str], str], outer: int = 0) -> str:
    if isinstance(node, Quantity):
        return f"({number(node)})" if node.value < 0 and outer else number(node)
    own = _BINDS[node.sign]
    left = _written(node.left, number, between, own + (node.sign == "^"))
    right = _written(node.right, number, between, own + (node.sign in "-/"))
    text = f"{left}{between(node.sign)}{right}"
    return f"({text})" if own < outer else text


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def value_of(spelling: str) -> Decimal:
    """The value of a spelling, with up to 60 digits. Raises CannotCompute."""
    tokens = _tokens(spelling)
    try:
        with localcontext(CONTEXT):
            reading = _Reading(tokens)
            value = reading.sum()
            if reading.at != len(tokens):
                raise CannotCompute("the sum does not end where it should")
            return value
    except DecimalException as error:
        raise CannotCompute("the sum has no value: it divides by nothing, or is too large") from error


def _tokens(spelling: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(spelling.rstrip()):
        token = _TOKEN.match(spelling, at)
        if token is None or len(found) >= _MOST_TOKENS:
            raise CannotCompute("this is no sum")
        found.append((token[1] or token[3], token[2] or ""))
        at = token.end()
    return found


class _Reading:
    """Recursive descent over the tokens of a spelling; a power binds first and holds a whole number."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens, self.at = tokens, 0

    def sum(self) -> Decimal:
        value = self.product()
        while (sign := self._next()) in ("+", "-"):
            self.at += 1
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self) -> Decimal:
        value = self.power()
        while (sign := self._next()) in ("*", "/"):
            self.at += 1
            value = value * self.power() if sign == "*" else value / self.power()
        return value

    def power(self) -> Decimal:
        value = self.one()
        while self._next() == "^":
            self.at += 1
            exponent = self.one()
            if exponent % 1 or abs(exponent) > _LARGEST_POWER:
                raise CannotCompute("a power is a whole number up to a thousand")
            value = value**exponent
        return value

    def one(self) -> Decimal:
        if self.at >= len(self.tokens):
            raise CannotCompute("the sum ends too early")
        token, percent = self.tokens[self.at]
        self.at += 1
        match token:
            case "(":
                inner = self.sum()
                if self._next() != ")":
                    raise CannotCompute("a bracket is not closed")
                self.at += 1
                return inner
            case "-":
                return -self.one()
            case _ if token[0].isdigit():
                return Decimal(token) / 100 if percent else Decimal(token)
        raise CannotCompute(f"{token} stands where a number should")

    def _next(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""


def said(value: Decimal, places: int | None) -> tuple[Decimal, bool]:
    """A value as it is said, and whether that is all of it. places: of a result that is rounded; None: as many as it has, or
    four places where it does not end, six digits below one."""
    exact = rounded(value, _EXACT_PLACES)
    if exact == value and (places is None or rounded(value, places) == value):
        return Decimal(_plain(exact)), True
    near = (4 if value.adjusted() >= 0 else _SHOWN_DIGITS - 1 - value.adjusted()) if places is None else places
    return rounded(value, near), False
