"""How much a word looks like a name, judged by the NER model's own word vectors.

A linear discriminant between our list of given names and our list of ordinary words, computed at load: above 0 a word is
nearer to names, below to ordinary words; most names score above 1, most ordinary words below -0.3.
Invariant: a word the vectors do not know has no score, and no score is never taken for "ordinary".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from spacy.strings import get_string_id

from moderation.pii import word_lists as words

_FORMED = (
    "ing", "ed", "tion", "tions", "ness", "ly", "ism", "ous", "ive", "ment", "ments", "ity", "ies", "able", "ible",
    "ful", "less",
)  # fmt: skip
_RIDGE = 0.02
_ORDINARY, _NAMELIKE = -0.3, 1.2


class Lexicon:
    """Word vectors and the direction in them that leads to names. Read-only after construction."""

    def __init__(self, vectors: Any) -> None:
        self._vectors = vectors
        self._mean: np.ndarray = np.zeros(0)
        self._direction: np.ndarray = np.zeros(0)
        names = self._matrix(words.given_names() - words.common())
        plain = self._matrix(words.common())
        if len(names) and len(plain):
            everything = np.vstack([names, plain])
            self._mean = everything.mean(0)
            centred = everything - self._mean
            spread = centred.T @ centred / len(centred) + _RIDGE * np.eye(centred.shape[1], dtype=np.float32)
            self._direction = np.linalg.solve(spread, names.mean(0) - plain.mean(0))

    def score(self, word: str) -> float | None:
        """Names lie above 0; None for a word without a vector."""
        vector = self._vector(word)
        if vector is None or not len(self._direction):
            return None
        return float((vector - self._mean) @ self._direction)

    def ordinary(self, lower: str) -> bool:
        """An ordinary word: listed, or near such words, or formed like one and unknown otherwise."""
        plain = lower.replace("’", "'").removesuffix("'s")
        if plain in words.common():
            return True
        score = self.score(plain)
        if score is None:
            return plain.isascii() and len(plain) > 6 and plain.endswith(_FORMED) and plain not in words.given_names()
        return score < _ORDINARY

    def namelike(self, lower: str) -> bool:
        score = self.score(lower)
        return score is not None and score > _NAMELIKE

    def _vector(self, word: str) -> np.ndarray | None:
        row = int(self._vectors.find(key=get_string_id(word)))
        if row < 0:
            return None
        vector = self._vectors.data[row]
        length = float(np.linalg.norm(vector))
        return vector / length if length else None

    def _matrix(self, chosen: frozenset[str]) -> np.ndarray:
        found = [v for v in map(self._vector, sorted(chosen)) if v is not None]
        return np.array(found, dtype=np.float32)
