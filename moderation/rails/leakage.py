"""The leakage rail: our own words to the model, or the canary that stands among them, in an answer.

Invariant: no finding holds a letter of the canary or of the prompt.
"""

from __future__ import annotations

import base64
import codecs
import math
import re
from functools import lru_cache

from moderation.policy import RailPolicy
from moderation.rails.base import Rail, Seen, act
from moderation.rails.parts import RailParts, Readings
from moderation.types import Allow, Direction, Finding, Verdict

PIECE = 8  # letters of the canary that give it away; by chance they stand together once in 20**8 places
RUN = 9  # words in a row that are as likely copied as not: ordinary language shares five or six with any text
_CATEGORY = "system_prompt"
_GRAM = 5
_WORD = re.compile(r"[^\W_]+")


def rail(parts: RailParts) -> Rail:
    return LeakageRail(parts.rules, parts.readings)


class LeakageRail:
    def __init__(self, rules: RailPolicy, readings: Readings) -> None:
        self._rules, self._readings = rules, readings

    def judges(self, direction: Direction) -> bool:
        return direction is Direction.OUTPUT

    def judge(self, seen: Seen) -> Verdict:
        hidden, threshold = seen.beside.hidden, self._rules.threshold_for(_CATEGORY, seen.direction)
        if hidden is None or not seen.text.strip():
            return Allow(Finding("leakage", _CATEGORY, 0.0, threshold, "no prompt of ours lies beside it"))
        whole = seen.before + seen.text
        readings = [whole, *(variant.text for variant in self._readings.variants(whole))]
        if any(_holds_canary(reading, hidden.canary) for reading in readings):
            probability, reason = 1.0, "repeats a part of the prompt's canary"
        else:
            run = max(_longest_run(reading, hidden.words) for reading in readings)
            probability, reason = _copied(run), f"shares {run} words in a row with the prompt"
        finding = Finding("leakage", _CATEGORY, probability, threshold, reason)
        if probability < threshold:
            return Allow(finding)
        return act(self._rules.action_for(_CATEGORY, seen.direction), finding, self._rules)


def _copied(run: int) -> float:
    return 0.0 if run < _GRAM else 1.0 / (1.0 + math.exp(RUN - run))


def _holds_canary(text: str, canary: str) -> bool:
    letters = "".join(c for c in text.lower() if "a" <= c <= "z")
    if any(letters[at : at + PIECE] in _pieces(canary) for at in range(len(letters) - PIECE + 1)):
        return True
    codes = "".join(c for c in text if c.isascii() and c.isalnum())
    low = codes.lower()
    for wanted, size in _codes(canary):
        where = codes if size == _BASE64 else low
        if any(where[at : at + size] in wanted for at in range(len(where) - size + 1)):
            return True
    return False


_BASE64, _BASE32, _HEX = 10, 12, 2 * PIECE


@lru_cache(maxsize=256)
def _pieces(canary: str) -> frozenset[str]:
    """What PIECE letters of the canary look like: forwards, backwards, turned by thirteen."""
    forms = (canary, canary[::-1], codecs.encode(canary, "rot13"), codecs.encode(canary, "rot13")[::-1])
    return frozenset(_windows(forms, PIECE))


@lru_cache(maxsize=256)
def _codes(canary: str) -> tuple[tuple[frozenset[str], int], ...]:
    """The same in base64 and base32 at each alignment, and in hex; in small and in capital letters."""
    cased = [form for both in (canary, canary[::-1]) for form in (both, both.upper(), both.capitalize())]
    raw = [b"\0" * shift + form.encode() for form in cased for shift in range(5)]
    base64s = [base64.b64encode(one).decode()[4:].rstrip("=")[:-1] for one in raw]
    base32s = [base64.b32encode(one).decode().lower()[8:].rstrip("=")[:-1] for one in raw]
    return (
        (frozenset(_windows(base64s, _BASE64)), _BASE64),
        (frozenset(_windows(base32s, _BASE32)), _BASE32),
        (frozenset(_windows([form.encode().hex() for form in cased], _HEX)), _HEX),
    )


def _windows(forms: list[str] | tuple[str, ...], size: int) -> list[str]:
    return [form[at : at + size] for form in forms for at in range(len(form) - size + 1)]


def _longest_run(text: str, words: str) -> int:
    """Words of `text`, one after another, that stand so in `words`; 0 for fewer than a handful."""
    said, grams = _WORD.findall(text.lower()), _grams(words)
    longest = here = 0
    for at in range(len(said) - _GRAM + 1):
        here = here + 1 if tuple(said[at : at + _GRAM]) in grams else 0
        longest = max(longest, here)
    return longest + _GRAM - 1 if longest else 0


@lru_cache(maxsize=32)
def _grams(words: str) -> frozenset[tuple[str, ...]]:
    own = _WORD.findall(words.lower())
    return frozenset(tuple(own[at : at + _GRAM]) for at in range(len(own) - _GRAM + 1))
