"""A text that still knows where each of its characters stood in the text that was given.

Invariant: `starts[i]:ends[i]` is the piece of the given text that character i came from, through every replacement;
a finding in any variant of a text can therefore be shown to the reader in the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class OffsetText:
    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def of(cls, text: str) -> OffsetText:
        return cls(text, range(len(text)), range(1, len(text) + 1))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where self.text[start:end] (not empty) came from."""
        return min(self.starts[start:end]), max(self.ends[start:end])

    def mapped(self, change: Callable[[str], str]) -> OffsetText:
        """Each character replaced by what `change` makes of it (nothing, one or several)."""
        pieces = [change(c) for c in self.text]
        starts = [at for piece, at in zip(pieces, self.starts, strict=True) for _ in piece]
        ends = [at for piece, at in zip(pieces, self.ends, strict=True) for _ in piece]
        return OffsetText("".join(pieces), starts, ends)

    def same_length(self, text: str) -> OffsetText:
        """Another text, character for character from the same places."""
        return OffsetText(text, self.starts, self.ends)

    def sub(self, pattern: re.Pattern[str], change: Callable[[str], str]) -> OffsetText:
        """Each match replaced. A replacement as long as its match keeps its places, another has the whole match's."""
        text, pieces, at = self.text, [], 0
        starts: list[int] = []
        ends: list[int] = []
        for match in pattern.finditer(text):
            begin, stop = match.span()
            new = change(match.group())
            if new == match.group():
                continue
            pieces += [text[at:begin], new]
            starts += self.starts[at:begin]
            ends += self.ends[at:begin]
            if len(new) == stop - begin:
                starts += self.starts[begin:stop]
                ends += self.ends[begin:stop]
            elif new:
                first, last = self.span(begin, stop)
                starts += [first] * len(new)
                ends += [last] * len(new)
            at = stop
        if not pieces and not at:
            return self
        return OffsetText("".join([*pieces, text[at:]]), [*starts, *self.starts[at:]], [*ends, *self.ends[at:]])

    def without(self, gone: Collection[int]) -> OffsetText:
        """The text without the characters at these places of its own; each other one from where it was."""
        if not gone:
            return self
        kept = [at for at in range(len(self.text)) if at not in gone]
        starts, ends = ([places[at] for at in kept] for places in (self.starts, self.ends))
        return OffsetText("".join(self.text[at] for at in kept), starts, ends)

    def turned(self, start: int, end: int) -> OffsetText:
        """The characters from start to end in reverse order."""
        where = slice(start, end)
        return OffsetText(self.text[where][::-1], self.starts[where][::-1], self.ends[where][::-1])


def joined(parts: Sequence[OffsetText], between: str) -> OffsetText:
    """The parts in order, `between` (one character) standing where the part before it ends. Not empty."""
    text, starts, ends = [], [], []
    for number, part in enumerate(parts):
        if number and part.text:
            text.append(between)
            starts.append(part.starts[0])
            ends.append(part.starts[0] + 1)
        text.append(part.text)
        starts += part.starts
        ends += part.ends
    return OffsetText("".join(text), starts, ends)
