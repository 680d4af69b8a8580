"""A text as keys are looked for in it: nothing that is not seen, plain letters, and what is s p e l t out as one word.

`moderation.text.visible` keeps accents and mends words, since it serves names; a key has neither.
"""

from __future__ import annotations

import re
import unicodedata

from moderation.text.offsets import OffsetText

_SPELT_OUT = re.compile(r"(?<!\S)(?:\S[ \t]{1,2}){11,}\S(?!\S)")


def bare(text: str) -> OffsetText:
    """Without characters that nobody sees, compatibility forms as the plain ones, spelt-out runs without their blanks."""
    seen = OffsetText.of(text) if text.isascii() else OffsetText.of(text).mapped(_plain)
    runs = _SPELT_OUT.finditer(seen.text)
    return seen.without({at for run in runs for at in range(*run.span()) if seen.text[at] in " \t"})


def _plain(c: str) -> str:
    if unicodedata.category(c) == "Cf" or unicodedata.combining(c):
        return ""
    return unicodedata.normalize("NFKC", c)
