"""The lexical half of what the heads see: hashed words, word classes and characters of one text.

Invariant: features depend on the text and on the shipped lexicon alone, and are the same in training and in
service (`VERSION` is written into the heads; change it whenever a feature changes).
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from moderation.text import disguises
from moderation.text.offsets import OffsetText
from moderation.text.variants import plain, unmasked

VERSION = 3
BUCKETS = 1 << 14
LEXICON_PATH = Path(__file__).parent.parent / "data" / "lexicon.yaml"

_TOKEN = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+|[\"!?:{}<>\[\]#`|=]|[^\x00-\x7f]")
_WORD = re.compile(r"\w+")
_QUOTE = '"'


@dataclass(frozen=True)
class Token:
    """A word of the readable text at start:end; `word` is its class where the lexicon has one."""

    word: str
    start: int
    end: int


@cache
def lexicon() -> Mapping[str, str]:
    """Word to class, from the shipped file (read once, never changed)."""
    classes: dict[str, str] = yaml.safe_load(LEXICON_PATH.read_text(encoding="utf-8"))
    return {word: f"§{name}" for name, words in classes.items() for word in words.split()}


def lexical(text: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Buckets (ascending) and values of one text; words and characters each have unit length."""
    readable = unmasked(plain(text))
    tokens = _tokens(readable)
    words = {zlib.crc32(feature.encode()) for feature, _ in _word_features(tokens, readable)}
    letters = {mark for word in _WORD.findall(readable) for mark in _letters(word)}
    found: dict[int, float] = {}
    for part in (words, letters):
        for mark in part:
            bucket = mark % BUCKETS
            found[bucket] = found.get(bucket, 0.0) + len(part) ** -0.5
    buckets = sorted(found)
    return np.array(buckets, dtype=np.int32), np.array([found[b] for b in buckets], dtype=np.float32)


def contributions(given: OffsetText, weights: NDArray[np.float32]) -> dict[tuple[int, int], float]:
    """How much each word adds to `weights @ lexical(text)`, by its place in the text as given.

    weights: float32[BUCKETS]. What several words share (a pair, a letter run) is shared out among them in equal parts.
    """
    readable = disguises.unmasked(disguises.latinised(disguises.folded_offsets(given)))
    tokens = _tokens(readable.text)
    words: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for feature, which in _word_features(tokens, readable.text):
        words[zlib.crc32(feature.encode())] |= {(tokens[at].start, tokens[at].end) for at in which}
    letters: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for match in _WORD.finditer(readable.text):
        for mark in _letters(match.group()):
            letters[mark].add(match.span())
    found: dict[tuple[int, int], float] = defaultdict(float)
    for part in (words, letters):
        for mark, places in part.items():
            for place in places:
                found[place] += float(weights[mark % BUCKETS]) * len(part) ** -0.5 / len(places)
    shares: dict[tuple[int, int], float] = defaultdict(float)
    for place, share in found.items():
        shares[readable.span(*place)] += share  # words that were hidden together have one place
    return dict(shares)


def classes(text: str) -> list[str]:
    """The text's tokens, each word of the lexicon as its class, those between double quotes marked with q."""
    return [token.word for token in _tokens(text)]


def _tokens(text: str) -> list[Token]:
    quoted = False
    paired = text.count(_QUOTE) >= 2
    tokens = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token == _QUOTE and paired:
            quoted = not quoted
            continue
        word = _class(token)
        tokens.append(Token(f"q{word}" if quoted else word, *match.span()))
    return tokens


@lru_cache(1 << 13)
def _class(token: str) -> str:
    if token.isdigit():
        token = f"§{min(len(token), 6)}"
    known = lexicon()
    return next((known[form] for form in _forms(token) if form in known), token)


def _forms(word: str) -> tuple[str, str, str]:
    return word, word.removesuffix("s"), word.removesuffix("es")


def _word_features(tokens: Sequence[Token], readable: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each feature with the numbers of the tokens that it was made of."""
    last = len(tokens)
    words = ["^", *(token.word for token in tokens), "$"]  # words[i] is token i - 1

    def of(*which: int) -> tuple[int, ...]:
        return tuple(at - 1 for at in which if 0 < at <= last)

    marked = {word: at for at, word in enumerate(words) if "§" in word and not word[-1].isdigit()}
    for at, token in enumerate(words):
        yield f"1 {token}", of(at)
    for at, (first, second) in enumerate(pairwise(words)):
        yield f"2 {first} {second}", of(at, at + 1)
    for at, three in enumerate(zip(words, words[1:], words[2:], strict=False)):
        yield "3 " + " ".join(three), of(at, at + 1, at + 2)
    for gap in (2, 3):
        for at, (first, second) in enumerate(zip(words, words[gap:], strict=False)):
            if "§" in first or "§" in second:
                yield f"s {first} {second}", of(at, at + gap)
    for first, second in combinations(sorted(marked), 2):
        yield f"p {first} {second}", of(marked[first], marked[second])
    for at, written in enumerate(tokens):
        yield f"w {readable[written.start : written.end]}", (at,)


@lru_cache(1 << 13)
def _letters(word: str) -> frozenset[int]:
    """Marks of the runs of three to five letters of a word."""
    edged = f"^{word[:30]}$"
    return frozenset(
        zlib.crc32(f"c {edged[at : at + size]}".encode()) for size in (3, 4, 5) for at in range(len(edged) - size + 1)
    )
