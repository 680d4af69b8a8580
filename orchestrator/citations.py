"""The mark of a citation, `[3]`: where it stands in an answer, and where one is put.

A model may write several numbers into one mark, `[2, 9]`; what leaves Countersign has one number in each.
"""

from __future__ import annotations

import re

_MARK = re.compile(r"\[(\d+)\]")
_ANY_MARK = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?:\s*\[[\d, ]+\])*\s+(?=[^\s\[])|\n+")
"""A sentence ends after the marks that follow its full stop, and they belong to it."""


def cited(text: str) -> list[int]:
    """The numbers of the marks in a text, in their order."""
    return [int(number) for number in _MARK.findall(text)]


def without_marks(text: str) -> str:
    return _ANY_MARK.sub("", text)


def with_mark(sentence: str, number: int) -> str:
    """The sentence with its mark, and a space after it. The mark stands before the full stop, so that it is released
    together with its sentence."""
    if sentence[-1] in ".!?:;":
        return f"{sentence[:-1].rstrip()} [{number}]{sentence[-1]} "
    return f"{sentence} [{number}]. "


def sentences(text: str) -> tuple[list[str], str]:
    """The sentences that have ended, and the rest, which may still go on."""
    *whole, rest = _SENTENCE_END.split(text)
    return whole, rest
