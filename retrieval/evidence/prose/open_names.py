"""What a question names and nothing that was read speaks of: then nothing that was read answers it, however alike it is.

A fund, a class or a role that no searched passage knows, a month of a year that no read line bears, and a year where the
read lines speak of other years alone. The reader's heads are taken in by such near misses; this is told by looking.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.documents.sentences import sentences
from retrieval.evidence.look_up.signs import names
from retrieval.evidence.prose.digest import Line
from retrieval.graph.reading.periods import years_in
from retrieval.graph.reading.words import kin, stems

MOST = 0.4
"""The chance that an answer has at most, where the question names what is not there."""
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTH_OF_YEAR = re.compile(rf"\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s+)?({_MONTHS})\s+((?:19|20)\d\d)\b", re.IGNORECASE)

_OF_YEAR = re.compile(
    r"\b(?:in|for|during|of|throughout|by|until|end|year|fy)\s+(?:19|20)\d\d\b"
    r"|\b(?:19|20)\d\d(?=\s+(?:ended|closed|figures?|results?|report|accounts?))",
    re.IGNORECASE,
)
_TELLS = re.compile(r"\b(?:born|joined|bought|opened|started|since|turned|i was|i am|i'm|we were|if)\b", re.IGNORECASE)


def names_what_is_not_there(question: str, lines: Sequence[Line], passages: Sequence[tuple[str, str]]) -> bool:
    """Whether a name of the question stands in no passage (heading, text), or a month of a year in no read line, or the
    lines speak of other years than the question."""
    read = [f"{passages[line.unit.passage][0]} {line.unit.lead} {line.unit.text}".lower() for line in lines]
    return _open_name(question, passages) or _open_month(question, read) or _other_years(question, read)


def _open_name(question: str, passages: Sequence[tuple[str, str]]) -> bool:
    words = question.split()
    if sum(word[:1].isupper() for word in words[1:]) * 3 > len(words):
        return False  # a language that writes its nouns with a capital, or a text in capitals: names cannot be told
    named = names(question)
    known: set[str] = set()
    for heading, text in passages:
        known.update(stems(heading), *(stems(one) for one in sentences(text)))
    return any(name not in known and not kin(name, known) for name in named)


def _open_month(question: str, read: Sequence[str]) -> bool:
    asked = [(month.lower(), year) for month, year in _MONTH_OF_YEAR.findall(question)]
    return any(not any(month in text and year in text for text in read) for month, year in asked)


def _other_years(question: str, read: Sequence[str]) -> bool:
    """Where somebody tells of himself ("I was born in 1990"), the year is none that the lines would have to bear."""
    asked = {int(found[0][-4:]) for found in _OF_YEAR.finditer(question)}
    if not asked or _TELLS.search(question):
        return False
    years = years_in(" ".join(read))
    return bool(years) and not asked & years
