"""From bytes to text: UTF-8, UTF-16, UTF-32 and windows-1252; other code pages where their letters make one language.

A code page cannot be told for certain from its bytes: one that was concluded is named, so that a person can look, and one
that could as well be another is refused rather than read as mojibake.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass

from retrieval.documents.alphabets import PAGES, spoken

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_SAMPLE = 100_000  # bytes that a conclusion is drawn from
_CHAOS, _COHERENT = 0.02, 0.3  # of charset-normalizer: at most so much nonsense, at least so many letters as a language has
_UNSPACED = frozenset({"Chinese", "Japanese", "Korean"})  # whose letters are too many to count
_FEW = 0.002  # of the bytes: damaged ones that a UTF-8 text may hold
_FOREIGN = 0.01  # of the letters: an English text's that are not a to z, in its names
_ODD = re.compile(r"(?<=[a-zà-öø-ÿ])[A-ZÀ-ÖØ-ÞŽŠŸ¡-¿‚-›ˆ˜€™‰†‡•](?=[a-zà-öø-ÿ])")
_ENGLISH = re.compile(r"\b(?:the|of|and|to|in|is|for|that|with)\b", re.I)
_KANA, _HALF_KANA = re.compile("[\u3041-\u30ff]"), re.compile("[\uff61-\uff9f]")
_JAPANESE = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff01-\uff5e]")


class UnknownEncoding(ValueError):
    """The bytes are text of no encoding that is read, or no text; the message says which and what to do."""


@dataclass(frozen=True)
class Decoded:
    """concluded: the code page, where nothing but the letters told it; else ''."""

    text: str
    concluded: str = ""


def decoded(content: bytes) -> str:
    """Raises UnknownEncoding."""
    return decoded_as(content).text


def decoded_as(content: bytes) -> Decoded:
    """Raises UnknownEncoding."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            found = Decoded(content.decode(encoding, errors="replace"))
            break
    else:
        found = _wide(content) if b"\x00" in content else _unmarked(content)
    if "\x00" in found.text:
        raise UnknownEncoding("looks binary, not text; check its suffix")
    return found


def _wide(content: bytes) -> Decoded:
    """UTF-16 without its mark, in the order of bytes that makes more letters of ASCII. Raises UnknownEncoding."""
    halves = (content[1::2].count(0), content[0::2].count(0))  # a letter of ASCII is a NUL and itself
    page = "utf-16-le" if halves[0] >= halves[1] else "utf-16-be"
    if max(halves) > len(content) / 10 or not _is_utf8(content):
        text = _read_as(content, page)
        if text and not any(unicodedata.category(c) in ("Cn", "Co", "Cc") and c not in "\t\n\r\f" for c in text):
            return Decoded(text, page)
    raise UnknownEncoding("looks binary, or is UTF-16 without its mark and damaged; check its suffix, or save it as UTF-8")


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _unmarked(content: bytes) -> Decoded:
    text = content.decode("utf-8", errors="replace")
    bad = text.count("\ufffd") - content.count("\ufffd".encode())
    high = sum(byte > 127 for byte in content)
    if bad == 0 or (bad <= max(1, _FEW * len(content)) and high > 3 * bad):
        return Decoded(text)
    sample = content if len(content) <= _SAMPLE else content[:_SAMPLE].rsplit(b"\n", 1)[0]
    page = _japanese(sample) or _latin(sample)
    if page == "cp1252" and (western := _read_as(content, page)):
        return Decoded(western)
    if page and (found := _read_as(content, page)):
        return Decoded(unicodedata.normalize("NFC", found), page)
    western = _read_as(content, "cp1252")
    letters = sum(byte > 64 for byte in content)
    if not western or high > 0.25 * letters or len(_ODD.findall(western)) > 0.05 * high:
        return _concluded(content, sample)
    return Decoded(western)


def _read_as(content: bytes, page: str) -> str:
    """The text; '' where the code page has no such bytes."""
    try:
        return content.decode(page)
    except UnicodeDecodeError:
        return ""


def _begun(sample: bytes, page: str) -> str:
    """The same of a sample, which may end within a letter."""
    try:
        return codecs.getincrementaldecoder(page)().decode(sample)
    except UnicodeDecodeError:
        return ""


def _japanese(sample: bytes) -> str:
    """Shift-JIS or EUC-JP, by kana: no text of another encoding turns into so many of them. '' for neither."""
    for page in ("cp932", "euc_jp"):
        text = _begun(sample, page)
        wide = sum(not c.isascii() for c in text)
        kana, half, usual = (len(one.findall(text)) for one in (_KANA, _HALF_KANA, _JAPANESE))
        if wide and kana > 0.2 * wide and usual >= 0.97 * wide and half <= 0.02 * wide:
            return page
    return ""


def _latin(sample: bytes) -> str:
    """The code page in which the text reads as one language of the Latin alphabet; '' where none does, or two do as well."""
    western = _begun(sample, "cp1252")
    letters = [c for c in western if c.isalpha()]
    beside = sum(not c.isascii() for c in letters)
    if western and beside <= _FOREIGN * len(letters) and len(_ENGLISH.findall(western)) > 0.05 * len(western.split()):
        return ""  # English, with foreign names: nothing tells whose
    found: dict[str, tuple[float, str]] = {}
    for page in PAGES:
        text = _begun(sample, page)
        if text and (share := spoken(text, page)) is not None and share > found.get(text, (-1.0, ""))[0]:
            found[text] = (share, page)
    ranked = sorted(found.values(), key=lambda one: (-one[0], PAGES.index(one[1])))
    if len(ranked) > 1 and ranked[1][0] > 0.7 * ranked[0][0] and ranked[0][1] != "cp1252":
        return ""
    return ranked[0][1] if ranked else ""


def _concluded(content: bytes, sample: bytes) -> Decoded:
    """By the words and letters that each code page would make. Raises UnknownEncoding where two make as good ones."""
    from charset_normalizer import from_bytes

    found = [one for one in from_bytes(sample) if one.encoding not in ("cp1252", "johab")]  # looked at; used by nobody
    refused = UnknownEncoding("is neither UTF-8 nor windows-1252 text; save it as UTF-8")
    if not found or found[0].chaos > _CHAOS or (found[0].coherence < _COHERENT and found[0].language not in _UNSPACED):
        raise refused
    best = found[0]
    for other in found[1:]:
        as_good = other.chaos <= best.chaos + _CHAOS and other.coherence >= best.coherence - _COHERENT / 2
        if as_good and str(other) != str(best):
            raise refused
    try:
        return Decoded(content.decode(best.encoding), best.encoding)
    except UnicodeDecodeError:
        raise refused from None
