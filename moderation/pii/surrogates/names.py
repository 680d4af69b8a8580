"""False names, word by word: a given name for a given name, of the same script and, as far as a name tells, the same gender.

Invariant: no name here is an ordinary word, and what a name tells about its bearer's gender is a guess that decides nothing
but the list that is drawn from.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from moderation.pii.surrogates.draw import Draw
from moderation.pii.surrogates.lists import words
from moderation.pii.word_lists import given_names

_FEMALE_ENDINGS = ("a", "ie", "ette", "ine", "elle", "lyn", "а", "я")


def is_kept(word: str) -> bool:
    """Is the word a particle that a false name keeps ("van der")?"""
    return word.casefold() in words("particles")


def looks_given(word: str) -> bool:
    return word.casefold() in given_names()


def female(word: str) -> bool:
    name = word.casefold()
    return name in words("hint_female") or (name.endswith(_FEMALE_ENDINGS) and name not in words("hint_male"))


def false_name(word: str, *, given: bool, draw: Draw) -> str | None:
    """A name word to stand for `word`, capitalised; for an initial a letter. None for a script without a list."""
    script = script_of(word)
    if script is None:
        return None
    if len(word) == 1:
        return draw.pick(false_names(script, "surname"))[:1]
    kind = ("female" if female(word) else "male") if given else "surname"
    return draw.pick(false_names(script, kind))


@cache
def false_names(script: str, kind: str) -> tuple[str, ...]:
    return words(f"{script}_{kind}")


def script_of(word: str) -> str | None:
    """latin or cyrillic, where all letters of the word are of it; else None."""
    scripts = {unicodedata.name(c, "?").split(" ", 1)[0].lower() for c in word if c.isalpha()}
    return scripts.pop() if len(scripts) == 1 and scripts <= {"latin", "cyrillic"} else None
