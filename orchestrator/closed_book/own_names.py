"""Derives the names of a firm, its products and its people from what its documents are called and say in few words.

Invariant: a name that consists of ordinary words alone ("Performance fee", "Risk factors") is never derived, or every
question for the notion would be taken for one about the firm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.closed_book.general_notions import is_known, vocabulary
from orchestrator.closed_book.ordinary_words import ordinary
from orchestrator.closed_book.request_forms import Forms, forms, in_languages

_WORD = re.compile(r"[^\W\d_][\w&'’-]*", re.UNICODE)
_NAME = re.compile(r"(?:[A-ZÀ-ÖØ-Þ][\w&'’-]*)(?:[ ](?:[A-ZÀ-ÖØ-Þ&][\w&'’-]*|of|de|du|della|di|der|van|von|und|and))*")
_LINKS = frozenset({"of", "de", "du", "della", "di", "der", "van", "von", "und", "and", "&"})
_SURELY_ORDINARY = 0.6
_KINDS = (
    "fund funds fonds fondo fondos fondi account konto compte cuenta conto rekening plan portfolio package card bond etf "
    "etc trust mandate index policy insurance certificate note saver mortgage loan pension bank group holding holdings "
    "capital management partners company limited ltd plc inc corporation ag gmbh sa nv"
)
_PRODUCT = frozenset(_KINDS.split())
"""Words that say what a name is the name of."""
_SHORTEST = 3
_SOMETIMES, _OFTEN = 2, 3
_WITHIN = re.compile(r"(?<=[a-zà-ÿ,] )([A-ZÀ-ÖØ-Þ][a-zà-ÿ]{2,})")


def own_names(
    titles: Iterable[str], headings: Iterable[str], labels: Iterable[str], bodies: Iterable[str] = ()
) -> frozenset[str]:
    """The names in titles of documents, headings of sections, labels of table rows and running text, as written there.

    A name is a row of words with capitals of which one at least is no ordinary word; that word alone is a name as well
    ("Aurora Global Equity Fund" and "Aurora"). bodies: running text of the documents: a word that it writes small is no
    name, and one that it often writes with a capital within a sentence is one, however ordinary its letters look (not in
    German).
    """
    running = _Running.of(bodies)
    found = {word for word, count in running.large.items() if count >= _OFTEN and _is_telling(word, running)}
    for text in (*titles, *headings, *labels):
        for match in _NAME.finditer(text.replace("_", " ")):
            words = match.group().split()
            while words and words[-1].casefold() in _LINKS:
                words.pop()
            telling = [word for word in words if _is_telling(word, running)]
            if telling:
                found |= {" ".join(words), *telling}
    return frozenset(found)


def product_names(titles: Iterable[str], labels: Iterable[str]) -> frozenset[str]:
    """What the firm and its products are called in titles of documents and labels of rows: names that say by a word what
    they are ("Aurora Global Equity Fund", "Halden Asset Management"), whole and by their first word. A person is none."""
    found: set[str] = set()
    for text in (*titles, *labels):
        for match in _NAME.finditer(text.replace("_", " ")):
            first, *others = match.group().split()
            if _PRODUCT & {word.casefold().strip(".,:") for word in others} and len(first) >= _SHORTEST:
                found |= {match.group(), first}
    return frozenset(found)


def product_words(titles: Iterable[str], labels: Iterable[str], bodies: Iterable[str]) -> frozenset[str]:
    """The words, in small letters, by each of which a product is told from the others ("aurora"): first words of names
    that are nothing else in the documents' running text."""
    running = _Running.of(bodies)
    firsts = {name.split()[0] for name in product_names(titles, labels)}
    return frozenset(first.casefold() for first in firsts if _is_telling(first, running))


@dataclass(frozen=True)
class _Running:
    """small: words that running text writes small; large: words with a capital within a sentence, by how often."""

    small: frozenset[str]
    large: Counter[str]

    @classmethod
    def of(cls, bodies: Iterable[str]) -> _Running:
        small: set[str] = set()
        large: Counter[str] = Counter()
        for body in bodies:
            small |= {word for word in _WORD.findall(body) if word[0].islower()}
            if all(each.language != "de" for each in in_languages(body[:2000], forms())):
                large.update(match[1] for match in _WITHIN.finditer(body))
        return cls(frozenset(small), large)


def _is_telling(word: str, running: _Running) -> bool:
    """Whether a word with a capital is a name by itself: no ordinary word, no acronym, nowhere written small."""
    folded = word.casefold().removesuffix("'s").removesuffix("’s")
    if len(folded) < _SHORTEST or folded in _LINKS or folded in running.small:
        return False
    if folded in vocabulary().acronyms or (folded,) in vocabulary().named:
        return False
    if is_known(folded) or any(_is_plain(folded, each) for each in forms().values()):
        return False
    return word.isupper() or running.large[word] >= _SOMETIMES or ordinary(folded) < _SURELY_ORDINARY


def _is_plain(word: str, each: Forms) -> bool:
    return any(each.words[key].fullmatch(word) for key in ("neutral", "small", "specific", "service", "relation", "time"))
