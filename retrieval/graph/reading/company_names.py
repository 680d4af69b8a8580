"""What a company calls itself in its own documents.

By the file's name, by "… and Subsidiaries" over its statements, and where it introduces itself ("Acme Corporation
(“Acme,” “we”)").
Invariant: names of others that occur in a document ("our partner Delta") are no names of its company.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from retrieval.documents.file_names import describe

LEGAL = frozenset(
    [
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "company",
        "companies",
        "co",
        "plc",
        "ltd",
        "limited",
        "llc",
        "lp",
        "sa",
        "ag",
        "se",
        "nv",
        "group",
        "holdings",
        "holding",
        "international",
        "the",
    ]
)
_RUN = re.compile(r"\b(?:[A-Z0-9][\w&'’]*)(?:[ -](?:and |of |& )?[A-Z0-9][\w&'’]*){0,4}")
_NAMES_ITSELF = re.compile(
    r"(?P<name>[A-Z][\w&'’.,\- ]{1,60}?),?\s+\((?:together with [^()]*?,? ?)?(?:the |collectively,? )?"
    r"[“\"‘'](?P<short>[A-Z][\w&'’. -]{1,40}?),?[”\"’'][^()]{0,60}?(?:\bwe\b|\bus\b|\bour\b|the Company|the Registrant)"
)
_AND_SUBSIDIARIES = re.compile(r"\b(?:The )?([A-Z][\w&'’.,\- ]{1,50}?),? and (?:[Cc]onsolidated )?[Ss]ubsidiar")
_WORD = re.compile(r"[\w&]+(?:['’][\w&]+)*")
Name = tuple[str, ...]


def company_names(document: str, texts: Iterable[str]) -> tuple[Name, ...]:
    """The names as words in lower case, without articles and legal forms. `texts`: the document's first sentences and
    captions."""
    joined = letters(describe(document).company)
    found: list[Name] = [(joined,)] if len(joined) > 1 else []
    counted: Counter[Name] = Counter()
    for text in texts:
        for match in _NAMES_ITSELF.finditer(text):
            found += [_bare(match.group("name")), _bare(match.group("short"))]
        for match in _AND_SUBSIDIARIES.finditer(text):
            found.append(_bare(match.group(1)))
        counted.update(_written(text, joined))
    if counted:  # the file's name runs together what the text writes apart: AMERICANEXPRESS, American Express
        found.append(counted.most_common(1)[0][0])
    return tuple(dict.fromkeys(one for one in found if one))


def _written(text: str, joined: str) -> Iterable[Name]:
    """The words in a row that are the file's name when they are run together."""
    for run in _RUN.findall(text) if joined else ():
        words = tuple(letters(word) for word in re.split(r"[ -]", run))
        for start in range(len(words)):
            for stop in range(start + 2, len(words) + 1):
                if "".join(words[start:stop]) == joined:
                    yield words[start:stop]


def _bare(name: str) -> Name:
    words = [letters(word) for word in _WORD.findall(name)]
    while words and words[0] in LEGAL:
        words.pop(0)
    while len(words) > 1 and words[-1] in LEGAL:
        words.pop()
    return tuple(word for word in words if word)


def letters(text: str) -> str:
    """A word's letters and digits in lower case, without the genitive's s."""
    return re.sub(r"[^\w]|_", "", re.sub(r"['’]s?$", "", text)).lower()
