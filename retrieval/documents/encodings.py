"""From bytes to text: UTF-8, UTF-16, UTF-32 and windows-1252; everything else is refused by name rather than read as
mojibake.

A code page cannot be told for certain from its bytes. What windows-1252 would turn into capitals or signs inside words
is another one, and a firm's figures and names must not be guessed.
"""

from __future__ import annotations

import re

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_FEW = 0.002  # of the bytes: damaged ones that a UTF-8 text may hold
_ODD = re.compile(r"(?<=[a-zà-öø-ÿ])[A-ZÀ-ÖØ-ÞŽŠŸ¡-¿‚-›ˆ˜€™‰†‡•](?=[a-zà-öø-ÿ])")


class UnknownEncoding(ValueError):
    """The bytes are text of no encoding that is read, or no text; the message says which and what to do."""


def decoded(content: bytes) -> str:
    """Raises UnknownEncoding."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            text = content.decode(encoding, errors="replace")
            break
    else:
        text = _unmarked(content)
    if "\x00" in text:
        raise UnknownEncoding("looks binary, not text; check its suffix")
    return text


def _unmarked(content: bytes) -> str:
    if b"\x00" in content:
        raise UnknownEncoding("looks binary, not text; check its suffix")
    text = content.decode("utf-8", errors="replace")
    bad = text.count("\ufffd") - content.count("\ufffd".encode())
    high = sum(byte > 127 for byte in content)
    if bad == 0 or (bad <= max(1, _FEW * len(content)) and high > 3 * bad):
        return text
    try:
        western = content.decode("cp1252")
    except UnicodeDecodeError:
        western = ""
    letters = sum(byte > 64 for byte in content)
    if not western or high > 0.25 * letters or len(_ODD.findall(western)) > 0.05 * high:
        raise UnknownEncoding("is neither UTF-8 nor windows-1252 text; save it as UTF-8")
    return western
