"""The originals of one conversation, found by what they are: by a name's words, or in a text, however many there are.

Invariant: finding an original, and finding all of them in a text, costs what the name or the text is long, not what the
conversation has named before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, islice

from moderation.pii.pseudonyms.name_words import within
from moderation.pii.pseudonyms.original import EXACT, FUZZY, Original
from moderation.pii.pseudonyms.tags import LITERAL

Names = tuple[str, ...]
Ends = list[tuple[Original, str]]
"""What a shape stands for: originals, each with the part of a name that the shape is of it, or ""."""
Piece = tuple[int, int, str]
"""Where it begins and ends in a text, and how it reads."""
_PIECE = re.compile(r"\w+|[\s,]+|[^\w\s,]")
_DIVIDES = frozenset(" .()/-")
_COUNTED_FROM = 5  # letters and digits from which on a number's may be divided
_MOST_WORDS = 6


class Originals:
    """Guarded by the lock of the map that owns it. `all`: in the order in which they were named."""

    def __init__(self) -> None:
        self.all: list[Original] = []
        self._count: Counter[str] = Counter()
        self._named: dict[Names, list[Original]] = {}
        self._by_word: dict[str, list[Original]] = {}
        self._by_words: dict[frozenset[str], list[Original]] = {}
        self._shapes: dict[str, Ends] = {}
        self._begun: set[str] = set()
        self._numbers: dict[str, Ends] = {}
        self._longest = 0

    def next_number(self, entity: str) -> int:
        return 1 + self._count[entity]

    def add(self, entry: Original) -> None:
        """Take in an original, with the keys and the names that it has."""
        self.all.append(entry)
        self._count[entry.entity] += 1
        if entry.entity != LITERAL:
            self._place(entry)
            if entry.entity == "PERSON":
                for key in entry.keys:
                    self.known_as(entry, key)
        if entry.names:
            self._index(entry)

    def known_as(self, entry: Original, key: str) -> None:
        """The original is also met in this form."""
        entry.keys.add(key)
        if entry.entity == "PERSON":
            self._shape(key, entry)

    def grow(self, entry: Original, names: Names, shown: str) -> None:
        """A person's fuller name became known."""
        entry.names, entry.fullest = names, shown
        self._index(entry)

    # -- by a name's words --------------------------------------------------------------------------------------------------

    def person(self, names: Names) -> Original | None:
        """Whom a name means: who is called so, or the only one whom it fits."""
        exact = min((e for e in self._named.get(names, ()) if e.names == names), key=lambda e: e.number, default=None)
        if exact is not None and (len(names) > 1 or exact.alone):
            return exact
        fits = list(islice(self._fitting(names), 2))
        if exact is not None and len(fits) <= 1:
            return exact
        return fits[0] if len(fits) == 1 else None

    def fits_many(self, names: Names) -> bool:
        return bool(names) and len(list(islice(self._whole_of(names), 2))) > 1

    def _fitting(self, names: Names) -> Iterator[Original]:
        """Each person once whose name is a part of this one, or has it as a part."""
        seen: set[int] = set()
        for found in (self._whole_of(names), self._parts_of(names)):
            for entry in found:
                if entry.number not in seen:
                    seen.add(entry.number)
                    yield entry

    def _whole_of(self, part: Names) -> Iterator[Original]:
        full = [word for word in part if len(word) > 1]
        if full:
            among = min((self._by_word.get(word, []) for word in full), key=len)
        else:
            among = list({entry.number: entry for word in part for entry in self._by_word.get(word, ())}.values())
        return (entry for entry in among if not entry.alone and within(part, entry.names))

    def _parts_of(self, whole: Names) -> Iterator[Original]:
        full = sorted({word for word in whole if len(word) > 1})
        if len(full) > _MOST_WORDS:
            return (entry for entry in self.all if entry.names and not entry.alone and within(entry.names, whole))
        sets = (frozenset(some) for size in range(len(full) + 1) for some in combinations(full, size))
        among = (entry for words in sets for entry in self._by_words.get(words, ()))
        return (entry for entry in among if not entry.alone and within(entry.names, whole))

    def _index(self, entry: Original) -> None:
        self._named.setdefault(entry.names, []).append(entry)
        for word in set(entry.names):
            having = self._by_word.setdefault(word, [])
            if entry not in having[-1:]:
                having.append(entry)
            if len(word) > 2:
                self._shape(word, entry, word)
        self._by_words.setdefault(frozenset(word for word in entry.names if len(word) > 1), []).append(entry)

    # -- in a text ----------------------------------------------------------------------------------------------------------

    def find(self, text: str) -> Iterator[tuple[int, int, Original]]:
        """Where originals stand in any case or spacing, left to right, the longest of those that begin at a place; of a
        person also a part that is no one else's."""
        pieces = [(match.start(), match.end(), _normal(match.group())) for match in _PIECE.finditer(text)]
        past = 0
        for first, (at, _, piece) in enumerate(pieces):
            if at < past or piece == " " or (first and _is_word(pieces[first - 1][2]) and not _is_word(piece)):
                continue
            ends = [
                (end, len(entry.original), -entry.number, entry)
                for end, entries in (*self._shapes_at(pieces, first), *self._numbers_at(pieces, first))
                for entry, part in entries
                if not part or self._alone_has(part, entry)
            ]
            if ends:
                past, *_, entry = max(ends, key=lambda one: one[:3])
                yield at, past, entry

    def _shapes_at(self, pieces: Sequence[Piece], first: int) -> Iterator[tuple[int, Ends]]:
        said = ""
        for number in range(first, len(pieces)):
            _, end, piece = pieces[number]
            said += piece
            following = pieces[number + 1][2] if number + 1 < len(pieces) else ""
            if (found := self._shapes.get(said)) and (_is_word(piece) or not _is_word(following)):
                yield end, found
            if said not in self._begun:
                return

    def _numbers_at(self, pieces: Sequence[Piece], first: int) -> Iterator[tuple[int, Ends]]:
        """Letters and digits, with at most two marks between neighbours."""
        said, marks = "", 0
        for start, end, piece in pieces[first : first + 3 * self._longest]:
            if not _is_word(piece):
                marks += end - start
                if not said or marks > 2 or piece not in _DIVIDES:
                    return
                continue
            said, marks = said + piece, 0
            if len(said) > self._longest:
                return
            if found := self._numbers.get(said):
                yield end, found

    def _alone_has(self, part: str, entry: Original) -> bool:
        having = {one.number for one in islice(self._by_word.get(part, ()), 8) if part in one.names}
        return having == {entry.number}

    def _place(self, entry: Original) -> None:
        """Among the shapes in which its spaces and hyphens are as free as they are for such a thing."""
        letters = "".join(c for c in entry.original.lower() if c.isalnum())
        if entry.entity in EXACT | FUZZY or len(letters) < _COUNTED_FROM:
            self._shape(entry.original, entry)
            return
        self._longest = max(self._longest, len(letters))
        self._numbers.setdefault(letters, []).append((entry, ""))

    def _shape(self, shown: str, entry: Original, part: str = "") -> None:
        said = ""
        for match in _PIECE.finditer(shown.strip(" \t\r\n,")):
            if said:
                self._begun.add(said)
            said += _normal(match.group())
        if said:
            ends = self._shapes.setdefault(said, [])
            if (entry, part) not in ends:
                ends.append((entry, part))


def _normal(piece: str) -> str:
    """A piece of a text without regard to case; anything blank or a comma is one blank."""
    return " " if piece.isspace() or "," in piece else piece.lower()


def _is_word(piece: str) -> bool:
    return piece[:1].isalnum() or piece[:1] == "_"
