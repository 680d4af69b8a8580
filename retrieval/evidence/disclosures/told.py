"""Sentences of a filing that answer, said: their own words with the page of each, after a yes or a no where it is asked for.

Invariant: every word after the lead is the filing's own; a sentence is cut only between its words, and the cut is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.evidence.result import Answer, Citation
from retrieval.evidence.slots import Slots
from retrieval.graph.document import Sentence
from retrieval.graph.view import GraphView

_MOST_WORDS = 55
_IN_PROSE = 2  # sentences; more are shown as the rows of a table


@dataclass(frozen=True)
class Told:
    """`lead`: "Yes." or "No.", or a few words that the sentences bear out; "" where they speak for themselves. head: what
    the sentences are, over a table of them. chance: to be right, 0 to 1."""

    document: int
    sentences: tuple[Sentence, ...]
    plan: str
    chance: float
    lead: str = ""
    head: str = ""


def answer_of_told(told: Told, view: GraphView, slots: Slots) -> Answer:
    """The sentences with their sources."""
    citations = citations_of_told(told, view)
    marks = {(one.page, one.section): one.number for one in citations}
    said = [(cut_short(one.text), marks[one.page, _section(one)]) for one in told.sentences]
    if len(said) > _IN_PROSE:
        rows = [f"| {text.replace('|', '/')} [{mark}] |" for text, mark in said]
        text = "\n".join([f"{told.lead} {told.head}:".strip(), "", f"| {told.head} |", "| --- |", *rows])
    else:
        text = " ".join([told.lead, *(f"{text} [{mark}]" for text, mark in said)]).strip()
    return Answer(text, citations, (), told.plan, "", told.chance, "stated", slots)


def citations_of_told(told: Told, view: GraphView) -> tuple[Citation, ...]:
    """One for each page and section, with the sentences whole."""
    document = view.documents[told.document].document
    return tuple(
        Citation(number, document, page, section, " ".join(one.text for one in sentences))
        for number, (page, section, sentences) in enumerate(_by_place(told.sentences), 1)
    )


def _by_place(sentences: Sequence[Sentence]) -> Iterator[tuple[int | None, str, list[Sentence]]]:
    places: dict[tuple[int | None, str], list[Sentence]] = {}
    for one in sentences:
        places.setdefault((one.page, _section(one)), []).append(one)
    for (page, section), own in places.items():
        yield page, section, own


def _section(sentence: Sentence) -> str:
    return " › ".join(sentence.section)


def cut_short(text: str) -> str:
    """The text, or its first words up to a comma where it is long."""
    words = text.lstrip("•●▪ ").split()
    if len(words) <= _MOST_WORDS:
        return " ".join(words)
    ends = [place for place, word in enumerate(words[:_MOST_WORDS], 1) if word.endswith((",", ";")) and place > 20]
    return " ".join(words[: ends[-1] if ends else _MOST_WORDS]).rstrip(",;") + " …"
