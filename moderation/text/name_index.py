"""Finds names of a large list in a text in one pass: whole words, longest first, however they are divided.

A name is known by its letters alone, without what stands between its words, so that "Black Rock", "Black-Rock" and
"BlackRock" are one. The sorted letters of all names serve as a trie: one bisection a word tells whether any name goes on so.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moderation.text.variants import plain

MOST_WORDS = 12
SHORT = 6  # letters; a shorter name counts only as its own words stand, or "vis a vis" would hold Visa
_WORD = re.compile(r"[^\W_]+|&")
_ENDS = re.compile(r"[.,!?;:]\s|\n\s*\n")


@dataclass(frozen=True)
class Match:
    """A name at text[start:end]; `owner` says whose, None for a phrase that excuses."""

    start: int
    end: int
    owner: int | None


class NameIndex:
    """Immutable. `owners`: name to whose it is; of one name given twice, the first counts."""

    def __init__(self, owners: Iterable[tuple[str, int | None]]) -> None:
        known: dict[str, tuple[int | None, int]] = {}
        for name, owner in owners:
            words = _words(plain(name))
            key = "".join(word for word, _, _ in words)
            if key and (owner is None or key not in known):
                known[key] = (owner, len(words))
        self._known: Mapping[str, tuple[int | None, int]] = known
        self._keys = sorted(known)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, text: str) -> list[Match]:
        """The names in a text that is already plain (moderation.text.variants), left to right, none within another."""
        words = _words(text)
        found: list[Match] = []
        at = 0
        while at < len(words):
            until, owner = self._longest(text, words, at)
            if until:
                found.append(Match(words[at][1], words[until - 1][2], owner))
            at = until or at + 1
        return found

    def _longest(self, text: str, words: list[tuple[str, int, int]], at: int) -> tuple[int, int | None]:
        """The index after the last word of the longest name that begins at `at` (0 where none does), and whose it is."""
        best: tuple[int, int | None] = (0, None)
        joined = ""
        for here in range(at, min(len(words), at + MOST_WORDS)):
            word, start, _ = words[here]
            if here > at:
                between = text[words[here - 1][2] : start]
                if len(between) > 3 or _ENDS.search(between):
                    break
            joined += word
            for key in (joined, joined.removesuffix("s")):
                known = self._known.get(key)
                if known and (key == joined or len(key) >= SHORT) and _divided(words[at : here + 1], key, known[1]):
                    best = here + 1, known[0]
                    break
            place = bisect_left(self._keys, joined)
            if place == len(self._keys) or not self._keys[place].startswith(joined):
                break
        return best


def _divided(words: list[tuple[str, int, int]], key: str, own: int) -> bool:
    """Whether a name may be divided so: as it is itself, or, if it is not short, in pieces that are words or letters."""
    if len(words) == own:
        return True
    sizes = [len(word) for word, _, _ in words]
    if all(size == 1 for size in sizes):
        return len(key) >= 4
    return len(key) >= SHORT and (min(sizes) > 1 or sizes[-1] == 1 == min(sizes[:-1], default=2) - 1)


def _words(text: str) -> list[tuple[str, int, int]]:
    return [("and" if match.group() == "&" else match.group(), match.start(), match.end()) for match in _WORD.finditer(text)]
