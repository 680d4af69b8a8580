"""How to reach someone: e-mail, web and IP addresses, telephone numbers.

Invariant: the public-suffix list is the snapshot inside tldextract's package; nothing is ever downloaded or written.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import phonenumbers
import tldextract

from moderation.pii.recognisers.base import CUED, PROVEN, SHAPED, SpanRecogniser, cue_after, cue_before, numbers_a_thing
from moderation.types import PiiSpan

_MAIL = re.compile(r"(?<![\w.+-])[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]*@[\w-]+(?:\.[\w-]+)+", re.UNICODE)
_SCHEME = re.compile(r"\b(?:https?|ftp)://[^\s<>\"'\\)\]}]+", re.I)
_BARE = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}(?![\w@-])(?:/[^\s<>\"'\\)\]}]*)?",
    re.I,
)
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)(?:/\d{1,2})?")
_NUMBERED = re.compile(
    r"(?:\b(?:sections?|versions?|chapters?|clauses?|articles?|paragraphs?|para|releases?|items?|notes?)|§)\W{0,2}v?$",
    re.I,
)
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9a-f:]*:[0-9a-f:]*:)[0-9a-f:]{3,39}(?:%\w+)?(?![\w:])", re.I)

_PHONE = re.compile(
    r"(?<![\w@#/.:$€£+-])(?<!\d,)(?<![$€£] )(?:\+"
    r"|\(\+)?\(?\d(?:[ \u00a0.\-–/()]{0,3}\d){5,16}\)?(?:\s?(?:x|ext\.?"
    r"|extension)\s?\d{1,6})?(?![\w%])(?![.,:/-]\d)",
    re.I,
)
_PHONE_CUE = re.compile(
    r"\b(?:(?:tele)?phones?|tel|mobile|mob|cell(?:phone|ular)?|fax|whatsapp|hotline|land ?line|handy"
    r"|telefon|téléphone|teléfono"
    r"|dial|ring|text|sms|reach|contact|answering|(?:call|calling|called|phoning)(?: (?:me|us|him|her|them"
    r"|back|at|on|to|this|number))*"
    r"|(?:phone|mobile|fax|contact|cell|office|home|work) ?(?:number|no|#)|my number|his number|her number"
    r"|new number)\b[^\d\n]{0,24}$",
    re.I,
)
_PHONE_AFTER = re.compile(r"[ \t]*[-–(,]?[ \t]*(?:tel|phone|office|mobile|fax|cell|home|work)\b", re.I)
_NANP = re.compile(r"(?:(?:\+|00)?1[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]\d{4}|(?:\+|001|1)[ .-]?\d{3}[ .-]\d{3}[ .-]\d{4}")
_TRUNK = re.compile(r"\(?0\d{1,4}\)?[ .\-/]\(?\d[\d .\-/()]{4,14}")
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension)\s?\d{1,6}$", re.I)
_MONEY = re.compile(r" ?(?:million|billion|mn|bn|%|percent|bps|usd|eur|gbp|chf|dollars|euros|pounds|shares|units)\b", re.I)
_DATELIKE = re.compile(r"(?:19|20)\d{2}(?:[-/. –](?:\d{1,2}|(?:19|20)\d{2}))*|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")
_UNIT = re.compile(r"\b(?:suite|apt|apartment|unit|flat|floor|room|box|psc)\.? ?#?$", re.I)
_YEARS = re.compile(r"(?:(?:19|20)\d{2}\D{1,3})+(?:19|20)\d{2}")
_REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "CH", "NL", "AU", "IN")


class MailRecogniser(SpanRecogniser):
    finds = ("EMAIL_ADDRESS",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        if "@" not in text:
            return
        for match in _MAIL.finditer(text):
            end = match.end() - (len(match.group()) - len(match.group().rstrip("-_.")))
            host = text[match.start() : end].rsplit("@", 1)[1]
            known = bool(suffixes()(host).suffix)
            yield PiiSpan(match.start(), end, "EMAIL_ADDRESS", PROVEN if known else CUED)


class WebRecogniser(SpanRecogniser):
    """URLs by their scheme, bare domains by the public-suffix snapshot."""

    finds = ("DOMAIN_NAME",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        if "." not in text:
            return
        for match in _SCHEME.finditer(text):
            end = match.start() + len(match.group().rstrip(".,;:!?"))
            yield PiiSpan(match.start(), end, "DOMAIN_NAME", PROVEN)
        for match in _BARE.finditer(text):
            shown = match.group().rstrip(".,;:!?")
            host = shown.split("/", 1)[0]
            if host.islower() or host.lower().startswith("www."):
                parts = suffixes()(host)
                if parts.suffix and len(parts.domain) > 1:
                    yield PiiSpan(match.start(), match.start() + len(shown), "DOMAIN_NAME", CUED)


class InternetRecogniser(SpanRecogniser):
    finds = ("IP_ADDRESS",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for pattern in (_IPV4, _IPV6):
            for match in pattern.finditer(text):
                try:
                    ipaddress.ip_address(match.group().split("/")[0].split("%")[0])
                except ValueError:
                    continue
                if not cue_before(text, match.start(), _NUMBERED, 20):
                    yield PiiSpan(match.start(), match.end(), "IP_ADDRESS", PROVEN)


class PhoneRecogniser(SpanRecogniser):
    """Telephone numbers: a national or international form is enough, any other digits need a cue beside them."""

    finds = ("PHONE_NUMBER",)

    def spans(self, text: str) -> Iterator[PiiSpan]:
        for match in _PHONE.finditer(text):
            shown = match.group()
            start, end = match.start(), match.end()
            if shown.endswith(")") and "(" not in shown:
                shown, end = shown[:-1], end - 1
            number = _EXTENSION.sub("", shown)
            score = self._score(text, start, end, number, len(shown) > len(number))
            if score:
                yield PiiSpan(start, end, "PHONE_NUMBER", score)

    def _score(self, text: str, start: int, end: int, number: str, extended: bool) -> float:
        digits = re.sub(r"\D", "", number)
        if _MONEY.match(text, end) or _DATELIKE.fullmatch(number) or _YEARS.fullmatch(number):
            return 0.0
        cued = cue_before(text, start, _PHONE_CUE) or cue_after(text, end, _PHONE_AFTER)
        if number.lstrip("(").startswith("+") or (digits.startswith("00") and len(digits) >= 10):
            return PROVEN if _possible(number) else CUED if len(digits) >= 8 else 0.0
        if cued and 6 <= len(digits) <= 15:
            return CUED
        if _NANP.fullmatch(number) and (extended or re.search(r"\D", number)):
            return CUED
        if numbers_a_thing(text, start):
            return 0.0
        if _TRUNK.fullmatch(number) and 8 <= len(digits) <= 12:
            return SHAPED
        if re.search(r"[() -]", number) and 9 <= len(digits) <= 12 and not re.fullmatch(r"\d{1,3}(?:[ .]\d{3})+", number):
            placed = not cue_before(text, start, _UNIT, 12) and any(_valid(number, region) for region in _REGIONS)
            return SHAPED if placed else 0.0
        return 0.0


@cache
def suffixes() -> Any:
    """The public-suffix snapshot; no list is fetched and no cache directory is made."""
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True)
    return extract.extract_str


def _possible(number: str) -> bool:
    try:
        shown = re.sub(r"^\(?(?:\+|00)", "+", number)
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(shown, None)))
    except phonenumbers.NumberParseException:
        return False


def _valid(number: str, region: str) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number, region)))
    except phonenumbers.NumberParseException:
        return False
