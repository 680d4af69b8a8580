"""A text as its reader sees it, with the way back: what is hidden in it must not hide a name.

Characters that are not shown are left out, full-width and mathematical letters and the digits of all scripts become plain
ones, marks join their letters, a word that mixes scripts becomes the Latin word it imitates, and a word broken at a line's
end is whole again. Case and accents stay: they are how names are told.
Invariant: linear in the text's length, and every character knows which of the given text it came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from moderation.text.disguises import latinised
from moderation.text.offsets import OffsetText
from moderation.types import PiiSpan

_MARKED = re.compile(r"[^\W\d_][\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+")
_MARKS = re.compile(r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]+")
_BROKEN = re.compile(r"(?<=[^\W\d_])(?:-|\u2010)[ \t]*\r?\n[ \t]*(?=[^\W\d_])(?![A-Z])")
_WORD = re.compile(r"[^\W\d_]{2,}")
_OTHER_SCRIPT = re.compile("[\u0250-\u02af\u0370-\u058f\u13a0-\u13ff\u1d00-\u1d7f\ua730-\ua7ff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_NOT_SHOWN = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5")
_PLAIN = re.compile(r"[\x20-\x7e\n\r\t]*")


def shown(text: str) -> OffsetText:
    """The text as it is read, `OffsetText` to the one given."""
    if _PLAIN.fullmatch(text):
        seen = OffsetText.of(text)
        return seen.sub(_BROKEN, _nothing) if "-" in text and "\n" in text else seen
    seen = OffsetText.of(text).mapped(_plain)
    seen = seen.sub(_MARKED, _composed).sub(_BROKEN, _nothing)
    return seen.sub(_WORD, _one_script) if _OTHER_SCRIPT.search(seen.text) else seen


def given(seen: OffsetText, spans: Sequence[PiiSpan]) -> list[PiiSpan]:
    """Sorted spans of the text as it is read, each as the span of the text that was given. Where two share a character (one
    that is read as two letters), the second begins after it, and may be empty."""
    found: list[PiiSpan] = []
    at = 0
    for span in spans:
        start, end = seen.span(span.start, span.end)
        at, start = max(at, end), max(at, start)
        found.append(PiiSpan(start, at, span.entity, span.score))
    return found


@lru_cache(1 << 12)
def _plain(c: str) -> str:
    if c in "\n\r\t":
        return c
    kind = unicodedata.category(c)
    if kind in ("Cf", "Cc") or c in _NOT_SHOWN or "\ufe00" <= c <= "\ufe0f" or "\U000e0000" <= c <= "\U000e0fff":
        return ""
    if c in "\u2028\u2029":
        return "\n"
    if kind == "Nd":
        return str(unicodedata.decimal(c))
    simple = unicodedata.normalize("NFKC", c)
    if "\ufb00" <= c <= "\ufb06":  # fi, fl: other characters that are read as several stay, lest a span ends within one
        return simple
    return simple if len(simple) == 1 and (simple.isalnum() or simple.isascii()) else c


def _composed(run: str) -> str:
    """A letter with its marks as one letter; marks that no alphabet has on it are decoration."""
    return _MARKS.sub("", unicodedata.normalize("NFC", run))


def _one_script(word: str) -> str:
    if not (_OTHER_SCRIPT.search(word) and _LATIN.search(word)):
        return word
    imitated = latinised(OffsetText.of(word.lower())).text
    if len(imitated) != len(word):
        return word
    return "".join(new.upper() if old.isupper() else new for new, old in zip(imitated, word, strict=True))


def _nothing(_: str) -> str:
    return ""
