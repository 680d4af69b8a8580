"""Words to passages, with how often each field holds them: BM25 over weighted fields, counted over one searcher's view.

BM25F is Robertson, Zaragoza and Taylor's (CIKM 2004): a word's counts are weighed and divided by length in each field,
summed, and saturated once. Nothing is scored before a question is asked: document frequencies and average lengths are those
of the view's own passages, so that what a searcher may not see moves no score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.index.fields import BODY, HEAD, LABEL

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
_FIELDS = 5


@dataclass(frozen=True)
class Weighing:
    """By field: how much it counts, and how far its length is divided out (b, 0 to 1). k1: how soon repetition tires."""

    fields: tuple[float, float, float, float, float]
    b: tuple[float, float, float, float, float]
    k1: float = 1.2


WHOLE = Weighing((0.3, 0.5, 0.5, 0.5, 1.0), (0.0, 0.3, 0.3, 0.3, 0.75))
"""A passage or a page by all that it says; its names count a little more."""
NAMES = Weighing((0.0, 1.0, 1.0, 1.0, 0.0), (0.0, 0.3, 0.3, 0.3, 0.0))
"""A page by what its sections, rows and columns are called."""


class Postings:
    """Immutable; grouped by word. `size` passages, which may be rows or whole pages."""

    def __init__(
        self, words: npt.NDArray[np.int32], kinds: npt.NDArray[np.uint8], items: Ints, size: int, known: int
    ) -> None:
        """Word by word: its number, its field, the passage that it stands in. known: how many words there are."""
        self.size = size
        inside = (kinds == LABEL) | (kinds == HEAD)  # which are text too
        words = np.concatenate([words, words[inside]])
        fields = np.concatenate([kinds, np.full(int(inside.sum()), BODY, np.uint8)]).astype(np.int64)
        items = np.concatenate([items, items[inside]])
        self.lengths = np.zeros((_FIELDS, size), np.float32)
        np.add.at(self.lengths, (fields, items), 1)
        found, counts = np.unique((words.astype(np.int64) * size + items) * _FIELDS + fields, return_counts=True)
        self._counts = counts.astype(np.float32)
        self._fields = (found % _FIELDS).astype(np.int8)
        found //= _FIELDS
        self._items = (found % size).astype(np.int32)
        self._starts = np.searchsorted(found // size, np.arange(known + 1))

    def of(self, word: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8], Floats]:
        """(passages, fields, counts) of one word, ascending by passage."""
        part = slice(self._starts[word], self._starts[word + 1])
        return self._items[part], self._fields[part], self._counts[part]


class SeenPostings:
    """The passages that one searcher may see, and scores by their own statistics. Immutable."""

    def __init__(self, postings: Postings, passages: Ints) -> None:
        self._postings = postings
        self._mask: npt.NDArray[np.bool_] | None = None
        if len(passages) < postings.size:
            self._mask = np.zeros(postings.size, bool)
            self._mask[passages] = True
        self._size = len(passages)
        self._average = np.maximum(postings.lengths[:, passages].mean(axis=1), 1e-6) if len(passages) else np.ones(_FIELDS)

    def holds(self, word: int) -> bool:
        """Whether a passage of the view has the word."""
        items, _, _ = self._postings.of(word)
        return bool(len(items)) and (self._mask is None or bool(self._mask[items].any()))

    def scores(self, weighted: Mapping[int, float], how: Weighing) -> Floats:
        """float32[all passages]: the words' scores summed, each times its weight; 0 outside the view."""
        result = np.zeros(self._postings.size, np.float32)
        weight_of, slope_of = np.array(how.fields, np.float32), np.array(how.b, np.float32)
        for word, weight in weighted.items():
            items, fields, counts = self._postings.of(word)
            if self._mask is not None:
                kept = self._mask[items]
                items, fields, counts = items[kept], fields[kept], counts[kept]
            counting = weight_of[fields] > 0
            if not counting.all():
                items, fields, counts = items[counting], fields[counting], counts[counting]
            if not len(items):
                continue
            length = self._postings.lengths[fields, items] / self._average[fields]
            parts = weight_of[fields] * counts / (1 - slope_of[fields] + slope_of[fields] * length)
            first = np.flatnonzero(np.r_[True, items[1:] != items[:-1]])
            total = np.add.reduceat(parts, first)
            here = items[first]
            rarity = np.log1p((self._size - len(here) + 0.5) / (len(here) + 0.5))
            result[here] += weight * rarity * total * (how.k1 + 1) / (how.k1 + total)
        return result
