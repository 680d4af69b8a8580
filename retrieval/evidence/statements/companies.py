"""Which company a question names, and the documents that are that company's own.

A company is known by its documents' names and by what it calls itself in them, and by the usual short forms of these.
Invariant: a company that merely occurs in a document ("our partner Delta") never binds a question to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.documents.file_names import describe
from retrieval.graph.document import DocumentGraph
from retrieval.graph.reading.company_names import letters
from retrieval.graph.view import GraphView

_COMMON = frozenset(
    [
        "american",
        "general",
        "national",
        "first",
        "united",
        "best",
        "new",
        "global",
        "north",
        "south",
        "east",
        "west",
        "standard",
        "public",
        "great",
        "best",
        "foot",
        "home",
        "royal",
        "imperial",
        "western",
        "eastern",
        "advanced",
        "applied",
    ]
)  # first words of names that say nothing alone
_WORD = re.compile(r"[\w&]+(?:['’][\w&]+)*")


@dataclass(frozen=True)
class Bound:
    """The documents of the company that a question names, and where in the question it is named; () where none is.

    Only a company of which the view holds statements binds: whose filings are there is asked about by name.
    """

    documents: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


def bound(question: str, view: GraphView) -> Bound:
    """The named company's documents. Where none is named and all documents with statements are one company's, those."""
    best: tuple[int, tuple[tuple[int, int], ...]] = (0, ())
    documents: list[int] = []
    for place, document in enumerate(view.documents):
        spans = tuple(_mentions(question, document.company_names))
        length = sum(stop - start for start, stop in spans)
        if length > best[0]:
            best, documents = (length, spans), [place]
        elif length and length == best[0]:
            documents.append(place)
    if any(_has_books(view.documents[place]) for place in documents):
        return Bound(tuple(documents), best[1])
    with_statements = [place for place, one in enumerate(view.documents) if _has_books(one)]
    companies = {describe(view.documents[place].document).company.lower() for place in with_statements}
    return Bound(tuple(with_statements) if len(companies) == 1 else (), ())


def _has_books(document: DocumentGraph) -> bool:
    return any(one.titled for one in document.statements) or len({one.kind for one in document.statements}) > 1


def _mentions(question: str, names: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    """Where the question names the company: in full, by the first word of its name, or by a short form made of it."""
    words = [(found.start(), found.end(), found.group()) for found in _WORD.finditer(question)]
    at = 0
    while at < len(words):
        sizes = [n for n in (4, 3, 2, 1) if at + n <= len(words)]
        length = next((n for n in sizes if _named([w for _, _, w in words[at : at + n]], names)), 0)
        if not length and words[at][2][:1].isupper():
            following = words[at + 1][2] if at + 1 < len(words) else ""
            length = int(_is_part(words[at][2], following, names))
        if length:
            yield words[at][0], words[at + length - 1][1]
        at += max(1, length)


def _named(written: Sequence[str], names: Sequence[tuple[str, ...]]) -> bool:
    if not written[0][:1].isupper() and not written[0][:1].isdigit():
        return False
    parts = [letters(word) for word in written]
    whole = "".join(parts)
    for name in names:
        joined = "".join(name)
        if whole == joined or (len(parts) > 1 and tuple(parts) == name[: len(parts)]):
            return True
        if len(parts) == 1 and len(whole) > 2 and _is_short_for(whole, name) and not written[0].islower():
            return True
    return False


def _is_part(word: str, following: str, names: Sequence[tuple[str, ...]]) -> bool:
    """The first word of a name alone: 'Ulta' for Ulta Beauty, but not 'American' in American Airlines."""
    first = letters(word)
    if len(first) < 4 or first in _COMMON or (following[:1].isupper() and not re.search(r"['’]s?$", word)):
        return False
    return any(first == name[0] or (len(name) == 1 and name[0].startswith(first)) for name in names)


def _is_short_for(short: str, name: Sequence[str]) -> bool:
    """'amex' of American Express, 'jnj' of Johnson (and) Johnson, 'amd' of Advanced Micro Devices: beginnings of all its
    words."""
    if len(name) < 2:
        return len(name) == 1 and name[0].startswith(short) and len(short) >= 3
    return any(_begins(spelt, tuple(name)) for spelt in (short, re.sub(r"(?<=.)[n&](?=.)", "", short)))


def _begins(letters: str, words: tuple[str, ...]) -> bool:
    if not words:
        return not letters
    most = min(len(letters), len(words[0]), 4)
    return any(letters[:n] == words[0][:n] and _begins(letters[n:], words[1:]) for n in range(1, most + 1))
