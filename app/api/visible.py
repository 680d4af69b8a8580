"""Whether a text shows anything to a reader."""

from __future__ import annotations

import unicodedata

_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5")
"""Letters and signs that fonts draw as nothing, though Unicode counts them among letters, symbols or marks."""
_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"))


def shows_anything(text: str) -> bool:
    """False for blanks, control and format characters, lone marks, tags, and letters that are drawn as nothing."""
    return any(c not in _BLANK_LETTERS and unicodedata.category(c) not in _UNSEEN for c in text)
