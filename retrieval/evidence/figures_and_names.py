"""Figures and names: the parts of a claim that must stand in its source, however near the wording comes.

Embeddings hardly tell 1.25% from 1.52%, nor one fund from its sister; these do. Pure functions on text.
"""

from __future__ import annotations

import re

_MONTHS = "January February March April May June July August September October November December"
_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_PLAIN = """The A An This That These Those It Its In On At By For From To Of With Without If When While After Before
    Under Over According Based Yes No Not None You Your We Our They Their There Here However Also And Or But As All Any
    Each Both Only Per See Note Please Fund Funds Class Company Document Page Section Table Policy Answer Question
    Investors Orders Clients Client Source Sources I"""

_FIGURE = re.compile(r"(?<![\w.])[-–−(]?[$€£]?\s?(\d[\d,]*(?:\.\d+)?)(?!\w*[a-z]\d)", re.I)
_CITATION = re.compile(r"\[\d+(?:\s*[,;]\s*\d+)*\]")
_LIST_MARK = re.compile(r"^\s*\(?\d{1,2}[.)]\s+")
_NAME = re.compile(r"\b[A-Z][\w&’'-]*[a-z0-9A-Z]\b")
# "one" is an article more often than a figure
_WORDS = {word: str(number) for number, word in enumerate(_ONES.split()) if number > 1}
_WORDS |= {word: str(10 * number) for number, word in enumerate(_TENS.split(), 2)}
_COMMON = frozenset(_PLAIN.split()) | frozenset(_MONTHS.split())
_NEGATIONS = re.compile(r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t)\b", re.I)


def figures(text: str) -> frozenset[str]:
    """Numbers in one spelling: '1,250.00' -> '1250', 'thirty' -> '30'; citation and list marks left out."""
    text = _LIST_MARK.sub("", _CITATION.sub(" ", text))
    found = {_plain(figure) for figure in _FIGURE.findall(text)}
    found |= {_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS}
    return frozenset(found)


def names(text: str) -> frozenset[str]:
    """Capitalised words that are not merely the first of a sentence nor common words, lower-cased, possessive off."""
    text = _CITATION.sub(" ", text)
    found: set[str] = set()
    for match in _NAME.finditer(text):
        word = re.sub(r"['’]s$", "", match.group())
        before = text[: match.start()].rstrip()
        before = re.sub(r"\b(?:Mr|Mrs|Ms|Dr|Prof)\.$", "", before)
        opens = not before or before[-1] in '.!?:;-•*|"“(' or "\n" in text[len(before) : match.start()]
        if word in _COMMON or (opens and not _is_marked(word)):
            continue
        found.add(word.lower())
    return frozenset(found)


def words(text: str) -> frozenset[str]:
    """Every word, lower-cased, possessive off: what `names` are looked up in."""
    return frozenset(re.sub(r"['’]s$", "", word) for word in re.findall(r"[\w&’'-]+", text.lower()))


def negated(text: str) -> bool:
    """Whether the sentence denies something."""
    return bool(_NEGATIONS.search(text))


def _plain(figure: str) -> str:
    figure = figure.replace(",", "")
    if "." in figure:
        figure = figure.rstrip("0").rstrip(".")
    return figure.lstrip("0") or "0"


def _is_marked(word: str) -> bool:
    """A name even at a sentence's start: an acronym or a word with an inner capital."""
    return sum(c.isupper() for c in word) > 1
