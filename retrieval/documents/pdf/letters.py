"""What a whole document tells of its letters: whether a word broken at a line's end keeps its hyphen, and what letters
that a font does not name must be.

PDFium marks a hyphen at a line's end and goes on with the next line; a ligature without a name comes as a control character.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from retrieval.documents.pdf.glyphs import HYPHEN, UNNAMED

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_BROKEN = re.compile(rf"([^\W_]+(?:-[^\W_]+)*){chr(HYPHEN)}\s*([^\W_]+(?:-[^\W_]+)*)")
_UNNAMED = f"{chr(UNNAMED)}-{chr(UNNAMED + 31)}"
_WITH_UNNAMED = re.compile(rf"[^\W\d_{_UNNAMED}]*[{_UNNAMED}][^\W\d_]*(?:[{_UNNAMED}][^\W\d_]*)*")
_LIGATURES = ("fi", "fl", "ff", "ffi", "ffl")
_BEFORE_WORDS = """
non self ex euro anti pre post mid multi cross co high low long short all half quasi pro semi
"""
_BEFORE = frozenset(_BEFORE_WORDS.split())
_AFTER_WORDS = """
based denominated related term looking free weighted linked backed adjusted owned quality level wide bearing recurring
rated managed traded time line end sale specific party cash deductible performing transferable
"""
_AFTER = frozenset(_AFTER_WORDS.split())
# Words with ligatures that firms' documents hold: what a font without names most likely left out.
_COMMON_WORDS = """
first five fiscal final finance financial find fixed filed filing firm benefit benefits profit profits certificate
certified significant specific specified identified classified define defined definition confidential office officer
offices official efficient sufficient difficult affiliate affiliates coefficient flow flows inflation influence
reflect reflected flexible conflict fluctuation deflation effect effective effects affect offer offered offering
offset different difference differ staff off buffer traffic tariff suffered effort efficiency beneficial modified
notified qualified unified verified satisfied field fiduciary fill file files five fifth floor fleet float waffle
baffle shuffle affluent offline
"""
_COMMON = frozenset(_COMMON_WORDS.split())


class Letters:
    """Gathers the words of a document, then mends its lines. `unread`: how many letters stay unknown, as U+FFFD."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.unread = 0
        self._words: Counter[str] = Counter()
        unnamed: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            self._words.update(word.lower() for word in _WORD.findall(line))
            for word in _WITH_UNNAMED.findall(line):
                for letter in {one for one in word if UNNAMED <= ord(one) < UNNAMED + 32}:
                    unnamed[letter].append(word)
        self._known = {letter: self._best(letter, words) for letter, words in unnamed.items()}

    def mend(self, line: str) -> str:
        """The line with its broken words joined and its unnamed letters named."""
        if chr(HYPHEN) in line:
            line = _BROKEN.sub(lambda found: self._joined(found.group(1), found.group(2)), line).replace(chr(HYPHEN), "-")
        if any(UNNAMED <= ord(one) < UNNAMED + 32 for one in line):
            for letter, named in self._known.items():
                self.unread += line.count(letter) if named == "\ufffd" else 0
                line = line.replace(letter, named)
        return line

    def _joined(self, left: str, right: str) -> str:
        """One word or a compound: as the document writes it elsewhere, else by its parts."""
        whole, compound = self._words[(left + right).lower()], self._words[f"{left}-{right}".lower()]
        if whole != compound:
            return left + right if whole > compound else f"{left}-{right}"
        last, first = left.rsplit("-", 1)[-1].lower(), right.split("-", 1)[0].lower()
        if right[0].isupper() or left[-1].isdigit() or right[0].isdigit() or "-" in left:
            return f"{left}-{right}"
        if last in _BEFORE or first in _AFTER:
            return f"{left}-{right}"
        both = len(last) > 1 and len(first) > 2 and self._words[last] > 1 and self._words[first] > 1
        return f"{left}-{right}" if both else left + right

    def _best(self, letter: str, words: list[str]) -> str:
        """The ligature that makes most known words of those with this letter; U+FFFD where none makes any."""
        scores = {one: sum(self._known_word(word.replace(letter, one)) for word in set(words)) for one in _LIGATURES}
        best = max(scores, key=lambda one: scores[one])
        return best if scores[best] else "\ufffd"

    def _known_word(self, word: str) -> bool:
        return word.lower() in _COMMON or self._words[word.lower()] > 0
