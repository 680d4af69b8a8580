"""Check digits of the numbers that states give to persons, as each state defines them.

The rules are those of the European Commission's TIN algorithms and of the OECD's country sheets on tax identification
numbers. Every function takes the characters of one number without separators, of the right length, letters in upper case.
Invariant: a function answers for any such string and raises nothing.
"""

from __future__ import annotations

from itertools import cycle

_FINNISH = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_IRISH = "WABCDEFGHIJKLMNOPQRSTUV"
_CYPRIOT_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ABC = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _sum(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(number, weights, strict=False))


def date(year: str, month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31 and year.isdigit()


def luhn(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for digit, twice in zip(reversed(number), cycle((False, True)), strict=False):
        value = int(digit) * (2 if twice else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod_11_10(number: str) -> bool:
    """ISO 7064 mod 11,10: Croatia's OIB, Germany's IdNr."""
    rest = 10
    for digit in number[:-1]:
        rest = (rest + int(digit)) % 10 or 10
        rest = rest * 2 % 11
    return (11 - rest) % 10 == int(number[-1])


def austria(number: str) -> bool:
    """Social insurance number: the fourth digit checks the others."""
    return _sum(number, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(number[3])


def belgium(number: str) -> bool:
    """National number; a 2 before it for those born since 2000."""
    return any(97 - int(head + number[:9]) % 97 == int(number[9:]) for head in ("", "2"))


def bulgaria(number: str) -> bool:
    return _sum(number, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(number[9])


def cyprus(number: str) -> bool:
    total = sum(_CYPRIOT_ODD[int(d)] for d in number[0:8:2]) + sum(int(d) for d in number[1:8:2])
    return _ABC[total % 26] == number[8]


def czechia(number: str) -> bool:
    """Birth number, Slovakia's too; month + 50 for women, + 20 where a day's numbers ran out."""
    month = int(number[2:4]) % 50 % 20
    if not 1 <= month <= 12 or not 1 <= int(number[4:6]) <= 31:
        return False
    rest = int(number[:9]) % 11
    return len(number) == 9 or rest % 10 == int(number[9])


def germany(number: str) -> bool:
    """IdNr: of the first ten digits one occurs twice or three times."""
    most = max(number[:10].count(d) for d in number[:10])
    return number[0] != "0" and 2 <= most <= 3 and mod_11_10(number)


def denmark(number: str) -> bool:
    """CPR numbers have had no check digit since 2007: a date is all they show."""
    return date(number[4:6], number[2:4], number[:2])


def estonia(number: str) -> bool:
    """Personal code, Lithuania's too."""
    rest = _sum(number, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = _sum(number, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return rest == int(number[10]) and date(number[1:3], number[3:5], number[5:7])


def finland(number: str) -> bool:
    digits = number[:6] + number[7:10]
    return date(number[4:6], number[2:4], number[:2]) and _FINNISH[int(digits) % 31] == number[10]


def france(number: str) -> bool:
    """SPI: the last three digits are the first ten modulo 511."""
    return int(number[:10]) % 511 == int(number[10:])


def french_security(number: str) -> bool:
    """NIR: 97 less the first thirteen modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    plain = number.replace("2A", "19", 1).replace("2B", "18", 1)
    return plain.isdigit() and 97 - int(plain[:13]) % 97 == int(plain[13:])


def greece(number: str) -> bool:
    return sum(int(d) << (8 - i) for i, d in enumerate(number[:8])) % 11 % 10 == int(number[8])


def hungary(number: str) -> bool:
    return _sum(number, tuple(range(1, 10))) % 11 == int(number[9])


def ireland(number: str) -> bool:
    second = _IRISH.find(number[8]) if len(number) > 8 else 0
    return second >= 0 and _IRISH[(_sum(number[:7], (8, 7, 6, 5, 4, 3, 2)) + 9 * second) % 23] == number[7]


def latvia(number: str) -> bool:
    """Codes since 2017 begin with 32 and have no check digit."""
    total = 1101 - _sum(number, (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return number.startswith("32") or (total % 11 % 10 == int(number[10]) and date(number[4:6], number[2:4], number[:2]))


def luxembourg(number: str) -> bool:
    """Luhn over the first twelve; the thirteenth (Verhoeff) is not looked at."""
    return luhn(number[:12]) and date(number[:4], number[4:6], number[6:8])


def netherlands(number: str) -> bool:
    return (_sum(number, (9, 8, 7, 6, 5, 4, 3, 2)) - int(number[8])) % 11 == 0 and int(number) > 0


def poland(number: str) -> bool:
    """PESEL; the month carries the century."""
    rest = _sum(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return (10 - rest) % 10 == int(number[10]) and 1 <= int(number[2:4]) % 20 <= 12


def polish_tax(number: str) -> bool:
    return _sum(number, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[9])


def portugal(number: str) -> bool:
    rest = 11 - _sum(number, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest > 9 else rest) == int(number[8])


def romania(number: str) -> bool:
    rest = _sum(number, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return (1 if rest == 10 else rest) == int(number[12]) and date(number[1:3], number[3:5], number[5:7])


def slovenia(number: str) -> bool:
    rest = 11 - _sum(number, (8, 7, 6, 5, 4, 3, 2)) % 11
    return rest % 10 == int(number[7]) and rest != 11


def sweden(number: str) -> bool:
    """Luhn over the last ten; day + 60 in a coordination number."""
    ten = number[-10:]
    return luhn(ten) and 1 <= int(ten[2:4]) <= 12 and 1 <= int(ten[4:6]) % 60 <= 31


def united_kingdom(number: str) -> bool:
    """UTR: the first digit checks the other nine."""
    return "21987654321"[_sum(number[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] == number[0]
