"""One short quotation of the lines that were read: the likeliest line, with its neighbours in meaning.

Invariant: each part is one passage's own words in their order; nothing is reworded, and a part never joins two passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from retrieval.evidence.prose.digest import Line

SHORT = 340
"""Characters that are quoted together; a list is quoted whole where it is as short, or where several things are wanted."""
NEARLY, ALMOST = 0.1, 0.02
"""How far behind the likeliest line one of another passage may be: where a question compares, and where it does not."""


@dataclass(frozen=True)
class Part:
    """`text` stands in passage number `passage` of those searched; lists and tables keep their lines."""

    passage: int
    text: str


_SEVERAL = re.compile(
    r"\b(?:which|what)\s+(?:[\w'-]+\s+){0,2}(?!this|is|was|has|does)[\w-]{2,}s\b|\blist\b|\ball\b|\bsteps?\b"
    r"|\bhow (?:do|can|should) (?:i|we|you)\b|\bwhat (?:do|must|should) (?:i|we|you)\b",
    re.IGNORECASE,
)


def asks_several(question: str) -> bool:
    """Whether a question wants a list, or the steps of something."""
    return _SEVERAL.search(question) is not None


_COMPARES = re.compile(
    r"\b(?:or|than|both|versus|vs|compared?|comparison|differ\w*|each|either|respectively|and)\b", re.IGNORECASE
)


def quoted(lines: Sequence[Line], question: str = "") -> list[Part]:
    """What is quoted of the lines, the likeliest one first; a list or table whole where several things are wanted."""
    first = max(lines, key=lambda line: line.rank).unit
    if first.whole and (asks_several(question) or (first.kind == "item" and len(first.whole) <= SHORT)):
        return [Part(first.passage, first.whole)]
    return parts_of(together(lines, question), first.passage)


def together(lines: Sequence[Line], question: str) -> list[Line]:
    """The likeliest line, and those in its passage, or nearly as likely, that are short enough to be quoted with it."""
    first, *others = sorted(lines, key=lambda line: -line.rank)
    chosen, length = [first], len(first.unit.text)
    farthest = first.rank - (NEARLY if _COMPARES.search(question) else ALMOST)
    for line in others:
        near_enough = line.unit.passage == first.unit.passage or line.rank >= farthest
        if near_enough and length + len(line.unit.text) <= SHORT:
            chosen.append(line)
            length += len(line.unit.text)
    return chosen


def parts_of(chosen: Sequence[Line], first: int) -> list[Part]:
    """The lines in their order, each passage's together, passage number `first` before the others."""
    ordered = sorted(chosen, key=lambda line: (line.unit.passage != first, line.unit.passage, line.unit.place))
    return [
        Part(passage, text)
        for passage, own in groupby(ordered, key=lambda line: line.unit.passage)
        for text in _joined(list(own))
    ]


def _joined(lines: Sequence[Line]) -> list[str]:
    """Sentences as one paragraph, rows under their heads once, facts a line each, a list by itself."""
    found: list[str] = []
    for kind, group in groupby(lines, key=lambda line: line.unit.kind):
        own = [line.unit for line in group]
        texts = [unit.text for unit in own]
        if kind == "sentence":
            found.append(" ".join(texts))
        elif kind == "row":
            for head, rows in groupby(texts, key=lambda text: text.rpartition("\n")[0]):
                found.append("\n".join([head, *(row.rpartition("\n")[2] for row in rows)]))
        elif kind == "item":
            for lead, items in groupby(own, key=lambda unit: unit.lead):
                found.append("\n".join([*([lead] if lead else []), *(item.text for item in items)]))
        elif kind == "fact":
            found.append("\n".join(texts))
        else:
            found += texts
    return found
