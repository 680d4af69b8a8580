"""False telephones, e-mail addresses, web sites and hosts, from what is set aside for fiction and documentation.

Telephones: 555-0100 to 555-0199 (North American Numbering Plan), Ofcom's and ComReg's numbers for drama, the
Bundesnetzagentur's numbers for media productions (Mitteilung 148/2021), ARCEP's blocks for audiovisual works, ACMA's and
PTS's numbers for fiction.
Elsewhere a number that the numbering plan has room for and has not given out. Names: RFC 2606. Hosts: RFC 5737, RFC 3849.
"""

from __future__ import annotations

import re

import phonenumbers

from moderation.pii.surrogates.draw import Draw

# Country code to (area or network code as dialled after the trunk prefix, subscriber number with x for a free digit).
_FICTION: dict[int, tuple[tuple[str, str], ...]] = {
    44: (("20", "7946 0xxx"), ("113", "496 0xxx"), ("117", "496 0xxx"), ("121", "496 0xxx"), ("161", "496 0xxx"),
         ("131", "496 0xxx"), ("1632", "960xxx"), ("7700", "900xxx")),
    49: (("30", "23125xxx"), ("69", "90009xxx"), ("40", "66969xxx"), ("221", "4710xxx"), ("89", "99998xxx")),
    33: (("1", "99 00 xx xx"), ("2", "61 91 xx xx"), ("3", "53 01 xx xx"), ("4", "65 71 xx xx"), ("5", "36 49 xx xx"),
         ("6", "39 98 xx xx")),
    61: (("2", "5550 xxxx"), ("3", "5550 xxxx"), ("7", "5550 xxxx"), ("8", "5550 xxxx")),
    353: (("20", "91x xxxx"),),
    46: (("8", "465 004 xx"), ("31", "390 06 xx"), ("40", "628 04 xx")),
}  # fmt: skip
_AREAS = ("202", "206", "212", "213", "303", "305", "312", "313", "404", "415", "416", "503", "512", "514", "604", "602",
          "612", "617", "702", "713", "718", "773", "808", "901", "916")  # fmt: skip
_HOMES = ("example.org", "example.com", "example.net")
_BOXES = ("post", "mail", "inbox", "letter", "desk", "contact")


def phone(original: str, draw: Draw) -> str | None:
    """A number of the same country, written as an international or as a national one, as the original was."""
    number = _parsed(original)
    if number is None:
        return None
    country, abroad = number.country_code or 0, bool(re.match(r"\s*\(?(?:\+|00)", original))
    if country == 1:
        area, line = draw.pick(_AREAS), f"555-01{draw.digits(2)}"
        return f"+1 {area}-{line}" if abroad else f"({area}) {line}"
    if country in _FICTION:
        area, mask = draw.pick(_FICTION[country])
        line = "".join(draw.digits(1) if c == "x" else c for c in mask)
        return f"+{country} {area} {line}" if abroad else f"0{area} {line}"
    return _unassigned(number, abroad, draw)


def phone_spellings(shown: str) -> set[str]:
    """The digits of `shown` as dialled from home and from abroad."""
    number = _parsed(shown)
    if number is None:
        return {shown}
    home = phonenumbers.national_significant_number(number)
    forms = {f"{number.country_code}{home}", f"00{number.country_code}{home}", f"0{home}"}
    return forms | ({home} if number.country_code == 1 else {f"{number.country_code}0{home}"})


def email(original: str, draw: Draw) -> str:
    return f"{draw.pick(_BOXES)}.{_code(draw)}@{draw.pick(_HOMES)}"


def site(original: str, draw: Draw) -> str:
    """A host under .example, with the original's scheme and nothing of its path."""
    scheme = re.match(r"[a-z]+://", original, re.I)
    return f"{scheme.group() if scheme else ''}site-{_code(draw)}.example"


def host(original: str, draw: Draw) -> str:
    """An address of a documentation block (RFC 5737: 192.0.2.0/24 and two more; RFC 3849: 2001:db8::/32)."""
    if ":" in original:
        groups = ":".join(f"{draw.below(0xFFFF) + 1:x}" for _ in range(4))
        return f"2001:db8::{groups}"
    return f"{draw.pick(('192.0.2', '198.51.100', '203.0.113'))}.{1 + draw.below(254)}"


def _code(draw: Draw) -> str:
    return draw.letters(2, "bcdfghjkmnpqrtvw") + draw.digits(3)


def _parsed(shown: str) -> phonenumbers.PhoneNumber | None:
    """Read as international, then as a number of the countries whose people write to us most: one that is in use there
    before one that merely has a right length."""
    plain = re.sub(r"^\(?\s*00", "+", shown.strip())
    possible: phonenumbers.PhoneNumber | None = None
    for region in (None, "US", "GB", "DE", "FR", "AU", "IE", "SE"):
        try:
            number = phonenumbers.parse(plain, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return number
        if possible is None and phonenumbers.is_possible_number(number) and not (region == "US" and plain[:1] == "0"):
            possible = number
    return possible


def _unassigned(number: phonenumbers.PhoneNumber, abroad: bool, draw: Draw) -> str | None:
    """A number of the same length that the country's plan allows and has not opened."""
    home = phonenumbers.national_significant_number(number)
    for _ in range(64):
        other = draw.digits(len(home))
        tried = phonenumbers.PhoneNumber(country_code=number.country_code, national_number=int(other))
        opened = other.startswith("0") or phonenumbers.is_valid_number(tried)
        if not opened and phonenumbers.is_possible_number(tried):
            return f"+{number.country_code} {other[:2]} {other[2:]}" if abroad else f"0{other[:2]} {other[2:]}"
    return None
