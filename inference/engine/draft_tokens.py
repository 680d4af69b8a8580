"""Guesses at what comes next, from what was already said: prompt look-up (an answer that quotes repeats its prompt).

A guess is checked by the model in the same step that would have made one token, so that the answer is the same with and
without it; what a wrong guess costs is time. So a conversation whose guesses do not pay stops guessing, and tries again
ever more rarely.
"""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST, _SHORTEST = 4, 2
_FIRST_REST, _LONGEST_REST = 16, 256
_FORGET = 0.3
_HOPEFUL = 2.0
_WORTH = 1.02


class Drafts:
    """The guesses of one answer. Belongs to one thread."""

    def __init__(self, tokens: Iterable[int]) -> None:
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # the last tokens of a place, and the place behind them
        self._kept = _HOPEFUL  # guesses that came true in a check, of late
        self._rest, self._resting = _FIRST_REST, 0
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """One more token of the conversation. What follows a place is looked up only once something does follow it."""
        end = len(self._tokens)
        for length in range(_SHORTEST, _LONGEST + 1):
            if length <= end:
                self._after[tuple(self._tokens[end - length : end])] = end
        self._tokens.append(token)

    def guess(self, most: int, cost: float) -> list[int]:
        """At most so many tokens; none where checking them (a check takes `cost` times a step) has not paid of late."""
        if self._resting > 1:
            self._resting -= 1
            return []
        if self._resting == 1:  # try once more, whatever it has cost
            self._resting = 0
        elif 1 + self._kept < cost * _WORTH:
            self._resting, self._rest = self._rest, min(self._rest * 2, _LONGEST_REST)
            self._kept = _HOPEFUL
            return []
        for length in range(_LONGEST, _SHORTEST - 1, -1):
            place = self._after.get(tuple(self._tokens[-length:]))
            if place is not None:
                return self._tokens[place : place + max(0, most)]
        return []

    def came_true(self, count: int) -> None:
        """How many tokens of the last guess the model said too."""
        self._kept += _FORGET * (count - self._kept)
        if count:
            self._rest = _FIRST_REST
