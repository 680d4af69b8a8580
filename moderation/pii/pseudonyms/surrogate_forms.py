"""What a model may write for a surrogate, and where in a text that is not yet whole such a form stands.

Invariant: `SurrogateForm.at` answers the same for a text and for any longer one, or it answers that it does not know yet.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum


class NotYet(Enum):
    """The text ends before it can be told."""

    WAIT = "wait"


WAIT = NotYet.WAIT
# A letter or a digit of a script that sets words apart; between Chinese or Japanese characters a word may begin anywhere.
WORD = r"[^\W_\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_WORD = re.compile(WORD)
# Between two letters of one word: what wraps, hides or marks up. Between two words, or two groups of a number: more.
_IN_WORD = re.compile(r"(?:[\u00ad\u200b-\u200d\u2060]|\*{1,3}|_{1,3}|~~|-?[ \t]{0,3}\r?\n[ \t]{0,6}|-)?")
_SPACED = re.compile(r" ")
_WORDS = re.compile(r"[\s*_~,./\u00a0\u200b\u2060\u2010\u2011`-]{0,8}")
_APART = re.compile(_WORDS.pattern.replace("{0,", "{1,"))
_NUMBER = re.compile(r"[\s*_~()/.\u00a0\u00ad\u200b\u2060\u2010-\u2013`-]{0,8}")
_MAIL = re.compile(r"\s?(?:\(at\)|\[at\]|@)\s?|-?\r?\n|[.@_\\*:/\u00ad\u200b\u2060-]{0,4}", re.I)
_INITIALS = re.compile(r"\.[ \u00a0]?")
_LOOSE_TAIL = re.compile(r"(?:[\s*_~,.:()/@\\\u00a0\u00ad\u200b-\u200d\u2010-\u2013\u2060`-]|\[?at?\]?){0,10}\Z", re.I)
SUFFIX = re.compile(r"(?:e?s|e?n)(?![^\W_])", re.I)
# Endings of languages that decline names; only after a name long enough to be nobody else's.
DECLINED = re.compile(r"(?:em|om|ou|ov[aié]|owi|ow?ie|ów|iem|a|u|i|y|ę|ą|in|om?u|[ауеыи]|о[мйв]|ым|ой)(?![^\W_])", re.I)
_LONG = 6
_SLACK_FROM = 9  # letters and digits of a number in which one may be wrong: nothing else comes so near a drawn one
_GAPS = {"w": _IN_WORD, "s": _SPACED, " ": _WORDS, "a": _APART, "#": _NUMBER, "@": _MAIL, "i": _INITIALS}


@dataclass(frozen=True)
class SurrogateForm:
    """One way to write a surrogate: its letters and digits in lower case, and which gap may stand before each of them
    ("w" in a word, "s" exactly one space, " " between words, "a" before an initial, "#" in a number, "@" in an address of
    the internet).

    replacement: the canonical tag. name: whether it is a word that may take an ending ("Winterborns")."""

    characters: str
    gaps: str
    replacement: str
    name: bool = False

    def at(self, text: str, start: int, *, final: bool) -> int | NotYet | None:
        """Where the form that starts at `start` ends, None where it does not stand there."""
        end = start
        slack = 1 if self.gaps[0] == "#" and len(self.characters) >= _SLACK_FROM else 0
        for wanted, gap in zip(self.characters, self.gaps, strict=True):
            before = end
            if end != start:
                found = _GAPS[gap].match(text, end)
                end = found.end() if found else len(text) + 1
            if end < len(text) and (character := fold(text[end])) != wanted and slack and character.isdigit():
                slack -= 1
            elif end >= len(text) or character != wanted:
                unknown = not final and _LOOSE_TAIL.match(text, before) is not None
                return WAIT if unknown else None
            end += 1
        return self._ended(text, end, final)

    def _ended(self, text: str, end: int, final: bool) -> int | NotYet | None:
        """A longer word or number is another one; a name may take an ending, which stays the sentence's own."""
        rest = text[end : end + 4]
        if not final and len(rest) < 4 and all(map(is_word, rest)):
            return WAIT
        if not rest or not is_word(rest[0]):
            return end
        return end if self.ending(text, end) else None

    def ending(self, text: str, end: int) -> re.Match[str] | None:
        """What a language adds to a name: a genitive, a plural, a case."""
        if not self.name:
            return None
        long = len(self.characters) >= _LONG and self.characters.isalpha()
        return SUFFIX.match(text, end) or (DECLINED.match(text, end) if long else None)


def is_word(character: str) -> bool:
    return _WORD.match(character) is not None


def fold(character: str) -> str:
    """One character without case and width."""
    if character.isascii():
        return character.lower()
    plain = unicodedata.normalize("NFKC", character).casefold()
    return plain if len(plain) == 1 else character


def words_form(shown: str, replacement: str, *, name: bool = False) -> SurrogateForm:
    """Words in a row, with any of the usual separators between them. An initial stands apart from the name before it: the
    last letter of "the Sunderholts" is none."""
    characters, gaps = [], []
    for word in re.findall(r"[^\W_]+", shown):
        characters.append(fold_all(word))
        gaps.append("a" if name and len(word) == 1 else " " + "w" * (len(characters[-1]) - 1))
    return SurrogateForm("".join(characters), "".join(gaps), replacement, name)


def initials_form(first: str, last: str, replacement: str) -> SurrogateForm:
    """C.W or C. W; the last full stop stays the sentence's."""
    return SurrogateForm(fold(first) + fold(last), "ii", replacement)


def spaced_form(word: str, replacement: str) -> SurrogateForm:
    """A word with its letters set apart: W i n t e r."""
    return SurrogateForm(fold_all(word), "s" * len(fold_all(word)), replacement)


def number_form(shown: str, replacement: str) -> SurrogateForm:
    """A code: its letters and digits, grouped in any way."""
    characters = fold_all("".join(c for c in shown if c.isalnum()))
    return SurrogateForm(characters, "#" * len(characters), replacement)


def mail_form(shown: str, replacement: str) -> SurrogateForm:
    """An address of the internet: nothing but its own signs between its parts."""
    characters, gaps = [], []
    for part in re.findall(r"[^\W_]+", shown):
        characters.append(fold_all(part))
        gaps.append("@" + "w" * (len(characters[-1]) - 1))
    return SurrogateForm("".join(characters), "".join(gaps), replacement)


def fold_all(text: str) -> str:
    return text.lower() if text.isascii() else "".join(fold(c) for c in text)
