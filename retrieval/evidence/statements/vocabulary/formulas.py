"""Formulas in words, read into trees: "FY2019 revenue / (average PP&E between FY2018 and FY2019)".

What a question states ("defined as …") and what the table of ratios defines go through the same reader. Invariant: a formula
is read whole or not at all; no word of it is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from retrieval.evidence.statements.vocabulary.terms import TERMS, Term, plain, spoken
from retrieval.graph.reading.periods import find_periods
from retrieval.graph.reading.words import fold
from retrieval.graph.statements import Kind

Sign = Literal["+", "-", "*", "/"]


@dataclass(frozen=True)
class Number:
    value: Decimal


@dataclass(frozen=True)
class Item:
    """A line item at the asked year, or at `year` where the formula names one. may_lack: counts nothing where no row has
    it."""

    term: Term
    year: int | None = None
    may_lack: bool = False


@dataclass(frozen=True)
class Labelled:
    """A row by its own label, made plain: what a question names as the statement writes it; of these kinds, where it
    says so."""

    label: str
    kinds: frozenset[Kind] = frozenset()


@dataclass(frozen=True)
class OverYears:
    """`item` over two years: their mean, or the later less the earlier. `years` () stands for the asked one and the one
    before."""

    how: Literal["average", "change"]
    item: Node
    years: tuple[int, ...] = ()


@dataclass(frozen=True)
class Joined:
    sign: Sign
    left: Node
    right: Node


Node = Number | Item | Labelled | OverYears | Joined
Known = Callable[[str], "Node | None"]
"""Plain words → what they stand for where a table or the question itself defines them."""

_WORDED: tuple[tuple[str, str], ...] = (
    (r"\bdivided by\b|\bover\b(?! the\b)|÷", " / "),
    (r"\bmultiplied by\b|\btimes\b|×|∗", " * "),
    (r"\bplus\b", " + "),
    (r"\b(?:minus|less)\b(?! (?:than|current|accumulated|allowance))|−", " - "),
)
_SOURCE = re.compile(r"\((?:from|using|as|per|taken|shown|found|in|on|i\.?e|e\.?g|both)\b[^()]*\)")
_TOKEN = re.compile(
    r"\s*(?P<sign>[()+*/]|(?<=[\s)])-(?=[\s(])|(?<=\))-)|\s*(?P<words>(?:[^()+*/\s-]|(?<=\w)-(?=\w)|\s(?!-\s))+)"
)
_IDLE = re.compile(
    r"^(?:the|of|its|total of|sum of|all|company|companys|end|year end|fiscal year|of the|amount of)\s+|\s+(?:the"
    r"|for|in|at|of|from|during|amount)$"
)
_AVERAGE = re.compile(r"^(?:the )?(?:2 year |two year )?average (?:of |annual )?")
_CHANGE = re.compile(r"^(?:the )?(?:year over year |annual )?change (?:in|of) ")
_PERIOD = "\x00"
_DATED = re.compile(
    rf"(?:\b(?:between|from|for|in|over|of|at|during|as of|end of|the end of|year end|and|to|through|until|both"
    rf"|fiscal years?|years?)\s+|-\s*)*{_PERIOD}"
)


def read_formula(text: str, known: Known) -> Node | None:
    """The tree of a formula in words; None where a word of it is not understood."""
    text = _SOURCE.sub(" ", fold(text).strip(" .:;"))
    for said, sign in _WORDED:
        text = re.sub(said, sign, text)
    tokens = list(_tokens(f" {text} "))
    reader = _Reader(tokens, known)
    tree = reader.sum()
    return tree if tree is not None and reader.at == len(tokens) else None


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text) and text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            yield "?"
            return
        yield (found.group("sign") or found.group("words")).strip()
        at = found.end()


class _Reader:
    """Recursive descent; every method gives None where it cannot read on."""

    def __init__(self, tokens: list[str], known: Known) -> None:
        self._tokens, self._known = tokens, known
        self.at = 0

    def _next(self, signs: str) -> str:
        if self.at < len(self._tokens) and self._tokens[self.at] in tuple(signs):
            self.at += 1
            return self._tokens[self.at - 1]
        return ""

    def sum(self) -> Node | None:
        left = self._product()
        while left is not None and (sign := self._next("+-")):
            right = self._product()
            left = None if right is None else Joined("+" if sign == "+" else "-", left, right)
        return left

    def _product(self) -> Node | None:
        left = self._operand()
        while left is not None and (sign := self._next("*/")):
            right = self._operand()
            left = None if right is None else Joined("*" if sign == "*" else "/", left, right)
        return left

    def _operand(self) -> Node | None:
        if self._next("("):
            inside = self.sum()
            return inside if inside is not None and self._next(")") else None
        if self.at >= len(self._tokens) or self._tokens[self.at] in tuple("()+-*/"):
            return None
        self.at += 1
        words = self._tokens[self.at - 1]
        if (
            self.at < len(self._tokens)
            and self._tokens[self.at] == "("
            and plain(words) in ("average", "the average", "change in")
        ):
            self.at += 1
            inside = self.sum()
            if inside is None or not self._next(")"):
                return None
            return OverYears("change" if "change" in words else "average", inside)
        return measure_of(words, self._known)


def measure_of(words: str, known: Known) -> Node | None:
    """One operand: a number, or a measure with its years ("average PP&E between FY2018 and FY2019")."""
    words = words.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", words) and not re.fullmatch(r"(?:19|20)\d\d", words):
        return Number(Decimal(words))
    may_lack = words.endswith("?")
    years: list[int] = []
    for one in find_periods(words):
        years += [year for year in (one.year, one.end) if year]
        words = words.replace(one.text, _PERIOD)
    text = plain(_DATED.sub(" ", words))
    over: Literal["average", "change"] | None = None
    if found := _AVERAGE.match(text):
        over, text = "average", text[found.end() :]
    elif found := _CHANGE.match(text):
        over, text = "change", text[found.end() :]
    node = named(_trimmed(text), known)
    if node is None:
        return None
    if over:
        return OverYears(over, node, tuple(dict.fromkeys(years)))
    if isinstance(node, Item):
        return Item(node.term, years[0] if years else None, may_lack)
    return node if not years else None


def _trimmed(text: str) -> str:
    before = ""
    while before != text:
        before, text = text, _IDLE.sub("", text).strip()
    return text


def named(text: str, known: Known) -> Node | None:
    """What plain words stand for: a definition, or the term that they name whole."""
    if not text:
        return None
    defined = known(text)
    if defined is not None:
        return defined
    term = term_of(text)
    return None if term is None else Item(term)


def term_of(text: str) -> Term | None:
    """The term that plain words name from the first to the last."""
    return next((term for term in TERMS if spoken(term).fullmatch(text)), None)


def items(node: Node) -> Iterator[Item]:
    """The line items of a tree, left to right."""
    match node:
        case Item():
            yield node
        case OverYears(item=inside):
            yield from items(inside)
        case Joined(left=left, right=right):
            yield from items(left)
            yield from items(right)
        case _:
            return
