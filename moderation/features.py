"""The lexical half of what the heads see: hashed words, word classes and characters of one text.

Invariant: features depend on the text and on the shipped lexicon alone, and are the same in training and in
service (`VERSION` is written into the heads; change it whenever a feature changes).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from moderation.views import plain, unmasked

VERSION = 2
BUCKETS = 1 << 14
LEXICON_PATH = Path(__file__).parent / "data" / "lexicon.yaml"

_TOKEN = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+|[\"!?:{}<>\[\]#`|=]|[^\x00-\x7f]")
_QUOTE = '"'


@cache
def lexicon() -> Mapping[str, str]:
    """Word to class, from the shipped file (read once, never changed)."""
    classes: dict[str, str] = yaml.safe_load(LEXICON_PATH.read_text(encoding="utf-8"))
    return {word: f"§{name}" for name, words in classes.items() for word in words.split()}


def lexical(text: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Buckets (ascending) and values of one text; words and characters each have unit length."""
    readable = unmasked(plain(text))
    parts = (set(_word_features(readable)), set(_character_features(readable)))
    found: dict[int, float] = {}
    for part in parts:
        for feature in part:
            bucket = zlib.crc32(feature.encode()) % BUCKETS
            found[bucket] = found.get(bucket, 0.0) + len(part) ** -0.5
    buckets = sorted(found)
    return np.array(buckets, dtype=np.int32), np.array([found[b] for b in buckets], dtype=np.float32)


def classes(text: str) -> list[str]:
    """The text's tokens, each word of the lexicon as its class, those between double quotes marked with q."""
    known = lexicon()
    quoted = False
    paired = text.count(_QUOTE) >= 2
    tokens = []
    for token in _TOKEN.findall(text):
        if token == _QUOTE and paired:
            quoted = not quoted
            continue
        if token.isdigit():
            token = f"§{min(len(token), 6)}"
        word = next((known[form] for form in _forms(token) if form in known), token)
        tokens.append(f"q{word}" if quoted else word)
    return tokens


def _forms(word: str) -> tuple[str, str, str]:
    return word, word.removesuffix("s"), word.removesuffix("es")


def _word_features(readable: str) -> Iterator[str]:
    tokens = ["^", *classes(readable), "$"]
    marked = [token for token in tokens if "§" in token and not token[-1].isdigit()]
    for token in tokens:
        yield f"1 {token}"
    for first, second in pairwise(tokens):
        yield f"2 {first} {second}"
    for three in zip(tokens, tokens[1:], tokens[2:], strict=False):
        yield "3 " + " ".join(three)
    for gap in (2, 3):
        for first, second in zip(tokens, tokens[gap:], strict=False):
            if "§" in first or "§" in second:
                yield f"s {first} {second}"
    for first, second in combinations(sorted(set(marked)), 2):
        yield f"p {first} {second}"
    for token in _TOKEN.findall(readable):
        yield f"w {token}"


def _character_features(readable: str) -> Iterator[str]:
    for word in re.findall(r"\w+", readable):
        edged = f"^{word[:30]}$"
        for size in (3, 4, 5):
            for at in range(len(edged) - size + 1):
                yield f"c {edged[at : at + size]}"
