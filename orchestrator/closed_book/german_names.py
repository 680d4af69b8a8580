"""Finds the names that German compounds hide: a place before a common noun, a law, an office, a brand joined by a hyphen.

German writes every noun with a capital, and joins a name to what it names ("Deutschlandticket", "Riester-Rente"), so that
neither capitals nor whole words tell.
Invariant: only the build of a compound is read; a word of the vocabulary hides nothing.
"""

from __future__ import annotations

import re
from functools import cache

from orchestrator.closed_book.general_notions import is_known, vocabulary
from orchestrator.closed_book.ordinary_words import ordinary

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_INSTITUTION = re.compile(
    r"(?:bundes|landes|reichs)\w{3,}|\w{4,}(?:gesetz(?:es|e|buch)?|verordnung|abkommens?|koalition|sparkassen?|ministerium|amts?"
    r"|steuer|tickets?|behörde|kammer|stiftung|urteil)",
    re.I,
)
_SHORTEST_PLACE, _SHORTEST_REST = 5, 4
_ORDINARY = 0.25  # as for whole words: docs/model-cards/closed-book.md


@cache
def _places() -> tuple[str, ...]:
    return tuple(name[0] for name in vocabulary().named if len(name) == 1 and len(name[0]) >= _SHORTEST_PLACE)


def hides_a_name(text: str) -> str | None:
    """The first German compound of a text whose build tells a name, or None."""
    return next((word for word in _WORD.findall(text) if _is_built_on_a_name(word)), None)


def _is_built_on_a_name(word: str) -> bool:
    folded = word.casefold()
    if is_known(word) or not word[0].isupper():
        return False
    if "-" in word:
        return any(_reads_as_name(part) for part in word.split("-"))
    if any(folded.startswith(place) and len(folded) >= len(place) + _SHORTEST_REST for place in _places()):
        return True
    return bool(_INSTITUTION.fullmatch(word))


def _reads_as_name(part: str) -> bool:
    return len(part) >= _SHORTEST_REST and part[0].isupper() and not is_known(part) and ordinary(part) < _ORDINARY
