"""People whom the conversation has named, found again however they are written.

Without accents or with "ue" for "ü", turned round ("Meyer, Anna"), with initials, run together as in a user's name
("annameyer", "ameyer"), with one letter wrong. Case, possessives and spacing are the map's own business.
Invariant: an ordinary word is never a misspelt name, and a misspelt name is nobody's but its own: it is replaced, and not
taken for the person it resembles, who may be someone else ("Meier" is not "Meyer").
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
_LONGEST_MISSPELT = 40
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
        whose, whole = index.whose(shown, cased, said, run[-1].whose if run else None)
        if run and (not whose & run[-1].whose or lower in said):
            close()
        if whose:
            dotted = not whole and text[end : end + 1] == "."
            run.append(_Word(start, end + dotted, lower, whose & run[-1].whose if run else whose, whole))
    close()
    ground = Ground(found)
    alone = [m for m in _INITIALS.finditer(text) if index.initials(m) and not ground.taken(*m.span())]
    return sorted([*found, *(PiiSpan(*m.span(), "PERSON", 0.9) for m in alone)], key=lambda s: s.start)


class Spellings:
    """How the people of a conversation are spelt. Each of `people` by what stands for them."""

    def __init__(self, people: Mapping[str, Name]) -> None:
        self._exact: set[str] = set()
        self._words: dict[str, set[str]] = {}
        self._joined: dict[str, dict[str, Name]] = {}
        for who, name in people.items():
            self.add(who, name)

    def add(self, who: str, name: Name) -> None:
        """The person is also, or more fully, called so."""
        self._exact.update(name)
        for word in name:
            for form in _forms(word):
                self._words.setdefault(form, set()).add(word)
        for joined in _joined(name):
            self._joined.setdefault(joined, {})[who] = name

    def spelt(self, shown: str) -> str:
        """A name in the spelling that the conversation knows: accents put back, words that were run together apart."""
        return _WORD.sub(lambda m: self._word(m.group()), shown) if self._exact else shown

    def _word(self, shown: str) -> str:
        lower = shown.casefold()
        owned = _POSSESSIVE.search(lower)
        lower, tail = (lower[: owned.start()], shown[owned.start() :]) if owned else (lower, "")
        if lower in self._exact:
            return shown
        for form in _forms(lower):
            spellings = self._words.get(form, set())
            if len(spellings) == 1:
                return next(iter(spellings)) + tail
            whose = self._joined.get(form, {})
            if len(whose) == 1:
                return " ".join(next(iter(whose.values()))) + tail
        return shown


class _Index:
    """The words of the people, by how they read without accents. A question costs no more where there are many people."""

    def __init__(self, people: Sequence[Name]) -> None:
        self._people = people
        self._words = _sets((form, n) for n, name in enumerate(people) for word in name for form in _forms(word))
        self._joined = _sets((joined, n) for n, name in enumerate(people) for joined in _joined(name))
        self._initials = _sets((word[0], n) for n, name in enumerate(people) for word in name)

    @cached_property
    def _one_less(self) -> Mapping[str, list[str]]:
        """The longer words, by what is left of each without one of its letters: what a misspelt word shares with it."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._words:
            if len(word) >= _SHORTEST_MISSPELT:
                for left in _without_one(word):
                    found[left].append(word)
        return found

    def whose(
        self, shown: str, cased: bool, said: Collection[str], among: frozenset[int] | None
    ) -> tuple[frozenset[int], bool]:
        """Whose word it may be, and whether it is a whole word (an initial counts beside one only, and for a word that
        is not among those said just before it). among: whose the words before it may be."""
        lower = shown.casefold()
        if len(lower) == 1:
            if not shown.isupper():
                return frozenset(), False
            having = self._initials.get(lower, frozenset())
            if among is None:
                return having, False
            may = (n for n in among if n in having and any(w[0] == lower and w not in said for w in self._people[n]))
            return frozenset(may), False
        if lower in words.common() or len(lower) == 2:
            return frozenset(), False
        for form in _forms(lower):
            if whose := self._words.get(form) or self._joined.get(form):
                return whose, True
        if (cased and not shown[0].isupper()) or len(lower) < _SHORTEST_MISSPELT - 1 or lower in words.given_names():
            return frozenset(), False
        form = _forms(lower)[0]
        alike = {word for left in _without_one(form) for word in self._one_less.get(left, ()) if word[0] == form[0]}
        near = [word for word in alike if _one_off(form, word)]
        return frozenset(n for word in near for n in self._words[word]), bool(near)

    @cached_property
    def _both_initials(self) -> frozenset[tuple[str, str]]:
        return frozenset((name[0][0], name[-1][0]) for name in self._people if len(name) > 1)

    def initials(self, match: re.Match[str]) -> bool:
        return match.group().isupper() and (match.group(1).casefold(), match.group(2).casefold()) in self._both_initials


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


def _sets(pairs: Iterable[tuple[str, int]]) -> dict[str, frozenset[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for key, number in pairs:
        found[key].add(number)
    return {key: frozenset(numbers) for key, numbers in found.items()}


def _joined(name: Name) -> list[str]:
    """A name of several words as it stands in a user's name."""
    if len(name) < 2:
        return []
    first, last = _forms(name[0])[0], _forms(name[-1])[0]
    return [joined for joined in (first + last, last + first, first[:1] + last) if len(joined) >= _SHORTEST_JOINED]


def _without_one(word: str) -> set[str]:
    """The word, and what is left of it without each of its letters; only the word where it is too long for a name's."""
    if len(word) > _LONGEST_MISSPELT:
        return {word}
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}


def _one_off(left: str, right: str) -> bool:
    """Do the words differ by one letter more, less or other, or by two neighbours changed about?"""
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    if left[start + 1 :] == right[start + 1 :] or left[start:] == right[start + 1 :] or left[start + 1 :] == right[start:]:
        return True
    turned = left[start : start + 2] == right[start : start + 2][::-1] and len(left) == len(right)
    return turned and left[start + 2 :] == right[start + 2 :]
