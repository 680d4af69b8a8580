"""What a stretch of text is about, as a set of names: line items and ratios by the tables of terms, else the stems of words.

"SG&A expense as a percent of net sales" and "As a percentage of net sales, SG&A expenses" are one set; so are "gross margin"
and "gross profit as a percentage of sales". Invariant: a word that means something is in the set or in `_IDLE`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from retrieval.evidence.statements.vocabulary import ratios
from retrieval.evidence.statements.vocabulary.formulas import Item, Joined, Node
from retrieval.evidence.statements.vocabulary.ratios import RATIOS
from retrieval.evidence.statements.vocabulary.terms import TERMS, plain, spoken
from retrieval.graph.reading.words import LIGHT, stems

_IDLE_TEXT = """
    total net consolidated company thecompany expens cost fiscal year amount balance level profile overall report our
    quarter end annual full percent percentag million billion thousand dollar basis period month note also primarili mainli
    larg us usd figure spend chang increas decreas declin reduct growth grow rise rose fall improv driver factor caus
    explain reason drove drive led contribut lead main major key primari behind was were is respect time same last
"""
_IDLE = frozenset(word for text in _IDLE_TEXT.split() for word in (text, *stems(text)))
_SHARE = re.compile(r"\b(?:as )?(?:a |an )?percent(?:age)?s? of\b|\bmargin\b")
_FIGURES = re.compile(r"[$€£]?\(?\d[\d,.]*\)?\s?(?:%|percent\b|million\b|billion\b|thousand\b|basis points\b)?")


@lru_cache(maxsize=16384)
def subject(text: str) -> frozenset[str]:
    """The names in a text; of a share both of its parts and "%"."""
    words = plain(_FIGURES.sub(" ", text).replace("%", " percent "))
    found: set[str] = set()
    for start, stop, names in sorted(_named(words), key=lambda one: one[0] - one[1]):
        if "\x00" not in words[start:stop]:
            found |= names
            words = words[:start] + "\x00" * (stop - start) + words[stop:]
    if _SHARE.search(words):
        found.add("%")
    rest = [stem for stem in stems(words.replace("\x00", " ")) if stem not in _IDLE and stem not in LIGHT]
    return frozenset((*found, *(stem for stem in rest if not stem.isdigit())))


def _named(words: str) -> list[tuple[int, int, frozenset[str]]]:
    found = []
    for ratio in RATIOS:
        for match in ratios.spoken(ratio).finditer(words):
            found.append((match.start(), match.end(), _parts(ratio.name, ratios.tree(ratio))))
    for term in TERMS:
        for match in spoken(term).finditer(words):
            found.append((match.start(), match.end(), frozenset({f"t:{term.name}"})))
    return found


def _parts(name: str, node: Node) -> frozenset[str]:
    if isinstance(node, Joined) and node.sign == "/" and isinstance(node.left, Item) and isinstance(node.right, Item):
        return frozenset({f"t:{node.left.term.name}", f"t:{node.right.term.name}", "%"})
    return frozenset({f"r:{name}"})
