"""People's names as words: what two spellings of a name share, and which part of a text is the name alone."""

from __future__ import annotations

import re
import unicodedata

from moderation.pii.word_lists import common

_TITLE = re.compile(
    r"^(?:(?:mr|mrs|ms|miss|mx|dr|prof|professor|sir|dame|lady|lord|rev|herr|frau|mme|mlle|madame|monsieur"
    r"|signora?|señora?|sra?)\.?\s+)+",
    re.I,
)
_SUFFIX = re.compile(r",?\s+(?:jr|sr|ii|iii|iv|md|m\.d|phd|ph\.d|dds|dvm|esq|mba|cpa|cfa)\.?$", re.I)
_POSSESSIVE = re.compile(r"(?:['’]s|(?<=s)['’])$", re.I)
_STRAY = re.compile("(?<!\\w)[\u0300-\u036f]+")
_BREAK = re.compile(r"[\s,.]+")


def bare_name(shown: str) -> tuple[int, int]:
    """Where in `shown` the name itself stands, without title and possessive: (start, end)."""
    title = _TITLE.match(shown)
    start = title.end() if title else 0
    possessive = _POSSESSIVE.search(shown)
    end = possessive.start() if possessive else len(shown)
    return (start, end) if end > start else (0, len(shown))


def shown_words(original: str) -> tuple[str, ...]:
    """The words of a name as they were written, without title, possessive and suffix."""
    start, end = bare_name(original)
    text = _SUFFIX.sub("", original[start:end])
    # "´" by itself is read as a blank and an accent, which belongs to no letter
    return tuple(word for word in _BREAK.split(_STRAY.sub("", unicodedata.normalize("NFKC", text))) if word)


def name_words(original: str) -> tuple[str, ...]:
    """The words of a name without regard to case."""
    return tuple(w for w in _BREAK.split(" ".join(shown_words(original)).casefold()) if w)


def within(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    """Is every word of `part` a word, or the initial of a word, of `whole`? At least one must be a full word."""
    if not part or len(part) > len(whole):
        return False
    return any(w in whole for w in part) and all(
        w in whole or (len(w) == 1 and any(x.startswith(w) for x in whole)) for w in part
    )


def plainly_a_name(text: str, start: int, shown: str) -> bool:
    """A part of a name that is also an ordinary word ("price") counts only with a capital in mid-sentence, "will" never."""
    lower = shown.lower()
    if " " in shown or lower not in common():
        return True
    opens = text[max(0, start - 8) : start].rstrip(" \"'“(")[-1:] in ("", ".", "!", "?", ":", "\n", ">", "-", "*")
    return shown.istitle() and not opens and lower not in ("will", "may")
