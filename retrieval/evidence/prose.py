"""Quotations that answer a question in prose: the sentence, or the list, that says it, with the chance that it does.

Invariant: a quotation is the passage's own words, in their order; nothing is reworded and nothing is joined across passages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.documents.sentences import is_title_line, sentences
from retrieval.types import Passage

Answers = Callable[[str, Sequence[str]], npt.NDArray[np.float32]]
"""(question, pieces of evidence under their headings) → the chance that each answers it, float32[n] in 0..1."""

LONGEST = 900
"""Characters of a list that is quoted whole; a longer one is quoted by its items."""
NEIGHBOURS = 2
"""Sentences beside the best one that may be quoted with it, each likely enough by itself."""
_ITEM = re.compile(r"^\s*(?:[-*•–●▪]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S")


@dataclass(frozen=True)
class Quotation:
    """`text` stands in passage number `passage` of those searched; a list keeps a line for each item."""

    passage: int
    text: str
    chance: float


@dataclass(frozen=True)
class _Unit:
    passage: int
    place: int
    text: str
    whole_list: bool = False


def quotations(question: str, passages: Sequence[Passage], answers: Answers, least: float) -> list[Quotation]:
    """What answers best: one sentence or list with at most NEIGHBOURS of its passage; empty below `least`.

    In the passage's order, so that a condition stays before what follows from it. The chance of a quotation is that of
    its best part.
    """
    units = [unit for number, passage in enumerate(passages) for unit in _units(number, passage.text)]
    if not units:
        return []
    chances = answers(question, [f"{heading(passages[unit.passage])}: {unit.text}" for unit in units])
    best = int(np.argmax(chances))
    top = units[best]
    if chances[best] < least:
        return []
    chosen = [best]
    if not top.whole_list:
        near = [
            index
            for index, unit in enumerate(units)
            if unit.passage == top.passage and index != best and not unit.whole_list and chances[index] >= least
        ]
        chosen += sorted(near, key=lambda index: -chances[index])[:NEIGHBOURS]
    chosen.sort(key=lambda index: units[index].place)
    return [Quotation(units[i].passage, units[i].text, float(chances[best])) for i in chosen]


def heading(passage: Passage) -> str:
    """What a passage's sentences are about: title and section, each once."""
    return " › ".join(dict.fromkeys(part for part in (passage.title, passage.section) if part))


def _units(number: int, text: str) -> Iterator[_Unit]:
    """A passage's sentences, and each of its lists once more as a whole under the line that leads into it."""
    parts = [part for part in sentences(text) if not is_title_line(part) and " › " not in part]
    for place, part in enumerate(parts):
        yield _Unit(number, place, part)
    start = 0
    while start < len(parts):
        end = start
        while end < len(parts) and _ITEM.match(parts[end]):
            end += 1
        if end - start >= 2:
            lead = [parts[start - 1]] if start and parts[start - 1].endswith(":") else []
            whole = "\n".join((*lead, *parts[start:end]))
            if len(whole) <= LONGEST:
                yield _Unit(number, start, whole, whole_list=True)
        start = max(end, start + 1)
