"""The words of a sentence, without the little ones, as stems."""

from __future__ import annotations

import re
from collections.abc import Set

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LITTLE = """the a an of to in on at by for with from and or as is are was were be been being it its this that these those
    which who whom whose has have had do does did will would shall should can could may might must not no nor than then so
    such we our us you your they their them he she his her i my s t also there here into about over under per each any all"""
STOP = frozenset(_LITTLE.split())
_ENDINGS = (
    "ations", "ation", "ments", "ment", "ings", "ing", "edly", "ies", "ied", "ers", "er", "ed", "es", "ly", "s", "e", "y",
)  # fmt: skip


def stem(word: str) -> str:
    word = word.replace("’", "'").removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def share(part: Set[object], whole: Set[object]) -> float:
    """How much of `part` stands in `whole`, 0..1; 1 where there is nothing to find."""
    return len(part & whole) / len(part) if part else 1.0
