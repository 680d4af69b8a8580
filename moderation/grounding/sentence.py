"""A sentence as the comparison sees it, and a passage as its sentences, their pairs and the rows of its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from moderation.grounding.figures import Figure, figures
from moderation.grounding.opposites import denies
from moderation.grounding.words import STOP, WORD, stem

_MOST_UNITS = 200
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'“(]?[A-Z0-9])|\n+")
_NAME = re.compile(r"\b[A-Z][\w&’'-]*[A-Za-z0-9]")


@dataclass(frozen=True)
class Read:
    """A sentence as the comparison sees it."""

    text: str
    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    figures: tuple[Figure, ...]
    names: frozenset[str]
    denies: bool
    parts: tuple[Read, ...] = ()  # of two sentences read as one: each by itself


@lru_cache(maxsize=64)
def prepared(text: str) -> tuple[Read, ...]:
    """A passage's sentences, each alone and with the one before it; its first line, which names it, belongs to each."""
    pieces = [piece.strip() for piece in _SENTENCE.split(text) if piece.strip()][:_MOST_UNITS]
    if not pieces:
        return ()
    head = pieces[0] if len(pieces) > 1 else ""
    units = [read(piece, head) for piece in (*pieces, *_rows(text))]
    units += [_both(one, two, head) for one, two in pairwise(pieces)]
    return (*units, read(text))


def _rows(text: str) -> Iterator[str]:
    """Each row of a table with its columns' names, as one would say it: "Fund: Aurora; Class A: 1.25%"."""
    header: list[str] = []
    for line in text.splitlines()[:_MOST_UNITS]:
        cells = [cell.strip() for cell in line.split(" | ")]
        if len(cells) < 2:
            header = []
        elif len(cells) == len(header):
            yield "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(header, cells, strict=True))
        else:
            header = cells


def _both(one: str, two: str, head: str) -> Read:
    return replace(read(f"{one} {two}", head), parts=(read(one, head), read(two, head)))


@lru_cache(maxsize=1024)
def read(text: str, head: str = "") -> Read:
    """head: adds its words, names and figures, and no denial of its own."""
    whole = f"{head} {text}" if head else text
    said = [stem(word) for word in WORD.findall(text.lower())]
    words = {stem(word) for word in WORD.findall(whole.lower()) if word not in STOP}
    content = [word for word in said if word not in STOP]
    return Read(
        text,
        frozenset(words),
        frozenset(pairwise(content)),
        tuple(figures(whole)),
        frozenset(_names(text)),
        denies(text),
    )


def _names(text: str) -> Iterator[str]:
    """Words with a capital in mid-sentence, or with several; as the stems that words are known by."""
    for match in _NAME.finditer(text):
        word = match.group()
        opens = not text[: match.start()].strip() or text[: match.start()].rstrip()[-1:] in ".!?:;"
        opens = opens and not re.match(r"\s[A-Z][a-z]", text[match.end() :])  # "Lunar Trust acts"
        if (not opens or sum(c.isupper() for c in word) > 1) and word.lower() not in STOP:
            for part in WORD.findall(word.lower()):
                if part not in STOP:
                    yield stem(part)
