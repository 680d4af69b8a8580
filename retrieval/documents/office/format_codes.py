"""The codes of number formats ('#,##0.00;[Red](#,##0.00)'), taken apart.

Source: ECMA-376 part 1, 18.8.31.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<skipped>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]'
    r"|(?P<general>General)|(?P<half>AM/PM|A/P)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+|e+)|(?P<digit>[0#?])"
    r"|(?P<sign>[.,%/@])|(?P<other>.)",
    re.I | re.S,
)
_CONDITION = re.compile(r"^(<=|>=|<>|=|<|>)(-?[\d.]+)$")
_ELAPSED = re.compile(r"^(h+|m+|s+)$", re.I)
_CURRENCY = re.compile(r"^\$([^-]*)(?:-[0-9a-f]+)?$", re.I)


@dataclass(frozen=True)
class Token:
    """kind: literal, digit, sign, exponent, date, elapsed, half, general."""

    kind: str
    text: str


@dataclass(frozen=True)
class Section:
    tokens: tuple[Token, ...]
    condition: tuple[str, Decimal] | None

    def has(self, *kinds: str) -> bool:
        return any(token.kind in kinds for token in self.tokens)


@lru_cache(maxsize=512)
def sections_of(code: str) -> tuple[Section, ...]:
    """At most four: for positive and negative numbers, nought, and text."""
    found: list[Section] = []
    tokens: list[Token] = []
    condition = None
    for match in _TOKEN.finditer(code):
        kind, text = match.lastgroup or "", match.group(match.lastgroup or 0)
        if kind == "other" and text == ";":
            found.append(Section(tuple(tokens), condition))
            tokens, condition = [], None
        elif kind in ("quoted", "escaped", "other"):
            tokens.append(Token("literal", text))
        elif kind == "skipped":
            tokens.append(Token("literal", " "))
        elif kind == "bracket":
            if stated := _CONDITION.match(text):
                condition = (stated.group(1), Decimal(stated.group(2)))
            elif _ELAPSED.match(text):
                tokens.append(Token("elapsed", text.lower()))
            elif currency := _CURRENCY.match(text):
                tokens.append(Token("literal", currency.group(1)))
        elif kind != "fill":
            tokens.append(Token(kind, text if kind == "half" else text.lower() if kind == "date" else text))
    found.append(Section(tuple(tokens), condition))
    return tuple(found[:4])
