"""Money's numbers and the state's: cards, IBANs, accounts, social security, tax and health numbers.

Invariant: what a checksum can prove is proven by it; what no checksum covers needs its cue beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from moderation.pii.recognisers.base import CUED, PROVEN, SHAPED, SpanRecogniser, cue_before, numbers_a_thing
from moderation.pii.recognisers.check_digits import luhn
from moderation.types import PiiSpan

_CARD = re.compile(r"(?<![\w.,+-])(?<![$€£] )\d(?:[ .\-–/]{0,2}\d){11,18}(?![\w%])(?![.,-]\d)")
_CARD_CUE = re.compile(r"\b(?:cards?|cc|visa|master ?card|amex|american express|maestro|discover|pan)\b", re.I)
# ISO/IEC 7812 ranges in use: Visa, Mastercard, Amex, Diners, Discover, JCB, UnionPay, Maestro.
_CARD_RANGE = re.compile(r"4|5[0-9]|2[2-7]|3[0-9]|6[0-9]")

# ISO 13616: the length of an IBAN by country.
_IBAN_LENGTH = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18,
    "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29,
    "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ \-]?\d{2}(?=[ \-.]?[A-Za-z0-9])")
_IBAN_CUE = re.compile(r"\biban\b", re.I)

_SSN = re.compile(r"(?<![\w.-])\d{3}([- .])\d{2}\1\d{4}(?![\w-])(?!\.\d)|(?<![\w.-])\d{9}(?![\w-])")
_SSN_CUE = re.compile(r"\b(?:ssns?|social[- ]security|soc(?:ial)? sec|itin|tax(?:payer)? id)\b", re.I)

_SORT = re.compile(r"(?<![\w-])\d{2}([- ]?)\d{2}\1\d{2}(?![\w-])")
_SORT_CUE = re.compile(r"\bsort(?:ing)?[- ]?code\b", re.I)
_ACCOUNT = re.compile(r"(?<![\w.,$€£-])\d(?:[ -]?\d){5,16}(?![\w%])(?![.,-]\d)")
_ACCOUNT_CUE = re.compile(
    r"\b(?:accounts?|acct|a/c|konto(?:nummer)?|compte|cuenta|conto|routing|aba|bank)\b(?:\W{0,3}(?:number|numbers|no|num|nr|id"
    r"|ending|code)\b)?"
    r"\W{0,3}(?:(?:is|are|was|my|the|ist|lautet|est|es|è)\W{1,2})?(?:\d[\d -]{3,11}\W{1,3})?$",
    re.I,
)

_NINO = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)",
    re.I,
)
_NHS = re.compile(r"(?<![\w.-])\d{3}[ -]?\d{3}[ -]?\d{4}(?![\w-])(?!\.\d)")
_NHS_CUE = re.compile(r"\b(?:nhs|national health|health(?:care)? (?:service )?number|patient (?:number|id))\b", re.I)


class CardRecogniser(SpanRecogniser):
    finds = ("CREDIT_CARD",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _CARD.finditer(text):
            digits = re.sub(r"\D", "", match.group())
            if not _CARD_RANGE.match(digits) or len(set(digits)) == 1:
                continue
            if len(digits) >= 13 and luhn(digits):
                yield PiiSpan(match.start(), match.end(), "CREDIT_CARD", PROVEN)
            elif cue_before(text, match.start(), _CARD_CUE):
                yield PiiSpan(match.start(), match.end(), "CREDIT_CARD", CUED)


class IbanRecogniser(SpanRecogniser):
    """IBANs in any case, with spaces, hyphens or dots, by the country's length and mod 97 (ISO 7064)."""

    finds = ("IBAN_CODE",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _IBAN.finditer(text):
            length = _IBAN_LENGTH.get(text[match.start() : match.start() + 2].upper())
            if length is None:
                continue
            end, code = _take(text, match.start(), length)
            if len(code) < length or (end < len(text) and text[end].isalnum()):
                continue
            if mod97(code):
                yield PiiSpan(match.start(), end, "IBAN_CODE", PROVEN)
            elif sum(c.isdigit() for c in code) >= 10 and cue_before(text, match.start(), _IBAN_CUE):
                yield PiiSpan(match.start(), end, "IBAN_CODE", CUED)


class SocialSecurityRecogniser(SpanRecogniser):
    """US social security numbers by their shape 3-2-4; nine digits in a row only beside a cue."""

    finds = ("US_SSN",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _SSN.finditer(text):
            digits = re.sub(r"\D", "", match.group())
            if digits[:3] == "000" or digits[3:5] == "00" or digits[5:] == "0000":
                continue
            if cue_before(text, match.start(), _SSN_CUE):
                yield PiiSpan(match.start(), match.end(), "US_SSN", PROVEN)
            elif match.group(1) == "-" and not numbers_a_thing(text, match.start()):
                yield PiiSpan(match.start(), match.end(), "US_SSN", CUED)


class AccountRecogniser(SpanRecogniser):
    """Sort codes and account or routing numbers, which nothing but their cue tells from any other figure."""

    finds = ("BANK_ACCOUNT", "UK_SORT_CODE")

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _SORT.finditer(text):
            if cue_before(text, match.start(), _SORT_CUE, 24):
                yield PiiSpan(match.start(), match.end(), "UK_SORT_CODE", CUED)
        for match in _ACCOUNT.finditer(text):
            if cue_before(text, match.start(), _ACCOUNT_CUE, 40):
                yield PiiSpan(match.start(), match.end(), "BANK_ACCOUNT", CUED)


class UnitedKingdomRecogniser(SpanRecogniser):
    """National Insurance numbers by their alphabet, NHS numbers by cue and check digit (mod 11)."""

    finds = ("UK_NINO", "UK_NHS")

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _NINO.finditer(text):
            yield PiiSpan(match.start(), match.end(), "UK_NINO", CUED)
        for match in _NHS.finditer(text):
            cued = cue_before(text, match.start(), _NHS_CUE)
            if cued or (" " in match.group() and _NHS_CUE.search(text, match.end(), match.end() + 24)):
                proven = mod11(re.sub(r"\D", "", match.group()))
                yield PiiSpan(match.start(), match.end(), "UK_NHS", PROVEN if proven else SHAPED)


def mod97(iban: str) -> bool:
    """ISO 7064 mod 97-10 over letters as 10 to 35."""
    turned = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def mod11(digits: str) -> bool:
    """The NHS number's check digit: weights 10 to 2, remainder from 11."""
    return sum(int(d) * w for d, w in zip(digits, range(10, 0, -1), strict=False)) % 11 == 0


def _take(text: str, start: int, count: int) -> tuple[int, str]:
    """`count` ASCII letters or digits from `start` on, single separators between them skipped: (end, characters)."""
    taken: list[str] = []
    at = start
    while at < len(text) and len(taken) < count:
        char = text[at]
        if char.isascii() and char.isalnum():
            taken.append(char)
        elif not (char in " -.\u00a0" and at + 1 < len(text) and text[at + 1].isalnum()):
            break
        at += 1
    return at, "".join(taken)
