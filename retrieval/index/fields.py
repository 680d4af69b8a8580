"""The fields that a passage's words stand in: names of the document, section, labels of rows, heads of columns, text.

Pure: a stored row in, words and their fields out. Words of labels and heads are words of the text too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from retrieval.index.generations import Row
from retrieval.index.tokens import tokens

TITLE, SECTION, LABEL, HEAD, BODY = range(5)
Marked = tuple[tuple[str, ...], npt.NDArray[np.uint8]]

_YEARS = re.compile(r"(?:19|20)\d\d")
_AMOUNT = re.compile(r"[$€£]\s*\d|\d[\d,]*\.\d|\d{1,3}(?:,\d{3})+|\(\d")
_LONGEST_HEAD = 15  # words of a line that may be a caption or a head
_MOST_HEADS = 4  # lines over a table's first row


def marked(row: Row) -> Marked:
    """The words of what is searched of a row, in order, and the field that each stands in."""
    named = row["header"].removesuffix(row["section"]) if row["section"] else row["header"]
    parts = [(named, TITLE), (row["header"][len(named) :], SECTION), *_of_text(row["text"])]
    words: list[str] = []
    kinds: list[int] = []
    for text, kind in parts:
        found = tokens(text)
        words += found
        kinds += [kind] * len(found)
    return tuple(words), np.array(kinds, np.uint8)


def _of_text(text: str) -> Iterator[tuple[str, int]]:
    """The text's pieces, in order. A line over a row with amounts is its head; the row's first cell is its label."""
    lines = text.splitlines()
    heads = _heads(lines)
    for number, line in enumerate(lines):
        if number in heads:
            yield line, HEAD
        elif " | " in line and not _names_columns(line):
            label, _, rest = line.partition(" | ")
            yield label, LABEL
            yield rest, BODY
        else:
            yield line, BODY


def _heads(lines: Sequence[str]) -> set[int]:
    found: set[int] = set()
    waiting: list[int] = []
    for number, line in enumerate(lines):
        if " | " in line and not _names_columns(line):
            found.update(waiting)
            waiting = []
        elif len(line.split()) <= _LONGEST_HEAD:
            waiting = [*waiting[1 - _MOST_HEADS :], number]
        else:
            waiting = []
    return found


def _names_columns(line: str) -> bool:
    """Years and no amounts: 'For the years ended June 30, | 2023 | 2022'."""
    return bool(_YEARS.search(line)) and not _AMOUNT.search(line)
