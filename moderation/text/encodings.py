"""Runs of encoded text, and what they say: base64, base32, hex, binary, Morse, escapes, characters that nobody sees.

Invariant: a decoding is never longer than its run, is tried once for each run, and counts only if it reads as text;
so decoding is linear, cannot grow, and leaves references, digests and keys as they are. (`carried` alone takes what is
printable for enough: a key that somebody encoded reads like nothing.)
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{8,}={0,2}(?![A-Za-z0-9+/=])")
_BASE32 = re.compile(r"(?<![A-Z2-7=])[A-Z2-7]{16,}={0,6}(?![A-Z2-7=])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ ,:]?){6,}(?![0-9a-fA-F])")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2}[ ,:]?)+")
_BINARY = re.compile(r"(?<![01])(?:[01]{8}[ ,]?){4,}(?![01])")
_DECIMAL = re.compile(
    r"(?<![\d.,])(?:(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])[ ,]{1,2}){7,}(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])(?![\d.%])"
)
_MORSE = re.compile(r"(?<![^\s/])(?:[.\-]{1,6}(?: / | ?/ ?|[ ]{1,3})){7,}[.\-]{1,6}(?![^\s/])")
_ESCAPED = re.compile(
    r"(?:\\u\{?[0-9a-fA-F]{2,6}\}?|\\x[0-9a-fA-F]{2}|%u[0-9a-fA-F]{4}|&#x?[0-9a-fA-F]{2,6};|&[a-zA-Z]{2,8};"
    r"|[uU]\+[0-9a-fA-F]{4}(?: |\b)"
    r"|(?:%[0-9a-fA-F]{2})+|(?:=[0-9A-F]{2}){2,})"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]{2,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
_ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060\ufeff]{16,}")

_SHORTEST_CARRIER = 16  # printable ASCII of this length does not come about by chance
_SHORTEST_KEY = 12  # bytes: fewer carry no key
_LONGEST_SHORT = 16  # a shorter run of base64 must decode to letters alone, or every long word would be one

# ITU-R M.1677-1.
_MORSE_SIGNS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
_MORSE_LETTERS = dict(zip(_MORSE_SIGNS.split(), "abcdefghijklmnopqrstuvwxyz0123456789", strict=True))


@dataclass(frozen=True)
class Encoding:
    """`decode` gives what a run says, or nothing if it says nothing that can be read."""

    name: str
    runs: re.Pattern[str]
    decode: Callable[[str], str | None]
    hint: str  # one character of these must stand in the text, or there is no run of this kind


def base64_bytes(run: str) -> bytes | None:
    """A run in either alphabet of RFC 4648, with or without its padding; None where it is none."""
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except binascii.Error:
        return None


def hex_bytes(run: str) -> bytes | None:
    """Pairs of hexadecimal digits, bare or as 0x41, \\x41 or %41, with or without something between them."""
    try:
        return bytes.fromhex(re.sub(r"0x|\\x|[% ,:]", "", run))
    except ValueError:
        return None


def carried(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what it says) of each run of base64 or hex that a key may be hidden in: whatever can be printed."""
    for runs, decode in ((_BASE64, base64_bytes), (_HEX, hex_bytes), (_PERCENT, hex_bytes)):
        for match in runs.finditer(text):
            if match.end() - match.start() < _SHORTEST_CARRIER:
                continue
            raw = decode(match.group())
            said = None if raw is None or len(raw) < _SHORTEST_KEY else _utf8(raw)
            if said is not None and said.replace("\n", "").replace("\t", "").isprintable():
                yield match.start(), match.end(), said


def _readable(decoded: str) -> bool:
    """Words, or a run that is encoded once more; not the noise that any digest decodes to."""
    if len(decoded) >= _SHORTEST_CARRIER and decoded.isascii() and decoded.replace("\n", "").isprintable():
        return True
    letters = sum(c.isalpha() or c in " \n.,:;'!?" for c in decoded)
    return len(decoded) >= 6 and letters >= 0.8 * len(decoded) and "\0" not in decoded


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _words(raw: bytes | None) -> str | None:
    text = None if raw is None else _utf8(raw)
    return text if text is not None and _readable(text) else None


def _from_base64(run: str) -> str | None:
    text = _words(base64_bytes(run))
    if (
        text is not None
        and len(run.rstrip("=")) < _LONGEST_SHORT
        and not (text.isascii() and text.replace(" ", "").isalpha())
    ):
        return None
    return text


def _from_base32(run: str) -> str | None:
    body = run.rstrip("=")
    try:
        return _words(base64.b32decode(body + "=" * (-len(body) % 8)))
    except binascii.Error:
        return None


def _from_hex(run: str) -> str | None:
    body = re.sub(r"0x|\\x|[ ,:]", "", run)
    return None if body.isdigit() and len(body) < 16 else _words(hex_bytes(body))


def _from_binary(run: str) -> str | None:
    bits = re.sub(r"[ ,]", "", run)
    return _words(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8)))


def _from_decimal(run: str) -> str | None:
    text = "".join(chr(int(code)) for code in re.findall(r"\d+", run))
    return text if _readable(text) else None


def _from_morse(run: str) -> str | None:
    words = [[_MORSE_LETTERS.get(sign) for sign in word.split()] for word in re.split(r"/|   ", run)]
    if any(letter is None for word in words for letter in word):
        return None
    text = " ".join("".join(letter or "" for letter in word) for word in words)
    return text if _readable(text) and any(c not in "eit " for c in text) else None


def _from_escape(run: str) -> str | None:
    if run.startswith("&"):
        text = html.unescape(run)
        return text if text != run and len(text) <= len(run) else None
    if run[0] in "%=" and run[1] != "u":
        try:
            return bytes.fromhex(run.replace(run[0], "")).decode("utf-8")
        except UnicodeDecodeError:
            return None
    code = int(re.sub(r"[^0-9a-fA-F]", "", run[2:]), 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else None


def _from_tags(run: str) -> str | None:
    return "".join(chr(ord(c) - 0xE0000) for c in run)


def _from_selectors(run: str) -> str | None:
    return _words(bytes(ord(c) - 0xFE00 if ord(c) < 0xFE10 else ord(c) - 0xE0100 + 16 for c in run))


def _from_zero_width(run: str) -> str | None:
    """Bits as two invisible characters, either of them as nought."""
    kinds = sorted(set(run))
    if len(kinds) != 2:
        return None
    for nought in kinds:
        bits = "".join("0" if c == nought else "1" for c in run)
        if (text := _from_binary(bits)) is not None:
            return text
    return None


ENCODINGS = (
    Encoding("escapes", _ESCAPED, _from_escape, "\\%&=uU"),
    Encoding("hex", _HEX, _from_hex, "0123456789abcdefABCDEF"),
    Encoding("binary", _BINARY, _from_binary, "01"),
    Encoding("decimal", _DECIMAL, _from_decimal, "0123456789"),
    Encoding("base32", _BASE32, _from_base32, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    Encoding("base64", _BASE64, _from_base64, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
    Encoding("morse", _MORSE, _from_morse, ".-"),
    Encoding("tags", _TAGS, _from_tags, ""),
    Encoding("selectors", _SELECTORS, _from_selectors, ""),
    Encoding("zero-width", _ZERO_WIDTH, _from_zero_width, ""),
)
