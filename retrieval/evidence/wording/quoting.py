"""Marks of a sentence that answers a kind of question, and how a long one is cut.

Invariant: what is quoted stands in the document word for word; a sentence is cut only at its own commas.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from retrieval.graph.reading.figures import find_figures
from retrieval.graph.reading.words import fold, split, stem, stems

CUES = {
    "reason": re.compile(
        r"\b(?:due to|because|driven by|as a result|resulted? (?:from|in)|attribut\w+|primarily|mainly|reflect\w*"
        r"|caused by|owing to|since|in order to|so that|to (?:ensure|provide)|offset by"
        r"|led (?:by|to)|as we|weil|aufgrund|wegen|en raison|debido|a causa)\b",
        re.I,
    ),
    "date": re.compile(
        r"\b(?:on|in|by|until|since|from|before|after|ended|effective|within|day|daily|weekly|monthly|annually|quarter)\b",
        re.I,
    ),
    "person": re.compile(r"\b(?:[A-Z][\w.'’-]+\s+){1,3}[A-Z][\w'’-]+"),
    "place": re.compile(r"\b(?:in|at|to|from|located|See|see)\s+(?:the\s+)?[A-Z\"“]"),
    "duration": re.compile(
        r"\b(?:\d+|one|two|three|four|five|six|seven|ten|twelve)\s+(?:\w+\s+)?(?:hours?|days?|weeks?|months?|years?|minutes?)\b|\bannual|\bquarterly|\bdaily|\bmonthly",
        re.I,
    ),
    "contents": re.compile(r"\b(?:include\w*|consist\w*|compris\w*|composed|made up|contain\w*|such as)\b", re.I),
    "define": re.compile(r"\b(?:is|are|means?|refers? to|represents?|defined as|consists? of|includes?|comprises?)\b", re.I),
}


WHOLE = 75  # words of a sentence that is quoted whole: what is left out may turn the rest round ("partially offset by …")
LONGEST = 55  # words of a quotation that is cut


def cut(text: str, asked: Sequence[str], wants: str) -> str:
    """The whole sentence, or of a long one the stretch of clauses that holds most of the question and the typed answer."""
    text = text.lstrip("-–•* ").strip()
    if len(text.split()) <= WHOLE:
        return text
    pieces = re.split(r"(?<=[,;:])\s+", text)
    cue = CUES.get(wants)

    def worth(piece: str) -> float:
        held = set(stems(piece))
        return sum(stem in held for stem in asked) + (1.5 if cue and cue.search(piece) else 0.0)

    answers = wants in ("reason", "contents")  # what comes after the cue is the answer
    best: tuple[float, int, int] = (-1.0, 0, 1)
    for start in range(len(pieces)):
        count = 0
        total = 0.0
        begun = False
        for stop in range(start, len(pieces)):
            count += len(pieces[stop].split())
            if count > LONGEST and stop > start:
                break
            total += worth(pieces[stop]) + (0.3 if answers and begun else 0.0)
            begun = begun or bool(cue and cue.search(pieces[stop]))
            if total > best[0]:
                best = (total, start, stop + 1)
    chosen = " ".join(" ".join(pieces[best[1] : best[2]]).split()[: LONGEST + 3]).rstrip(",;: ")
    return ("… " if best[1] else "") + chosen + (" …" if best[2] < len(pieces) else "")


def unasked(text: str, asked: Sequence[str]) -> str:
    """The sentence without the question's own words: a name that answers is not one that was asked about."""
    return re.sub(
        r"[^\W\d_]+(?:['’][^\W\d_]+)?", lambda word: "·" if stem(fold(word.group())) in asked else word.group(), text
    )


def has_amount(text: str) -> bool:
    return any(figure.kind != "number" or abs(figure.value) > 2100 or figure.value < 1900 for figure in find_figures(text))


def neighbours(asked: Sequence[str], words: Sequence[str]) -> float:
    """Share of the question's neighbouring words that are neighbours in the sentence."""
    if len(asked) < 2:
        return 0.0
    near = {(a, b) for i, a in enumerate(words) for b in words[i + 1 : i + 4]}
    return sum((a, b) in near for a, b in itertools.pairwise(asked)) / (len(asked) - 1)


def defines(topic: str, text: str) -> bool:
    """'X is …', 'X means …', 'X represents …', where the sentence begins with the term."""
    words = [w.stem for w in split(fold(text)) if w.telling][: len(stems(topic)) + 2]
    says = CUES["define"].search(text)
    return all(stem in words for stem in stems(topic)) and says is not None and not re.match(r"\s+not\b", text[says.end() :])
