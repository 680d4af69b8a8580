"""A false address in the form of the true one: its kind of street, its units, its country's order of things.

Invariant: every name and every number is another one; a postal code is one that its country has given to no place.
"""

from __future__ import annotations

import re

from moderation.pii.surrogates.draw import Draw
from moderation.pii.surrogates.lists import words
from moderation.pii.word_lists import countries, streets

_UK = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
_TOKEN = re.compile(rf"(?P<uk>\b{_UK}\b)|(?P<number>\d+)|(?P<word>[^\W\d_]+(?:['’.-][^\W\d_]+)*)|(?P<other>.)", re.S)


def address(original: str, draw: Draw) -> str:
    """With the original's words for street, flat and country, other names and other numbers."""
    out: list[str] = []
    named = 0
    for token in _TOKEN.finditer(original):
        shown = token.group()
        if token["uk"]:  # the area ZZ exists in no postcode (Royal Mail's list of areas)
            out.append(f"ZZ{1 + draw.below(99)} {draw.digits(1)}{draw.letters(2, 'ABDEFGHJLNPQRSTUWXYZ')}")
        elif token["number"]:
            out.append(_number(shown, draw))
        elif token["word"] and not _kept(shown, original, token.end()):
            out.append(_name(shown, draw, street=named == 0))
            named += 1
        else:
            out.append(shown)
    return "".join(out)


def _number(shown: str, draw: Draw) -> str:
    """A house number of as many digits; a long one is a postal code, which begins with 00 in no country of five digits."""
    if len(shown) >= 5:
        return "00" + draw.digits(len(shown) - 2)
    if len(shown) == 4:
        return "00" + draw.digits(2)
    return str(1 + draw.below(9)) + draw.digits(len(shown) - 1)


def _kept(word: str, original: str, end: int) -> bool:
    bare = word.lower().rstrip(".")
    known = streets()
    if bare in known.words or bare in known.units or bare in known.particles or bare in known.openers:
        return True
    if bare in countries() or len(word) == 1:
        return True
    return word.isupper() and len(word) == 2  # a region's code: IL, NY, ZH


def _name(word: str, draw: Draw, *, street: bool) -> str:
    """Another name; of a one-word street ("Bahnhofstrasse") the ending stays."""
    endings = streets().endings if street else ()
    ending = next((e for e in sorted(endings, key=len, reverse=True) if word.lower().endswith(e) and len(word) > len(e)), "")
    other = draw.pick(words("street" if street else "town"))
    other = other + (word[len(word) - len(ending) :].lower() if ending else "")
    return other.upper() if word.isupper() and len(word) > 1 else other
