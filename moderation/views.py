"""The views in which a text is judged: as a reader would see it, and as it would read once decoded.

Invariant: nothing here decides; each view is plain lower-case text that the rules and heads judge alike.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_VIEW = 20_000  # characters of a decoded view that are judged; the plain view is judged whole

# Letters that look like Latin ones (Unicode confusables, the common Cyrillic and Greek).
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһӏвкмнтгзпԛԝɡαβεηικνορτυχγωаıℓ", "aeopcyxijsdhlbkmhtr3nqwgabenikvoptuxywail")
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[a-z]")
_FOREIGN = re.compile(r"[\u0370-\u052f]")
_RUN = re.compile(r"\S+")
_BLANKS = re.compile(r"[ \t]{2,}")
_WRAP = re.compile(r"(?<=[^\W\d_]|,)[ \t]*\n[ \t]*(?=[^\W\d_])")
_LEET = str.maketrans("013457@$!+|", "oieastasitl")
_LEET_DIGIT = re.compile(r"[013457@$!|]")
_ALL_LEET = re.compile(r"[a-z013457@$!|]{2,}[.,!?]*")
LONGEST_WORD = 40
_DOTTED = re.compile(r"(?<![^\W\d_])(?:[^\W\d_][.\-_*]){2,}[^\W\d_](?![^\W\d_])")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .\-_*]{1,2}){3,}[^\W_](?![^\W_])")
_SPACED_WORDS = re.compile(r"(?<![^\W_])(?:[^\W_] ){2,}[^\W_](?![^\W_])")

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{16,}={0,2}(?![A-Za-z0-9+/=])")
_BASE32 = re.compile(r"(?<![A-Z2-7=])[A-Z2-7]{16,}={0,6}(?![A-Z2-7=])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:(?:0x|\\x|%)?[0-9a-fA-F]{2}[ ,:]?){8,}(?![0-9a-fA-F])")
_BINARY = re.compile(r"(?<![01])(?:[01]{8}[ ,]?){4,}(?![01])")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}){4,}")
_COMMON = re.compile(
    r"\b(?:the|and|you|your|all|this|that|with|for|from|are|is|to|of|in|it|not|"
    r"ignore|instructions|prompt|system|previous|rules|reveal|show|tell|send)\b"
)


@dataclass(frozen=True)
class View:
    """`kind` is plain, or says how the text was obtained: flat, unmasked, base64, base32, hex, binary, …"""

    kind: str
    text: str


def plain(text: str) -> str:
    """The text as a reader sees it: NFKC, nothing invisible, look-alike letters folded, lower case."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc") or c in "\n\t")
    if text.isascii():
        return text.lower()
    text = text.lower().replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    if _FOREIGN.search(text) and _LATIN.search(text):  # bare letters only: an accent must not hide a look-alike
        text = _WORD.sub(lambda word: _skeleton(word.group()), text)
    return text


def unmasked(text: str) -> str:
    """Plain text with l33t and s p a c e d or d.o.t.t.e.d letters undone."""
    text = _DOTTED.sub(lambda word: re.sub(r"[.\-_*]", "", word.group()), text)
    text = _SPACED_WORDS.sub(lambda run: run.group().replace(" ", ""), text)
    text = _SPACED.sub(lambda run: re.sub(r"[ .\-_*]", "", run.group()), text)
    return _BLANKS.sub(" ", _RUN.sub(lambda run: _unleet(run.group()), text))


def views(text: str) -> list[View]:
    """Every view worth judging, the plain one first."""
    shown = plain(text)
    found = [View("plain", shown)]
    flat = _BLANKS.sub(" ", _WRAP.sub(" ", shown))
    if flat != shown:  # words that only blanks or a line end hold apart
        found.append(View("flat", flat))
    joined = unmasked(shown)
    if joined != shown:
        found.append(View("unmasked", joined))
        heavy = _RUN.sub(lambda run: _unleet_wholly(run.group()), joined)
        if heavy != joined:
            found.append(View("unmasked", heavy))
    for kind, decoded in _decoded(text):
        found.append(View(kind, unmasked(plain(decoded[:LONGEST_VIEW]))))
    for kind, turned in (("reversed", shown[::-1]), ("rot13", codecs.encode(shown, "rot13"))):
        if _english(turned) > max(2, 2 * _english(shown)):
            found.append(View(kind, turned[:LONGEST_VIEW]))
    return found


def windows(text: str, size: int = 1200, step: int = 900) -> list[str]:
    """Overlapping windows of a long text (the text itself if it is short)."""
    if len(text) <= size:
        return [text]
    return [text[start : start + size] for start in range(0, len(text) - (size - step), step)]


def _skeleton(word: str) -> str:
    """A word that mixes scripts, or is made of look-alikes alone, as the Latin word that it imitates."""
    if not _FOREIGN.search(word):
        return word
    folded = word.translate(_LOOKALIKES)
    return folded if folded.isascii() or _LATIN.search(word) else word


def _unleet(word: str) -> str:
    body = word.rstrip(".!?,")
    if len(body) > LONGEST_WORD or not _LEET_DIGIT.search(body) or len(_LATIN.findall(body)) < 2:
        return word
    return body.translate(_LEET) + word[len(body) :]


def _unleet_wholly(word: str) -> str:
    return word.translate(_LEET) if len(word) <= LONGEST_WORD and _ALL_LEET.fullmatch(word) else word


def _english(text: str) -> int:
    return len(_COMMON.findall(text[:LONGEST_VIEW]))


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    for kind, pattern, decode in (
        ("base64", _BASE64, _from_base64),
        ("base32", _BASE32, _from_base32),
        ("hex", _HEX, _from_hex),
        ("binary", _BINARY, _from_binary),
        ("escapes", _ESCAPES, _from_escapes),
    ):
        for match in pattern.finditer(text[: 5 * LONGEST_VIEW]):
            decoded = decode(match.group())
            if decoded is not None and _is_text(decoded):
                yield kind, decoded


def _is_text(decoded: str) -> bool:
    letters = sum(c.isalpha() or c in " \n.,:;'!?" for c in decoded)
    return len(decoded) >= 6 and letters >= 0.8 * len(decoded)


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _from_base64(run: str) -> str | None:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _utf8(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except binascii.Error:
        return None


def _from_base32(run: str) -> str | None:
    body = run.rstrip("=")
    try:
        return _utf8(base64.b32decode(body + "=" * (-len(body) % 8)))
    except binascii.Error:
        return None


def _from_hex(run: str) -> str | None:
    return _utf8(bytes.fromhex(re.sub(r"0x|\\x|[% ,:]", "", run)))


def _from_binary(run: str) -> str | None:
    bits = re.sub(r"[ ,]", "", run)
    return _utf8(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8)))


def _from_escapes(run: str) -> str | None:
    return "".join(chr(int(code, 16)) for code in re.findall(r"\\u([0-9a-fA-F]{4})", run))
