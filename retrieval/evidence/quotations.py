"""Quotations that answer a question: the sentences, list or table rows of one passage, with the chance that it answers.

Two readers decide. Likeness ranks what is near in meaning and words; then a reader with understanding says of the best
passages whether they answer exactly this question, which nearness cannot tell.
Invariant: a quotation is one passage's own words in their order; nothing is reworded and nothing is joined across passages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.documents.sentences import is_title_line, sentences

Likeness = Callable[[str, Sequence[str]], npt.NDArray[np.float32]]
"""(question, pieces of text under their headings) → how near each is to the question, float32[n]."""
Reads = Callable[[str, str, str, float], float | None]
"""(question, heading, passage, likeness of its nearest part) → the chance that the passage answers just this question,
0..1; None: nobody can tell."""

SHORT = 340
"""Characters that are quoted of a passage, beside a list or a table, which is quoted whole up to LONGEST."""
LONGEST = 900
TRIES = 2
"""Passages that are read with understanding, the likeliest first: each costs half a second."""
_ITEM = re.compile(r"^\s*(?:[-*•–●▪]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S")


@dataclass(frozen=True)
class Quotation:
    """`text` stands in passage number `passage` of those searched; lists and tables keep their lines."""

    passage: int
    text: str
    chance: float


@dataclass(frozen=True)
class _Unit:
    passage: int
    place: int
    text: str
    kind: str = "sentence"


def quotations(
    question: str, passages: Sequence[tuple[str, str]], likeness: Likeness, reads: Reads, least: float
) -> Quotation | None:
    """The passage that likeliest answers, quoted; None where nobody can tell. `passages` are (heading, text). The first that
    reaches `least` is taken."""
    units = [unit for number, (_, text) in enumerate(passages) for unit in _units(number, text)]
    if not units:
        return None
    near = likeness(question, [f"{passages[unit.passage][0]}: {unit.text}" for unit in units])
    best: dict[int, float] = {}
    for unit, score in zip(units, near, strict=True):
        best[unit.passage] = max(best.get(unit.passage, 0.0), float(score))
    found: Quotation | None = None
    for number in sorted(best, key=lambda one: -best[one])[:TRIES]:
        heading, text = passages[number]
        chance = reads(question, heading, text, best[number])
        if chance is not None and (found is None or chance > found.chance):
            own = [(unit, float(score)) for unit, score in zip(units, near, strict=True) if unit.passage == number]
            found = Quotation(number, _quoted(own), chance)
        if found is not None and found.chance >= least:
            break
    return found


def nearest(question: str, heading: str, text: str, likeness: Likeness) -> float:
    """How near the nearest part of a passage is to the question."""
    units = [f"{heading}: {unit.text}" for unit in _units(0, text)]
    return float(max(likeness(question, units))) if units else 0.0


def _quoted(units: Sequence[tuple[_Unit, float]]) -> str:
    """The unit nearest to the question; sentences near it join as long as they are short together, in their order."""
    ranked = sorted(units, key=lambda one: -one[1])
    first = ranked[0][0]
    if first.kind != "sentence":
        return first.text
    chosen, length = [first], len(first.text)
    for unit, _ in ranked[1:]:
        if unit.kind == "sentence" and length + len(unit.text) <= SHORT:
            chosen.append(unit)
            length += len(unit.text)
    return " ".join(unit.text for unit in sorted(chosen, key=lambda unit: unit.place))


def _units(number: int, text: str) -> Iterator[_Unit]:
    """A passage's sentences; its lists, each with the line that leads into it; its tables, each row under the heads."""
    parts = [part for part in sentences(text) if " › " not in part]
    place = 0
    while place < len(parts):
        part = parts[place]
        if " | " in part:
            end = _while(parts, place, lambda line: " | " in line)
            yield from _table(number, place, parts[place:end])
        elif _ITEM.match(part):
            end = _while(parts, place, lambda line: bool(_ITEM.match(line)))
            lead = [parts[place - 1]] if place and parts[place - 1].endswith(":") else []
            whole = "\n".join((*lead, *parts[place:end]))
            if end - place >= 2 and len(whole) <= LONGEST:
                yield _Unit(number, place, whole, "list")
            else:
                yield from (_Unit(number, place + n, line) for n, line in enumerate(parts[place:end]))
        else:
            end = place + 1
            if not is_title_line(part):
                yield _Unit(number, place, part)
        place = end


def _while(parts: Sequence[str], start: int, holds: Callable[[str], bool]) -> int:
    end = start
    while end < len(parts) and holds(parts[end]):
        end += 1
    return end


def _table(number: int, place: int, lines: Sequence[str]) -> Iterator[_Unit]:
    """Each row under the table's heads, and the table whole where it is short, in Markdown."""
    head, *rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    for n, row in enumerate(rows, 1):
        yield _Unit(number, place + n, _markdown(head, [row]), "row")
    if len(rows) > 1 and len(whole := _markdown(head, rows)) <= LONGEST:
        yield _Unit(number, place, whole, "table")


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
