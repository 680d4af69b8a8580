"""Words of a page and the lines that they stand in, by their places alone.

Invariant: every visible character is in exactly one word; raised characters form words of their own (`mark`), so that a
footnote's number is never part of a figure.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np

from retrieval.documents.grid import RAISED, Box
from retrieval.documents.pdf.glyphs import HYPHEN, Flags, Glyphs

_RAISED = 0.15  # of the type's height: a baseline this much above its neighbour's is a superscript's
_SMALLER = 0.85  # and it is set this much smaller
_BESIDE = 1.6  # of the type's height: a mark further away belongs to no word
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_LOWERED = {raised: plain for plain, raised in RAISED.items()}
_GAP = 0.25  # of the type's height: a gap as wide as a blank parts words
_SAME_LINE = 0.34  # of the type's height: baselines this near are one line


@dataclass(slots=True)
class Word:
    """A run of characters without a gap. `base` is its baseline's height, `size` its type's height, both in points.

    at: the place of its first character in the page's text.
    """

    text: str
    left: float
    right: float
    base: float
    size: float
    mark: bool = False
    at: int = 0

    @property
    def box(self) -> Box:
        return (self.left, self.base - 0.22 * self.size, self.right, self.base + 0.78 * self.size)


@dataclass(slots=True)
class TextLine:
    """Words that stand beside each other, from left to right."""

    words: list[Word] = field(default_factory=list)
    base: float = 0.0
    size: float = 0.0

    @property
    def text(self) -> str:
        return spelled(self.words)

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)


def spelled(words: list[Word]) -> str:
    """The words with blanks between them; a mark after a blank, as superscripts."""
    return " ".join(word.text for word in words)


def raised(glyphs: Glyphs) -> Flags:
    """Which characters stand raised and small beside a larger neighbour of the same line: marks of footnotes, exponents."""
    count = len(glyphs.text)
    up = np.zeros(count, np.bool_)
    inked = np.flatnonzero(glyphs.ink & (glyphs.size > 0))
    if len(inked) < 2:
        return up
    base, size, left = glyphs.base[inked], glyphs.size[inked], glyphs.boxes[inked, 0]
    starts = np.flatnonzero(np.concatenate([[True], (np.abs(np.diff(base)) > 0.01) | (np.abs(np.diff(size)) > 0.01)]))
    ends = np.append(starts[1:], len(inked))
    for run, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        for other in (run - 1, run + 1):
            if not 0 <= other < len(starts):
                continue
            beside = int(starts[other] if other > run else ends[other] - 1)
            lift, full = base[start] - base[beside], size[beside]
            near = abs(left[start if other < run else end - 1] - left[beside]) < 3 * full
            if size[start] <= _SMALLER * full and _RAISED * full < lift < 0.8 * full and near:
                up[inked[start:end]] = True
                break
    return up


def words_of(glyphs: Glyphs) -> list[Word]:
    """The visible words in the order of the file."""
    shown = np.flatnonzero(glyphs.ink & ~glyphs.hidden)
    if not len(shown):
        return []
    up = raised(glyphs)[shown]
    base, size = glyphs.base[shown], np.maximum(glyphs.size[shown], 1.0)
    left, right = glyphs.boxes[shown, 0], glyphs.boxes[shown, 2]
    gap = left[1:] - right[:-1]
    parted = (
        (np.diff(shown) > 1)
        | (up[1:] != up[:-1])
        | (gap > _GAP * size[1:])
        | (gap < -0.9 * size[1:])
        | (np.abs(base[1:] - base[:-1]) > _SAME_LINE * size[1:])
    )
    starts = np.concatenate([[0], np.flatnonzero(parted) + 1])
    ends = np.append(starts[1:], len(shown))
    edges = zip(
        starts.tolist(),
        ends.tolist(),
        np.minimum.reduceat(left, starts).tolist(),
        np.maximum.reduceat(right, starts).tolist(),
        base[starts].tolist(),
        size[starts].tolist(),
        up[starts].tolist(),
        shown[starts].tolist(),
        strict=True,
    )
    letters = [glyphs.text[at] for at in shown.tolist()]
    found = []
    for start, end, first, last, height, tall, mark, at in edges:
        text = "".join(letters[start:end]).replace(chr(HYPHEN), "-").replace("\u00ad", "").replace("\u200b", "")
        if text:
            found.append(Word(text.translate(RAISED) if mark else text, first, last, height, tall, mark, at))
    return found


def lines_of(words: list[Word]) -> list[TextLine]:
    """Lines from the top of the page down. A mark belongs to the line of the word that it stands behind."""
    owners = _owners_of_marks(words)
    words = [word for word in words if word.text]
    lines: list[TextLine] = []
    home: dict[int, TextLine] = {}
    for word in sorted((word for word in words if id(word) not in owners), key=lambda word: -word.base):
        line = lines[-1] if lines else None
        if line is None or line.base - word.base > _SAME_LINE * min(max(line.size, word.size), 1.5 * word.size):
            line = TextLine([], word.base, word.size)
            lines.append(line)
        line.words.append(word)
        line.size = max(line.size, word.size)
        home[id(word)] = line
    for mark in words:
        if owner := owners.get(id(mark)):
            home[id(owner)].words.append(mark)
    for line in lines:
        line.words.sort(key=lambda word: word.left)
    return lines


def _owners_of_marks(words: list[Word]) -> dict[int, Word]:
    """The larger word that each raised word stands beside, by the mark's id.

    Files may write a page's marks long after its words, so that only the place tells.
    """
    largest = max((word.size for word in words), default=0.0)
    small = [word for word in words if word.size <= _SMALLER * largest]
    if not small:
        return {}
    least = min(word.size for word in small) / _SMALLER
    tall = sorted((word for word in words if word.size >= least and not word.mark), key=lambda word: word.base)
    heights = [word.base for word in tall]
    owners: dict[int, Word] = {}
    for word in small:
        low, high = bisect_left(heights, word.base - 0.8 * largest), bisect_right(heights, word.base)
        if owner := _raised_beside(word, tall[low:high]):
            if word.text.translate(_LOWERED).lower() in _ORDINALS and owner.text[-1:].isdigit():
                owner.text += word.text.translate(_LOWERED)  # 1st, 2nd: part of the word
                owner.right = max(owner.right, word.right)
                word.text = ""
                continue
            owners[id(word)] = owner
            if not word.mark:
                word.mark, word.text = True, word.text.translate(RAISED)
    return owners


def _raised_beside(word: Word, others: list[Word]) -> Word | None:
    """The nearest word that ends where this one begins (or, for a leading mark, the other way round) and lies lower."""
    best: tuple[float, Word] | None = None
    for other in others:
        lift = word.base - other.base
        if word.size > _SMALLER * other.size or not _RAISED * other.size < lift < 0.8 * other.size:
            continue
        after, before = word.left - other.right, other.left - word.right
        distance = after if after > -0.3 * other.size else before if before > -0.3 * other.size else 99.0
        if distance < _BESIDE * other.size and (best is None or distance < best[0]):
            best = (distance, other)
    return best[1] if best else None
