"""From the lines of a PDF page to blocks: headings, prose, items and table rows, by fonts where the file tells, else by
words.

A block never leaves its page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from retrieval.documents.blocks import Block

_NUMBER = r"\(?[-–—+]?[$€£¥]?\s?\(?\d[\d,.]*\)?\s?(?:%|bps|x|bn|m)?\)?"
_CELLS = re.compile(rf"(?:^|\s)(?:{_NUMBER}|[—–-]|N/?A|#|\$)(?=\s|$)")
_ROW_END = re.compile(rf"(?:{_NUMBER}|[—–]|N/?A|#|%)\)?\s*$")
_ITEM = re.compile(r"^(?:[•●▪◦‣*·]|[-–—]|\(?[a-z0-9]{1,2}[.)])\s+\S")
_NUMBERED = re.compile(
    r"^(?:PART\s+[IVX]+|Item\s+\d+[A-C]?\b|Note\s+\d+\b|TABLE\s+\d+|Chapter\s+\d+|Section\s+\d+|\d+(?:\.\d+)*\.?\s+[A-Z])",
    re.I,
)
_SMALL_WORDS = "a an and as at by for from in of on or per the to with vs its our"
_SMALL = frozenset(_SMALL_WORDS.split())


@dataclass(frozen=True)
class Line:
    """A line of a page. `emphasis`: 0 as the running text, 1 bold, 2 also larger; None where fonts are unknown."""

    text: str
    emphasis: int | None = None


def page_blocks(kept: list[Line], page: int) -> Iterable[Block]:
    """The blocks of one page. Lines of running text are joined again; rows of a table stay one line each."""
    width = sorted(len(line.text) for line in kept)[int(0.9 * len(kept))] if kept else 0
    paragraph: list[str] = []
    in_table = False

    def prose() -> Iterable[Block]:
        if paragraph:
            yield Block("item" if _ITEM.match(paragraph[0]) else "prose", " ".join(paragraph), page)
            paragraph.clear()

    for index, line in enumerate(kept):
        text, following = line.text, kept[index + 1 : index + 3]
        if paragraph and len(paragraph[-1]) < 0.6 * width and not _ends(paragraph[-1]) and not text[0].islower():
            yield from prose()  # a line that stops short ends its paragraph: lists of facts, addresses
        if _is_row(text, open_sentence=bool(paragraph) and not _ends(paragraph[-1])):
            yield from prose()
            yield Block("row", text, page)
            in_table = True
            continue
        if in_table and line.emphasis != 2 and len(text.split()) <= 6 and not text.endswith(".") and _lead_to_row(following):
            yield Block("row", text, page)  # a group's name inside a table: "Current assets:"
            continue
        in_table = False
        if _is_heading(line, paragraph[-1] if paragraph else "", following[0].text if following else ""):
            yield from prose()
            yield Block("heading", text, page, _level(line))
        else:
            if paragraph and (_ITEM.match(text) or (_ends(paragraph[-1]) and len(paragraph[-1].split()) < 9)):
                yield from prose()
            paragraph.append(text)
            if _ends(text) and len(" ".join(paragraph).split()) > 40:
                yield from prose()
    yield from prose()


def _lead_to_row(following: list[Line]) -> bool:
    return any(_is_row(line.text, open_sentence=False) for line in following)


def _ends(line: str) -> bool:
    return line.endswith((".", "!", "?", ":", ";", ".”", '."', ".)"))


def _is_row(line: str, open_sentence: bool) -> bool:
    """A line of a table: at least two figures of which one stands last, and few words beside them."""
    cells = _CELLS.findall(line)
    words = [word for word in line.split() if any(c.isalpha() for c in word)]
    if not cells or not _ROW_END.search(line):
        return False
    if len(cells) == 1:
        return not open_sentence and 1 <= len(words) <= 8 and len(line.split()) - len(words) <= 2 and not _ITEM.match(line)
    return len(words) <= max(14, 2 * len(cells)) and not (open_sentence and len(words) > 8)


def _is_heading(line: Line, before: str, following: str) -> bool:
    """By its font where the file tells; else by its words: few, mostly capital, no closing mark."""
    text = line.text
    words = [word for word in re.split(r"[\s/]+", text) if any(c.isalpha() for c in word)]
    if not any(len(word) > 2 for word in words) or text.endswith((",", ";")) or (len(words) > 18 and line.emphasis != 2):
        return False
    if line.emphasis is not None:
        return line.emphasis > 0 and not _ITEM.match(text)
    if len(words) > 14 or text.endswith((".", ":")) or not text[0].isalnum():
        return False
    if len(before.split()) > 7 and not _ends(before) and not _NUMBERED.match(text):
        return False  # the middle of a sentence
    if _NUMBERED.match(text):
        return True
    big = [word for word in words if word.lower() not in _SMALL]
    titled = sum(1 for word in big if word[0].isupper() or word[0].isdigit())
    if not big or titled < 0.65 * len(big):
        return False
    return len(following) > 2 * len(text) or len(words) <= 8


def _level(line: Line) -> int:
    letters = [c for c in line.text if c.isalpha()]
    return 2 if line.emphasis == 2 or _NUMBERED.match(line.text) or all(c.isupper() for c in letters) else 3
