"""People whom the conversation has named, found again however they are written.

Without accents or with "ue" for "ü", turned round ("Meyer, Anna"), with initials, run together as in a user's name
("annameyer", "ameyer"), with one letter wrong. Case, possessives and spacing are the map's own business.
Invariant: an ordinary word is never a misspelt name, and a misspelt name is nobody's but its own: it is replaced, and not
taken for the person it resembles, who may be someone else ("Meier" is not "Meyer").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from moderation.pii import word_lists as words
from moderation.pii.recognisers.resolve import Ground
from moderation.types import PiiSpan

Name = tuple[str, ...]
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BETWEEN = re.compile(r"(?:[ \u00a0]|, ?|\. ?|-|[ \t]*\r?\n[ \t]*)")
_INITIALS = re.compile(r"(?<![\w.])(?<!\d )([^\W\d_])\. ?([^\W\d_])\.(?!\w)")
_POSSESSIVE = re.compile(r"['’]s$", re.I)
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe"})
_NOT_COMPOSED = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i"})
_SHORTEST_MISSPELT = 5
_SHORTEST_JOINED = 6


@dataclass(frozen=True)
class _Word:
    """whose: the people whom it and the words before it may all belong to. whole: more than an initial."""

    start: int
    end: int
    lower: str
    whose: frozenset[int]
    whole: bool


def named_again(text: str, people: Sequence[Name]) -> list[PiiSpan]:
    """Where a person of `people` (words without regard to case) stands in another spelling. Sorted, without overlap."""
    if not people:
        return []
    index = _Index(people)
    cased = any(c.isupper() for c in text)
    found: list[PiiSpan] = []
    run: list[_Word] = []  # neighbours that belong to one person; who is named twice in a row is two runs

    def close() -> None:
        if any(word.whole for word in run):
            found.append(PiiSpan(run[0].start, run[-1].end, "PERSON", 0.95))
        run.clear()

    for start, end, shown in _tokens(text):
        if run and not _BETWEEN.fullmatch(text, run[-1].end, start):
            close()
        lower, said = shown.casefold(), {word.lower for word in run}
        whose, whole = index.whose(shown, cased, said)
        if run and (not whose & run[-1].whose or lower in said):
            close()
        if whose:
            dotted = not whole and text[end : end + 1] == "."
            run.append(_Word(start, end + dotted, lower, whose & run[-1].whose if run else whose, whole))
    close()
    ground = Ground(found)
    alone = [m for m in _INITIALS.finditer(text) if index.initials(m) and not ground.taken(*m.span())]
    return sorted([*found, *(PiiSpan(*m.span(), "PERSON", 0.9) for m in alone)], key=lambda s: s.start)


def spelt(shown: str, people: Sequence[Name]) -> str:
    """A name in the spelling that the conversation knows: accents put back, words that were run together apart."""
    index = _Index(people)
    return _WORD.sub(lambda m: index.spelling(m.group()), shown) if people else shown


class _Index:
    """The words of the people, by how they read without accents."""

    def __init__(self, people: Sequence[Name]) -> None:
        self._people = people
        self._words: dict[str, set[int]] = {}
        self._joined: dict[str, set[int]] = {}
        self._spelling: dict[str, set[str]] = {}
        self._by_start: dict[str, list[str]] = {}
        for number, name in enumerate(people):
            for word in name:
                for form in _forms(word):
                    self._words.setdefault(form, set()).add(number)
                    self._spelling.setdefault(form, set()).add(word)
            if len(name) > 1:
                first, last = _forms(name[0])[0], _forms(name[-1])[0]
                for joined in (first + last, last + first, first[:1] + last):
                    if len(joined) >= _SHORTEST_JOINED:
                        self._joined.setdefault(joined, set()).add(number)
        for word in self._words:
            if len(word) >= _SHORTEST_MISSPELT:
                self._by_start.setdefault(word[0], []).append(word)

    def whose(self, shown: str, cased: bool, said: Collection[str]) -> tuple[frozenset[int], bool]:
        """Whose word it may be, and whether it is a whole word (an initial counts beside one only, and for a word that
        is not among those said just before it)."""
        lower = shown.casefold()
        if len(lower) == 1:
            if not shown.isupper():
                return frozenset(), False
            return frozenset(
                n for n, name in enumerate(self._people) if any(w[0] == lower and w not in said for w in name)
            ), False
        if lower in words.common() or len(lower) == 2:
            return frozenset(), False
        for form in _forms(lower):
            if whose := self._words.get(form) or self._joined.get(form):
                return frozenset(whose), True
        if (cased and not shown[0].isupper()) or len(lower) < _SHORTEST_MISSPELT - 1 or lower in words.given_names():
            return frozenset(), False
        form = _forms(lower)[0]
        near = [word for word in self._by_start.get(form[:1], ()) if _one_off(form, word)]
        return frozenset(n for word in near for n in self._words[word]), bool(near)

    def spelling(self, shown: str) -> str:
        lower = shown.casefold()
        owned = _POSSESSIVE.search(lower)
        lower, tail = (lower[: owned.start()], shown[owned.start() :]) if owned else (lower, "")
        if any(lower in name for name in self._people):
            return shown
        for form in _forms(lower):
            spellings = self._spelling.get(form, set())
            if len(spellings) == 1:
                return next(iter(spellings)) + tail
            whose = self._joined.get(form, set())
            if len(whose) == 1:
                return " ".join(self._people[next(iter(whose))]) + tail
        return shown

    def initials(self, match: re.Match[str]) -> bool:
        first, last = match.group(1).casefold(), match.group(2).casefold()
        return match.group().isupper() and any(len(n) > 1 and n[0][0] == first and n[-1][0] == last for n in self._people)


def _tokens(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _WORD.finditer(text):
        shown = _POSSESSIVE.sub("", match.group())
        yield match.start(), match.start() + len(shown), shown


def _forms(word: str) -> tuple[str, ...]:
    """The word without accents, and with its umlauts written out; alike where it has none."""
    if word.isascii():
        return (word,)
    bare = "".join(c for c in unicodedata.normalize("NFKD", word.translate(_NOT_COMPOSED)) if not unicodedata.combining(c))
    out = "".join(
        c for c in unicodedata.normalize("NFKD", word.translate(_WRITTEN_OUT).translate(_NOT_COMPOSED))
        if not unicodedata.combining(c)
    )  # fmt: skip
    return (bare,) if bare == out else (bare, out)


def _one_off(left: str, right: str) -> bool:
    """Do the words differ by one letter more, less or other, or by two neighbours changed about?"""
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    if left[start + 1 :] == right[start + 1 :] or left[start:] == right[start + 1 :] or left[start + 1 :] == right[start:]:
        return True
    turned = left[start : start + 2] == right[start : start + 2][::-1] and len(left) == len(right)
    return turned and left[start + 2 :] == right[start + 2 :]
