"""The few lines of several passages that are likeliest to answer a question, lettered, under their headings.

Some 200 tokens instead of whole passages: read in one go, and lines of two passages stand beside each other where a question
compares. Invariant: every line is a part of one passage, in that passage's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.evidence.prose.units import Unit, units

Likeness = Callable[[str, Sequence[str]], npt.NDArray[np.float32]]
"""(question, pieces of text under their headings) → how near each is to the question, float32[n]."""

_WORD = re.compile(r"[^\W\d_]+")
CHARACTERS, MOST = 850, 12
"""What lines may come to together, and how many there may be."""
_LEANS = re.compile(
    r"(?:it|this|these|they|that|those|he|she|such|in this case|if so|otherwise|the same|here|there|then|but|also)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Line:
    """near: how near to the question its unit is. rank: how likely it is the one that answers, beside the others; as near as
    it is, where nobody has looked."""

    unit: Unit
    near: float
    rank: float

    @property
    def text(self) -> str:
        return self.unit.line


def digest(
    question: str, passages: Sequence[tuple[str, str]], likeness: Likeness, products: frozenset[str] = frozenset()
) -> list[Line]:
    """The nearest units of passages (heading, text), in reading order, the passage of the nearest first. A sentence that
    leans on the one before brings it along.

    products: words by which products are told apart. Where a question names some, what is about others alone is left
    out: the fact sheet of one answers nothing about the next.
    """
    asked = _words(question) & products
    found = [
        unit
        for number, (heading, text) in enumerate(passages)
        for unit in units(number, text, heading)
        if unit.kind != "table" and not (asked and _of_others(heading, unit.text, asked, products))
    ]
    if not found:
        return []
    near = likeness(question, [f"{passages[unit.passage][0]}: {unit.lead} {unit.text}" for unit in found])
    at = {(unit.passage, unit.place): place for place, unit in enumerate(found)}
    chosen: dict[int, float] = {}
    used = 0
    for place in sorted(range(len(found)), key=lambda one: -near[one]):
        if place in chosen:
            continue
        unit, group = found[place], [place]
        before = at.get((unit.passage, unit.place - 1))
        if before is not None and before not in chosen and unit.kind == "sentence" and _LEANS.match(unit.text):
            group.append(before)
        size = sum(len(found[one].line) for one in group)
        if chosen and (used + size > CHARACTERS or len(chosen) + len(group) > MOST):
            break
        chosen |= {one: float(near[one]) for one in group}
        used += size
    best: dict[int, float] = {}
    for place, score in chosen.items():
        passage = found[place].passage
        best[passage] = max(best.get(passage, -1.0), score)
    ordered = sorted(chosen, key=lambda one: (-best[found[one].passage], found[one].passage, found[one].place))
    return [Line(found[place], chosen[place], chosen[place]) for place in ordered]


def _of_others(heading: str, text: str, asked: frozenset[str], products: frozenset[str]) -> bool:
    """Whether a text names other products only, or stands under the heading of others and names none that is asked for."""
    named = _words(text) & products
    return not named & asked and bool(named or (_words(heading) & products and not _words(heading) & asked))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))


def as_read(lines: Sequence[Line], passages: Sequence[tuple[str, str]]) -> str:
    """`# heading` and `[A] line`, as the model reads them; an item's list is led into once."""
    parts: list[str] = []
    last, lead = -1, ""
    leads = {line.text for line in lines}
    for number, line in enumerate(lines):
        if line.unit.passage != last:
            last, lead = line.unit.passage, ""
            parts.append(f"# {passages[last][0]}")
        if line.unit.lead not in ("", lead):
            lead = line.unit.lead
            if lead not in leads:  # else it is a line of its own
                parts.append(lead)
        parts.append(f"[{letter(number)}] {line.text}")
    return "\n".join(parts)


def letter(number: int) -> str:
    return chr(ord("A") + number)
