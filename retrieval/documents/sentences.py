"""Sentences of a text: the units that an answer is checked and quoted by.

Joining what `sentences` returns with spaces gives the text's words again, in order: nothing is dropped.
"""

from __future__ import annotations

import re

_SHORTENED = """
    mr mrs ms dr prof sr jr st vs etc e.g i.e eg ie cf al approx est no nos art arts sec secs para p pp vol ch fig
    ed eds inc ltd co corp plc llc l.p s.a n.v u.s u.k u.n e.u d.c a.m p.m jan feb mar apr jun jul aug sep sept oct nov
    dec mon tue wed thu fri bn mn m.b.a ph.d"""
_ABBREVIATIONS = frozenset(_SHORTENED.split())
_NEEDS_NUMBER = frozenset({"no", "nos", "art", "arts", "sec", "secs", "para", "p", "pp", "vol", "ch", "fig", "mar", "est"})
_END = re.compile(r"([.!?]+)([\"'”’)\]]*(?:\[\d+\])*)(\s+)(?=(\S))")
_ITEM = re.compile(r"^\s*(?:[-*•–●▪]|\(?\d{1,2}[.)]|\(?[a-z]\))\s+\S")
_LAST_WORD = re.compile(r"(\S+)$")


def sentences(text: str) -> list[str]:
    """Split at sentence ends, at list items and at table lines; not at 'U.S.', 'No. 5', '3.14' or initials."""
    found: list[str] = []
    for paragraph in _paragraphs(text):
        start = 0
        for end in _END.finditer(paragraph):
            if _is_end(paragraph[start : end.start(1)], end.group(1), end.group(4), paragraph[end.end() :]):
                found.append(paragraph[start : end.end(2)].strip())
                start = end.end()
        found.append(paragraph[start:].strip())
    return [sentence for sentence in found if sentence]


def _paragraphs(text: str) -> list[str]:
    """Lines joined where a sentence runs on; items, table lines and blank lines stand alone."""
    paragraphs: list[str] = []
    running = False
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            running = False
        elif running and not _stands_alone(stripped):
            paragraphs[-1] += " " + stripped
        else:
            paragraphs.append(stripped)
            running = True
        if stripped and (_is_table_line(stripped) or is_title_line(stripped)):
            running = False
    return paragraphs


def _stands_alone(line: str) -> bool:
    return bool(_ITEM.match(line)) or _is_table_line(line)


def _is_table_line(line: str) -> bool:
    if " | " in line or "\t" in line:
        return True
    words = line.split()
    figures = sum(1 for word in words if any(c.isdigit() for c in word) or word in {"$", "%", "—", "–", "-"})
    return (
        figures >= 2
        and not line.endswith((".", "!", "?", ";", ","))
        and figures * 2 >= len(words) - 6
        and words[-1][-1] in "0123456789%)—–-"
    )


def is_title_line(line: str) -> bool:
    """A heading that a chunk carries as its own line: short, no closing mark, and at least half of its words capital."""
    words = [word for word in line.split() if word[0].isalpha()]
    return (
        0 < len(words) <= 10
        and line[-1].isalpha()
        and sum(word[0].isupper() for word in words) * 2 >= len(words)
        and not any(mark in line for mark in ".;,")
    )


def _is_end(before: str, mark: str, following: str, rest: str) -> bool:
    if mark != ".":
        return not following.islower()
    found = _LAST_WORD.search(before)
    word = found.group(1).lstrip("(\"'“‘[").lower() if found else ""
    if following.islower():
        return False
    if word in _NEEDS_NUMBER and word not in ("mar",):
        return not following.isdigit()
    if word in _ABBREVIATIONS or re.fullmatch(r"(?:[a-z]\.)+[a-z]", word):
        return _starts_anew(word, rest)
    if re.fullmatch(r"[a-z]", word):  # an initial: "J. Smith"
        return False
    return not (word.isdigit() and len(word) <= 2 and before.strip() == word)  # "1. First" at a line's start


def _starts_anew(word: str, rest: str) -> bool:
    """After 'U.S.' or 'etc.', a new sentence only where a word follows that begins sentences."""
    if word in ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "e.g", "i.e", "eg", "ie", "cf"):
        return False
    first = re.match(r"\W*(\w+)", rest)
    starters = (
        "the",
        "this",
        "these",
        "that",
        "it",
        "its",
        "we",
        "our",
        "in",
        "on",
        "a",
        "an",
        "if",
        "for",
        "you",
        "they",
        "however",
        "each",
    )
    return bool(first) and first is not None and first.group(1).lower() in starters
