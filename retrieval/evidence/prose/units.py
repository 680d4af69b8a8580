"""The parts of a passage that can be quoted: its sentences, its lists with the line that leads into them, its table rows.

Invariant: a part is the passage's own words in their order; nothing is reworded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from retrieval.documents.sentences import is_title_line, sentences
from retrieval.graph.heads import is_head_row, is_unit_note, names_periods
from retrieval.graph.reading.figures import is_nil

_TERM = 4
LONGEST = 900
"""Characters of a list or a table that is quoted whole."""
_ITEM = re.compile(r"^\s*(?:[-*•–●▪]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S")


@dataclass(frozen=True)
class Unit:
    """passage: its number among those searched; place: where in it; kind: sentence, item (of a list), row (under its heads),
    fact (a row of a table without heads) or table. lead: the line that leads into an item's list; whole: that list with its
    lead, or a row's table, where it is short enough to be quoted."""

    passage: int
    place: int
    text: str
    kind: str = "sentence"
    lead: str = ""
    whole: str = ""

    @property
    def line(self) -> str:
        """In one line, as it is read: a row says its heads."""
        if self.kind != "row":
            return " ".join(self.text.split())
        written = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in self.text.split("\n")]
        heads, row = written[0], written[-1]
        cells = [
            f"{head}: {cell}" if head and head != cell else cell for head, cell in zip(heads[1:], row[1:], strict=False)
        ]
        first = f"{heads[0]} {row[0]}" if 0 < len(heads[0]) < 30 else row[0]
        return f"{first} - " + "; ".join(cell for cell in cells if cell)


def units(number: int, text: str, heading: str = "") -> Iterator[Unit]:
    """A passage's sentences; its lists, each with the line that leads into it; its tables, each row under the heads. The
    heading that a passage repeats in its first line is none of them."""
    first, _, rest = text.partition("\n")
    body = rest if first.strip() and heading.endswith(first.strip()) else text
    parts = [part for part in sentences(body) if " › " not in part]
    place = 0
    while place < len(parts):
        part = parts[place]
        if " | " in part:
            end = _while(parts, place, lambda line: " | " in line)
            yield from _table(number, place, parts[place:end])
        elif _ITEM.match(part):
            end = _while(parts, place, lambda line: bool(_ITEM.match(line)))
            yield from _list(number, place, parts[place:end], parts[place - 1] if place else "")
        else:
            end = place + 1
            if _leads(part) and end < len(parts) and not _ITEM.match(parts[end]) and " | " not in parts[end]:
                part, end = f"{part} {parts[end]}", end + 1
            leads = part.endswith(":") and end < len(parts) and _ITEM.match(parts[end])  # it is said with each item
            if not leads and not is_title_line(part):
                yield Unit(number, place, part)
        place = end


def _leads(part: str) -> bool:
    """A term before its definition ("Tracking error."), or a question before its answer: neither says anything alone."""
    return part.endswith("?") or (
        part[-1:] in ".:" and len(part.split()) <= _TERM and not any(sign.isdigit() for sign in part)
    )


def _while(parts: Sequence[str], start: int, holds: Callable[[str], bool]) -> int:
    end = start
    while end < len(parts) and holds(parts[end]):
        end += 1
    return end


def _list(number: int, place: int, items: Sequence[str], before: str) -> Iterator[Unit]:
    """Each item under the line that leads into the list. An item's further sentences follow it as sentences."""
    lead = before if before.endswith(":") else ""
    whole = "\n".join((lead, *items) if lead else items)
    shown = whole if len(items) > 1 and len(whole) <= LONGEST else ""
    yield from (Unit(number, place + n, item, "item", lead, shown) for n, item in enumerate(items))


def _table(number: int, place: int, lines: Sequence[str]) -> Iterator[Unit]:
    """Each row under the table's heads, and the table whole where it is short, in Markdown; without heads, as they are."""
    head, *rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    if not _is_head(head, rows):
        told = [(": " if len(row) == 2 else " | ").join(row) for row in (head, *rows)]
        yield from (Unit(number, place + n, line, "fact") for n, line in enumerate(told))
        if len(told) > 1 and len(whole := "\n".join(told)) <= LONGEST:
            yield Unit(number, place, whole, "table")
        return
    whole = _markdown(head, rows)
    shown = whole if len(rows) > 1 and len(whole) <= LONGEST else ""
    for n, row in enumerate(rows, 1):
        yield Unit(number, place + n, _markdown(head, [row]), "row", whole=shown)
    if shown:
        yield Unit(number, place, whole, "table")


def _is_head(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table's first row names its columns. A fact beside others ("Entry charge | 2.50%") is no head of theirs, nor
    is the first of two columns whose values are of several kinds."""
    if not rows or not is_head_row(first, first=True):
        return False
    if len(first) != 2:
        return True
    kinds = {_kind(row[-1]) for row in rows if not is_nil(row[-1])}
    if names_periods(first[1]) or is_unit_note(first[1]):
        return len(kinds) == 1 or "words" not in kinds  # "Launch date | 4 May 2015" over names and figures is a fact too
    return len(kinds) <= 1 and _kind(first[1]) == "words"


def _kind(value: str) -> str:
    """A figure's unit ("%", "days"; "" for money and plain numbers), or "words"."""
    if not any(sign.isdigit() for sign in value):
        return "words"
    return re.sub(r"[\d\s.,()+\-−–$€£¥]+", "", value).lower()


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
