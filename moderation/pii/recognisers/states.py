"""The numbers that the states of the European Union and the United Kingdom know a person by, with their check digits.

A number is taken beside its cue, in its country's language or in English; where its form and its check digit together are
unmistakable (Finland's, the Czech birth number with its slash, France's social security number) also without one.
Spain's NIF and NIE and Italy's codice fiscale are Presidio's own recognisers (stock.py).
Invariant: without a cue nothing is taken that its check digit does not prove.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from moderation.pii.recognisers import check_digits as checks
from moderation.pii.recognisers.base import PROVEN, SHAPED, SpanRecogniser
from moderation.types import PiiSpan

_EDGE, _END = r"(?<![\w.,$€£-])(?<![$€£] )", r"(?![\w-])(?![.,]\d)"
_SEPARATORS = re.compile(r"[\s./-]")


@dataclass(frozen=True)
class Number:
    """One state's number. form: with its separators; check: over the form without them, None where no digit checks; bare:
    whether it is told without its cue."""

    entity: str
    cue: re.Pattern[str]
    form: re.Pattern[str]
    check: Callable[[str], bool] | None
    bare: bool = False
    kept: str = ""  # a separator that belongs to the number


def _number(
    entity: str, cue: str, form: str, check: Callable[[str], bool] | None, *, bare: bool = False, kept: str = ""
) -> Number:
    return Number(entity, re.compile(rf"\b(?:{cue})\b", re.I), re.compile(_EDGE + form + _END, re.I), check, bare, kept)


NUMBERS = (
    _number("NATIONAL_ID", r"sozialversicherungs(?:nummer|nr)|svnr|sv-nummer", r"\d{4} ?\d{6}", checks.austria),
    _number("TAX_ID", r"abgabenkonto(?:nummer)?|steuernummer", r"\d{2}[ -]?\d{3}/?\d{4}", None),
    _number("NATIONAL_ID", r"rijksregister(?:nummer)?|registre national|nrn|national number|niss|insz",
            r"\d{2}\.?\d{2}\.?\d{2}[ -]?\d{3}[ .]?\d{2}", checks.belgium),
    _number("NATIONAL_ID", r"rijksregister|registre national", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", checks.belgium,
            bare=True),
    _number("NATIONAL_ID", r"егн|egn|единен граждански номер", r"\d{10}", checks.bulgaria),
    _number("TAX_ID", r"tic|αφτ|tax identification code", r"\d{8}[A-Z]", checks.cyprus),
    _number("NATIONAL_ID", r"rodn[eé] [cč][ií]slo|birth number|r\.?[cč]\.?", r"\d{6}/?\d{3,4}", checks.czechia),
    _number("NATIONAL_ID", r"rodn[eé] [cč][ií]slo", r"\d{6}/\d{4}", checks.czechia, bare=True),
    _number("TAX_ID", r"steuer-?id(?:entifikationsnummer|nr|-nr)?\.?|idnr|tax id|steuerliche identifikationsnummer|tin",
            r"\d{2} ?\d{3} ?\d{3} ?\d{3}", checks.germany),
    _number("TAX_ID", r"cpr(?:-?(?:nummer|nr|number))?|personnummer", r"\d{6}-?\d{4}", checks.denmark),
    _number("NATIONAL_ID", r"isikukood|asmens kodas|personal code|personal identification code", r"[1-8]\d{10}",
            checks.estonia),
    _number("NATIONAL_ID", r"henkilötunnus|hetu|personal identity code", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", checks.finland,
            bare=True, kept="-+"),
    _number("TAX_ID", r"num[ée]ro fiscal|spi|r[ée]f[ée]rence fiscale|nif", r"[0-3]\d ?\d{2} ?\d{3} ?\d{3} ?\d{3}",
            checks.france),
    _number("NATIONAL_ID", r"s[ée]curit[ée] sociale|nir|carte vitale",
            r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", checks.french_security,
            bare=True),
    _number("TAX_ID", r"αφμ|α\.φ\.μ\.|afm|tax number", r"\d{9}", checks.greece),
    _number("TAX_ID", r"oib|osobni identifikacijski broj", r"\d{11}", checks.mod_11_10),
    _number("TAX_ID", r"ad[oó]azonos[ií]t[oó](?: jel)?|tax id(?:entification)?", r"8\d{9}", checks.hungary),
    _number("TAX_ID", r"pps(?:n| number| no)?|personal public service", r"\d{7}[A-W][A-IW]?", checks.ireland),
    _number("NATIONAL_ID", r"personas kods|personal code", r"\d{6}-?\d{5}", checks.latvia),
    _number("NATIONAL_ID", r"matricule|num[ée]ro d'identification national", r"(?:19|20)\d{2} ?\d{4} ?\d{5}",
            checks.luxembourg),
    _number("NATIONAL_ID", r"id card|identity card|karta tal-identit[aà]|id number", r"\d{3,7}[MGAPLHBZ]", None),
    _number("TAX_ID", r"bsn|burgerservicenummer|sofi-?nummer", r"\d{3}\.?\d{3}\.?\d{3}|\d{4}\.\d{2}\.\d{3}",
            checks.netherlands),
    _number("TAX_ID", r"pesel", r"\d{11}", checks.poland),
    _number("TAX_ID", r"nip", r"\d{3}-?\d{3}-?\d{2}-?\d{2}|\d{3}-\d{2}-\d{2}-\d{3}", checks.polish_tax),
    _number("TAX_ID", r"nif|contribuinte|n[uú]mero de identifica[cç][aã]o fiscal", r"\d{3} ?\d{3} ?\d{3}", checks.portugal),
    _number("NATIONAL_ID", r"cnp|cod numeric personal", r"[1-9]\d{12}", checks.romania),
    _number("TAX_ID", r"dav[cč]na(?: [sš]tevilka)?|tax number", r"\d{8}", checks.slovenia),
    _number("TAX_ID", r"personnummer|samordningsnummer|personal identity number", r"(?:\d{2})?\d{6}[-+]?\d{4}",
            checks.sweden),
    _number("TAX_ID", r"utr|unique taxpayer reference|self[- ]assessment|tax reference", r"\d{5} ?\d{5}",
            checks.united_kingdom),
    # The form of a British driving licence: five letters of the surname, the birth date among digits, initials.
    _number("US_DRIVER_LICENSE", r"driving licence",
            r"[A-Z9]{5}\d[0156]\d(?:[0-2]\d|3[01])\d[A-Z9]{2}\d[A-Z]{2}(?: ?\d{2})?",
            lambda _: True, bare=True),
)  # fmt: skip
_WINDOW, _LONGEST = 48, 40  # how far behind its cue a number begins, and how long it is at most


class StateRecogniser(SpanRecogniser):
    finds = ("TAX_ID", "NATIONAL_ID", "US_DRIVER_LICENSE")

    def spans(self, text: str) -> Iterator[PiiSpan]:
        if not any(c.isdigit() for c in text):
            return
        for number in NUMBERS:
            cues = [match.end() for match in number.cue.finditer(text)]
            if number.bare:
                yield from self._read(number, text, 0, len(text), cued=False)
            for end in cues:
                yield from self._read(number, text, end, min(len(text), end + _WINDOW), cued=True)

    @staticmethod
    def _read(number: Number, text: str, start: int, end: int, *, cued: bool) -> Iterator[PiiSpan]:
        for match in number.form.finditer(text, start, min(len(text), end + _LONGEST)):
            if match.start() > end:
                return
            code = _SEPARATORS.sub(lambda m: m.group() if m.group() in number.kept else "", match.group()).upper()
            proven = number.check is not None and code.isascii() and number.check(code)
            if proven or cued:
                yield PiiSpan(match.start(), match.end(), number.entity, PROVEN if proven else SHAPED)
            if cued:
                return
