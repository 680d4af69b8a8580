"""Texts freed of disguises, with the way back: which character of the original each one comes from.

Invariant: `offsets[i]` is where character i of the shown text stands in the text that was given. (moderation.text.variants
serves those who only need to read; this serves those who replace.)
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

_SPELT_OUT = re.compile(r"(?<!\S)(?:\S[ \t]{1,2}){11,}\S(?!\S)")
_SHORTEST_DECODED = 8
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{16,}={0,2}(?![A-Za-z0-9+/=])")
_HEX = re.compile(r"(?<![0-9a-fA-F])(?:(?:0x|\\x|%)?[0-9a-fA-F]{2}[ ,:]?){12,}(?![0-9a-fA-F])")


@dataclass(frozen=True)
class Shown:
    text: str
    offsets: Sequence[int]


def bare(text: str) -> Shown:
    """Without characters that nobody sees, compatibility forms as the plain ones, l e t t e r s spelt out as a word."""
    shown, places = text, cast(Sequence[int], range(len(text)))
    if not text.isascii():
        pairs = [
            (plain, at)
            for at, c in enumerate(text)
            if unicodedata.category(c) != "Cf" and not unicodedata.combining(c)
            for plain in unicodedata.normalize("NFKC", c)
        ]
        shown, places = "".join(c for c, _ in pairs), [at for _, at in pairs]
    gone = {at for run in _SPELT_OUT.finditer(shown) for at in range(*run.span()) if shown[at] in " \t"}
    if not gone:
        return Shown(shown, places)
    kept = [at for at in range(len(shown)) if at not in gone]
    return Shown("".join(shown[at] for at in kept), [places[at] for at in kept])


def decoded_runs(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what it says) of each run of base64 or hex that decodes to readable text."""
    for pattern, decode in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for match in pattern.finditer(text):
            said = decode(match.group())
            if (
                said is not None
                and len(said) >= _SHORTEST_DECODED
                and said.replace("\n", "").replace("\t", "").isprintable()
            ):
                yield match.start(), match.end(), said


def _from_base64(run: str) -> str | None:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _from_hex(run: str) -> str | None:
    try:
        return bytes.fromhex(re.sub(r"0x|\\x|[% ,:]", "", run)).decode("utf-8")
    except (UnicodeDecodeError, ValueError):
        return None
