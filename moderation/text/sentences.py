"""Where sentences end: for the gate that cuts a stream at them, and for the rails that judge piece by piece.

Invariant: every function is linear in the text's length, and no character that is not white space is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

CLOSERS = "\"'”’)]»*_"
CJK_END = re.compile(r"[。！？]")
_ENDS = (".", "!", "?", "…")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|vs|cf|etc|approx|ca|bzw|Inc|Ltd|Co|Corp|e\.g|i\.e|z\.B|U\.S)\.$"
)
_LIST_NUMBER = re.compile(r"(?:^|\n)\s*\d{1,3}\.$")
_LOOKED_BACK = 40  # characters: longer than every abbreviation

_AFTER_END = re.compile(r"(?<=[.!?])\s+|\s*\n+\s*")
_AFTER_CLAUSE = re.compile(r"(?<=[.!?;])\s+")
_CITED = re.compile(r"\S.*?(?:[.!?…](?:\s*\[\d+\])*[\"'”’)]*(?=\s|$)|$)", re.S)
_BEGUN = re.compile(r"(?:(?<=[.!?…]\s)|^)[^.!?…]*$")


def ends_sentence(text: str, at: int) -> bool:
    """Whether text[:at] ends with a sentence's mark, and not with that of an abbreviation or of a number in a list."""
    before = text[max(0, at - _LOOKED_BACK) : at].rstrip(CLOSERS)
    return before.endswith(_ENDS) and not (_ABBREVIATION.search(before) or _LIST_NUMBER.search(before))


def sentences(text: str) -> list[str]:
    """The pieces between sentence marks or line ends: of prose, of headings, of tables' rows. None is empty."""
    return [piece for piece in _AFTER_END.split(text) if piece.strip()]


def clauses(text: str) -> list[str]:
    """The same for a description that lists with semicolons, whose lines may break anywhere."""
    return [piece for piece in _AFTER_CLAUSE.split(text) if piece.strip()]


def cited_sentences(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence that says something, with the marks ("[3]") that follow its end."""
    for match in _CITED.finditer(text):
        if re.search(r"\w", match.group()):
            yield match.start(), match.start() + len(match.group().rstrip())


def begun(text: str) -> str:
    """The sentence that the end of a text has begun and not ended; empty where it has ended, as it has with a paragraph or a
    table."""
    found = _BEGUN.search(text.rpartition("\n\n")[2])
    return found.group() if found else ""
