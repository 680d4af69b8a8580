"""Tells an ordinary word from a name by its letters: a small logistic model over groups of letters, for six languages.

It speaks where capitals do not: in German, and where nobody typed any. benchmarks/train_closed_book.py makes the weights and
their card. Invariant: a probability depends on the word and the shipped weights alone.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

BUCKETS = 1 << 14
_SHORTEST, _LONGEST = 2, 5


def features(word: str) -> NDArray[np.int64]:
    """The buckets of a word's groups of two to five letters, ends marked, and of the word itself; int64[n], each once."""
    text = f"^{word.casefold()}$"
    groups = {text[at : at + n] for n in range(_SHORTEST, _LONGEST + 1) for at in range(len(text) - n + 1)} | {f"={text}"}
    return np.unique(np.array([zlib.crc32(group.encode()) % BUCKETS for group in groups], dtype=np.int64))


@cache
def _weights() -> tuple[NDArray[np.float32], float]:
    tensors = load(files("orchestrator").joinpath("data/closed_book.safetensors").read_bytes())
    return tensors["letters"].astype(np.float32), float(tensors["bias"][0])


def ordinary(word: str) -> float:
    """The probability that a word is an ordinary word of one of the six languages, and no name."""
    weights, bias = _weights()
    found = features(word)
    return float(1.0 / (1.0 + np.exp(-(weights[found].sum() / np.sqrt(len(found)) + bias))))
