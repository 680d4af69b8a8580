"""False numbers of the state: right in form, and of the ranges that are never given out.

Invariant: what has a check digit has a right one, and no number here was or will be anybody's.
"""

from __future__ import annotations

import re

from moderation.pii.recognisers.accounts import mod11
from moderation.pii.surrogates.draw import Draw


def social_security(original: str, draw: Draw) -> str:
    """Area 666: never assigned, before or after randomisation (Social Security Administration, 25 June 2011)."""
    return _digits(original, f"666{1 + draw.below(99):02d}{1 + draw.below(9999):04d}")


def national_insurance(original: str, draw: Draw) -> str:
    """Prefix ZZ, one of those that are never used (HMRC, National Insurance Manual NIM39110)."""
    return _shape(original, "ZZ" + draw.digits(6) + draw.pick("ABCD"))


def health_service(original: str, draw: Draw) -> str:
    """999 000 0000 to 999 999 9999: kept for tests and never issued (NHS Data Dictionary); check digit mod 11."""
    while True:
        number = "999" + draw.digits(6)
        for last in "0123456789":
            if mod11(number + last):
                return _digits(original, number + last)


def tax(original: str, draw: Draw) -> str:
    """Of the same shape; nine digits in a row become 9xx-00-xxxx, an ITIN whose middle is never used (IRS: 50 to 99)."""
    if len(re.sub(r"\D", "", original)) == 9 and not re.search(r"[A-Za-z]", original):
        return _digits(original, f"9{draw.digits(2)}00{1 + draw.below(9999):04d}")
    return document(original, draw)


def document(original: str, draw: Draw) -> str:
    """Letters for letters and digits for digits, the first digits noughts: numbering begins above them."""
    plain = draw.like(original)
    wanted = 2 if sum(c.isdigit() for c in original) >= 6 else 0
    out, done = [], 0
    for character in plain:
        if character.isdigit() and done < wanted:
            character, done = "0", done + 1
        out.append(character)
    return "".join(out)


def _digits(original: str, digits: str) -> str:
    """The digits with the original's separators, where it has as many digits."""
    return _shape(original, digits) if len(re.sub(r"\D", "", original)) == len(digits) else digits


def _shape(original: str, characters: str) -> str:
    rest = iter(characters)
    return "".join(next(rest, "") if c.isalnum() else c for c in original) + "".join(rest)
