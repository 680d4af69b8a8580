"""An inverted index in memory: which items hold a word, and a quick first score over all of them.

Invariant: the quick score only chooses which items are looked at closely; it never decides an answer.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

_PREFIX = 5
Numbers = npt.NDArray[np.int32]


class Postings:
    """Filled by `add`, item by item, then read. Items are counted from 0 in the order in which they were added."""

    def __init__(self) -> None:
        self._lists: dict[str, list[int]] = defaultdict(list)
        self._arrays: dict[str, Numbers] = {}
        self._prefixes: dict[str, list[str]] | None = None
        self._kin: dict[str, tuple[str, ...]] = {}
        self.size = 0

    def add(self, words: Iterable[str]) -> None:
        """The next item and its words, each once."""
        for word in words:
            self._lists[word].append(self.size)
        self.size += 1

    def __contains__(self, word: str) -> bool:
        return word in self._lists

    def __iter__(self) -> Iterator[str]:
        return iter(self._lists)

    def count(self, word: str) -> int:
        """How many items hold the word."""
        return len(self._lists.get(word, ()))

    def items(self, word: str) -> Numbers:
        """The items that hold the word, ascending."""
        found = self._arrays.get(word)
        if found is None:
            found = self._arrays[word] = np.array(self._lists.get(word, ()), np.int32)
        return found

    def rarity(self, word: str) -> float:
        """1 for a word in every item, growing as it gets rarer."""
        return 1.0 + math.log((self.size + 1) / (self.count(word) + 1)) / 4

    def kin(self, word: str) -> tuple[str, ...]:
        """The indexed words that are the asked one or grow from the same beginning ('operat' and 'operator')."""
        known = self._kin.get(word)
        if known is None:
            if self._prefixes is None:
                prefixes: dict[str, list[str]] = defaultdict(list)
                for one in self._lists:
                    prefixes[one[:_PREFIX]].append(one)
                self._prefixes = prefixes
            known = tuple(one for one in self._prefixes.get(word[:_PREFIX], ()) if one == word or _grows(word, one))
            if len(self._kin) < 10_000:
                self._kin[word] = known
        return known

    def scored(self, weights: Mapping[str, float], kin: Mapping[str, tuple[str, ...]]) -> npt.NDArray[np.float64]:
        """float64[size]: for each item the weights of the words that it holds, kin counted once."""
        total = np.zeros(self.size)
        for word, amount in weights.items():
            alike = kin.get(word, ())
            if len(alike) == 1:
                total[self.items(alike[0])] += amount
            elif alike:
                held = np.zeros(self.size, bool)
                for one in alike:
                    held[self.items(one)] = True
                total[held] += amount
        return total


def _grows(one: str, other: str) -> bool:
    if " " in one or " " in other or len(one) < _PREFIX or len(other) < _PREFIX or abs(len(one) - len(other)) > 3:
        return False
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= min(len(one), len(other)) - 1 and shared >= _PREFIX
