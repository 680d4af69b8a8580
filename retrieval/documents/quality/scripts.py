"""Which script a text is written in, by the names of its letters."""

from __future__ import annotations

import unicodedata
from collections import Counter

LATIN = "latin"
_LOOKED_AT = 4_000  # characters
_JOINED = {"cjk": "chinese", "hiragana": "japanese", "katakana": "japanese", "hangul": "korean"}


def script_of(text: str) -> str:
    """In small letters: "latin", "cyrillic", "greek", "arabic", …; Chinese, Japanese and Korean by their languages."""
    letters = (one for one in text[:_LOOKED_AT] if one.isalpha())
    counts = Counter(_script(one) for one in letters)
    if counts["japanese"] > 0.1 * counts["chinese"] > 0:
        return "japanese"  # its names and nouns are written in Chinese letters
    return counts.most_common(1)[0][0] if counts else LATIN


def _script(letter: str) -> str:
    first = unicodedata.name(letter, "").partition(" ")[0].lower()
    return _JOINED.get(first, first) or LATIN
