"""False cards, IBANs, accounts and coins' addresses: well formed, and nobody's.

Invariant: an IBAN satisfies ISO 7064 mod 97-10 and names a bank that does not exist (a bank code of noughts, or of X), a
card satisfies ISO/IEC 7812 (Luhn) and begins as the numbers do that payment networks publish for tests.
"""

from __future__ import annotations

import hashlib
import re

from moderation.pii.recognisers.check_digits import luhn
from moderation.pii.surrogates.draw import Draw

# The first six digits of published test numbers, by what real numbers of the network begin with.
_TEST_RANGES = (
    (re.compile(r"3[47]"), ("378282", "371449", "378734")),  # American Express
    (re.compile(r"3(?:0|6|8|9)"), ("305693", "385200")),  # Diners Club
    (re.compile(r"35"), ("353011", "356600")),  # JCB
    (re.compile(r"5[1-5]|2[2-7]"), ("555555", "222300", "510510", "520082")),  # Mastercard
    (re.compile(r"62"), ("620000",)),  # UnionPay
    (re.compile(r"6011|64[4-9]|65"), ("601111", "601100")),  # Discover
    (re.compile(r"5[06-9]|6"), ("675964", "501800")),  # Maestro
    (re.compile(r""), ("411111", "424242", "400000", "401288")),  # Visa, and what nobody knows
)
# How many characters after the check digits name the bank and its branch (IBAN registry, BBAN structures).
_BANK = {
    "AT": 5, "BE": 3, "CH": 5, "CY": 8, "CZ": 4, "DE": 8, "DK": 4, "EE": 2, "ES": 8, "FI": 3, "FR": 10, "GB": 10, "GR": 7,
    "HR": 7, "HU": 7, "IE": 10, "IS": 4, "IT": 11, "LI": 5, "LT": 5, "LU": 3, "LV": 4, "MC": 10, "MT": 9, "NL": 4, "NO": 4,
    "PL": 8, "PT": 8, "RO": 4, "SE": 3, "SI": 5, "SK": 4, "SM": 11, "AE": 3, "SA": 2, "TR": 5, "IL": 6,
}  # fmt: skip
_BECH = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def card(original: str, draw: Draw) -> str:
    """Of the same network and length, in groups as the original."""
    digits = re.sub(r"\D", "", original)
    begins = next(ranges for pattern, ranges in _TEST_RANGES if pattern.match(digits))
    body = draw.pick(begins) + draw.digits(len(digits) - 7)
    return _shaped(original, body + next(c for c in "0123456789" if luhn(body + c)))


def iban(original: str, draw: Draw) -> str:
    """Of the same country and length. National check digits inside it are left to chance: no bank could open it."""
    code = "".join(c for c in original if c.isalnum()).upper()
    country, bban = code[:2], code[4:]
    bank = _BANK.get(country, 3)
    nobody = "".join("0" if c.isdigit() else "X" for c in bban[:bank])
    account = draw.like(bban[bank:])
    rest = int("".join(str(int(c, 36)) for c in f"{nobody}{account}{country}00"))
    return _shaped(original, f"{country}{98 - rest % 97:02d}{nobody}{account}")


def account(original: str, draw: Draw) -> str:
    """As many digits, beginning with two noughts where there is room: no bank numbers an account so."""
    plain = draw.like(original)
    wanted = 2 if sum(c.isdigit() for c in original) >= 8 else 0
    out, noughts = [], 0
    for character in plain:
        if character.isdigit() and noughts < wanted:
            noughts += 1
            character = "0"
        out.append(character)
    return "".join(out)


def sort_code(original: str, draw: Draw) -> str:
    """Beginning with 00, which is given to no British bank."""
    return _shaped(original, "00" + draw.digits(4))


def coin(original: str, draw: Draw) -> str:
    """An address whose checksum is right and whose key nobody has: the hash inside is drawn, no key was ever made.

    Segwit (BIP 173), base58check (Bitcoin and its kin), or 0x with forty hexadecimal digits in lower case."""
    if re.match(r"(?:bc1|tb1)", original, re.I):
        return _segwit(original[:2].lower(), draw)
    if original[:2].lower() == "0x":
        return "0x" + draw.letters(40, "0123456789abcdef")
    version = {"1": 0, "3": 5, "L": 48, "M": 50, "D": 30}.get(original[:1], 0)
    payload = bytes([version]) + bytes(draw.below(256) for _ in range(20))
    payload += hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, text = int.from_bytes(payload, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return "1" * (len(payload) - len(payload.lstrip(b"\x00"))) + text


def _segwit(human: str, draw: Draw) -> str:
    """Version 0, twenty bytes: thirty-two groups of five bits."""
    data = [0, *(draw.below(32) for _ in range(32))]
    expanded = [ord(c) >> 5 for c in human] + [0] + [ord(c) & 31 for c in human]
    check = _polymod([*expanded, *data, 0, 0, 0, 0, 0, 0]) ^ 1
    return human + "1" + "".join(_BECH[d] for d in [*data, *((check >> 5 * (5 - i)) & 31 for i in range(6))])


def _polymod(values: list[int]) -> int:
    """BIP 173's checksum."""
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if (top >> bit) & 1 else 0
    return check


def _shaped(original: str, characters: str) -> str:
    """The characters with the original's separators between them."""
    rest = iter(characters)
    return "".join(next(rest, "") if c.isalnum() else c for c in original) + "".join(rest)
