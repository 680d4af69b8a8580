"""Spans of prose: the one sentence that answers, quoted short, or nothing.

Invariant: what is quoted stands in the document word for word; a sentence is cut only at its own commas, never reworded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.evidence.look_up.signs import names
from retrieval.evidence.plans import operation_words as said
from retrieval.evidence.plans.operation_words import GENERIC
from retrieval.evidence.plans.plan import Define, Passage, Plan, Planned, Steps, Verify
from retrieval.evidence.wording.introductions import introductions
from retrieval.evidence.wording.quoting import CUES, cut, defines, has_amount, neighbours, unasked
from retrieval.graph.document import Sentence
from retrieval.graph.postings import Postings
from retrieval.graph.reading.periods import find_periods, years_in
from retrieval.graph.reading.words import LIGHT, fold, kin, split, stems
from retrieval.graph.view import GraphView

SIGNS = (
    "coverage",
    "margin",
    "typed",
    "cue",
    "pairs",
    "around",
    "unknown",
    "rare_open",
    "periods",
    "long",
    "define",
    "reason",
    "amount",
    "person_place",
    "date",
    "other",
    "defined_by_rule",
    "leads",
    "verify",
    "operation",
    "operation_said",
    "footnote",
    "goes_on",
    "introduces",
    "open_name",
)
_ASKING_TEXT = """
    what which who when where why how reason caus rational explain describ purpos mean represent refer defin definit
    stand led lead drove drive driver result contribut happen company group respect main primar basi mean doe did
    much many lond long short often
"""
_ASKING = frozenset(_ASKING_TEXT.split())
_GOES_ON = re.compile(
    (
        r"^(?:The|This|These|Such|It|They|That)\b(?: (?:increase|decrease|change|decline|growth|improvement|reduction"
        r"|rise|fall))?"
    ),
    re.I,
)
_OPERATIONS = (*said.CHANGE_PCT, *said.AVERAGE, *said.SUM, *said.DIFFERENCE, r"\btotal\b.*\b(?:and|to|between)\b")
_CLOSELY = 150  # sentences that are compared in full


@dataclass(frozen=True)
class Span:
    """A quotation with the sentence it is from. `score` orders; `signs` are what confidence weighs."""

    document: int
    sentence: Sentence
    quote: str
    score: float
    signs: dict[str, float]


@dataclass(frozen=True)
class _Scored:
    """A sentence as it was looked at. `named`: how much of the question the row is called by that it is a footnote of;
    `goes_on`: it says why or what of the sentence before it, which holds the question's words."""

    score: float
    document: int
    sentence: Sentence
    words: frozenset[str]
    coverage: float
    around: float
    typed: bool
    dated: float
    named: float
    goes_on: bool


def find_spans(
    question: str, planned: Planned, view: GraphView, near: Iterable[tuple[int, int | None]] | None = None
) -> list[Span]:
    """The best sentences for a question, best first. `near` are (document, page) of passages that a search ranked high."""
    wants, topic = _wanted(planned.plan)
    if wants == "table":
        return list(_introduced(view, set(near) if near is not None else None))
    asked = [stem for stem in dict.fromkeys(stems(topic)) if stem not in _ASKING]
    if not asked:
        return []
    places = set(near) if near is not None else None
    everything, postings = view.prose
    rarity = _rarities(asked, postings)
    if places is not None:
        pool = [one for one in everything if (one[0], one[1].page) in places or (one[0], None) in places]
    else:
        pool = _likely(everything, postings, rarity)
    total = sum(rarity.values())
    periods = {p.year for p in find_periods(fold(question)) if p.year}
    scored: list[_Scored] = []
    before: _Scored | None = None  # the sentence before, in the same paragraph
    for document, sentence, words in pool:
        if before is not None and before.sentence.paragraph != sentence.paragraph:
            before = None
        held = {stem for stem in asked if stem in words or any(k in words for k in kin(stem, words))}
        coverage = sum(rarity[stem] for stem in held) / total
        if _says_nothing(sentence.text):
            before = None
            continue
        labels = view.footnote_words(document, sentence.text)
        heading = frozenset(stems(" ".join(sentence.section[-1:]))) | labels
        context = view.paragraph_words(document, sentence)
        coverage += 0.9 * sum(rarity[stem] for stem in asked if stem not in held and stem in heading) / total
        around = sum(rarity[stem] for stem in asked if stem not in held and stem not in heading and stem in context) / total
        cue = CUES.get(wants)
        typed = bool(cue and cue.search(unasked(sentence.text, asked))) or (wants == "amount" and has_amount(sentence.text))
        goes_on = bool(
            before is not None
            and not before.typed
            and typed
            and wants in ("reason", "other", "contents")
            and _GOES_ON.match(sentence.text)
            and before.coverage > max(0.5, coverage)
        )
        if coverage <= 0.2 and not goes_on:
            before = None
            continue
        own = years_in(sentence.text)
        dated = 0.0 if not periods else (1.0 if periods & own else -1.0 if own else 0.0)
        lent = 0.0
        if goes_on and before is not None:
            lent, dated = before.coverage, max(dated, before.dated)
            if wants == "reason" and before in scored:
                scored.remove(before)  # it says what happened; the sentence that goes on says why
        pairs = neighbours(asked, [w.stem for w in split(fold(sentence.text))])
        score = (
            max(coverage, 0.95 * lent)
            + 0.3 * around
            + 0.1 * typed
            + 0.15 * pairs
            + 0.07 * dated
            - 0.002 * max(0, len(sentence.text.split()) - 40)
        )
        if wants == "define" and defines(topic, sentence.text):
            score += 0.3
        named = sum(rarity[stem] for stem in asked if stem in labels) / total
        before = _Scored(score, document, sentence, words, max(coverage, lent), around, typed, dated, named, goes_on)
        scored.append(before)
    scored.sort(key=lambda one: (-one.score, one.document, one.sentence.index))
    out = list(_defined(planned.plan, view, places))
    for place, one in enumerate(scored[:4]):
        other = next((s for s in scored[place + 1 :] if s.sentence.text != one.sentence.text), None)
        gap = one.score - scored[0].score if place else one.score - other.score if other else 0.5
        signs = _signs(wants, topic, one, gap, asked, rarity, view, periods, planned.plan)
        signs["open_name"] = float(not _speaks_of(names(question), one.document, one.sentence, one.words, view))
        out.append(Span(one.document, one.sentence, cut(one.sentence.text, asked, wants), one.score, signs))
    return out


def _says_nothing(text: str) -> bool:
    """An introduction ("as follows:"), a term alone, or a heading that the reader took for a line of text."""
    words = len(text.split())
    return (
        text.endswith(":")
        or words < 4
        or (words < 9 and text[-1:].isalnum() and "|" not in text and not _amounts_or_dates(text))
    )


def _amounts_or_dates(text: str) -> bool:
    return has_amount(text) or bool(find_periods(text))


def _speaks_of(named: frozenset[str], document: int, sentence: Sentence, words: frozenset[str], view: GraphView) -> bool:
    """Whether the sentence, its paragraph, headings or document hold every name of the question."""
    held = (
        words
        | view.titles[document]
        | view.paragraph_words(document, sentence)
        | frozenset(stems(" ".join(sentence.section)))
    )
    return all(name in held or kin(name, words) for name in named)


def _introduced(view: GraphView, places: set[tuple[int, int | None]] | None) -> Iterator[Span]:
    for number, (document, sentence, plain) in enumerate(introductions(view, places)):
        signs = dict.fromkeys(SIGNS, 0.0) | {"coverage": 1.0, "margin": -0.5 if number else 0.5, "pairs": 1.0, "cue": 1.0}
        signs["introduces"] = plain
        yield Span(
            document, sentence, sentence.text.rstrip(":") + ("." if sentence.text.endswith(":") else ""), plain, signs
        )


def _defined(plan: Plan, view: GraphView, places: set[tuple[int, int | None]] | None) -> Iterator[Span]:
    """Definitions of exactly the asked term, by the document's own glossary or defining sentence."""
    if not isinstance(plan, Define):
        return
    asked = set(stems(plan.term))
    for place, document in enumerate(view.documents):
        for one in document.definitions:
            term = stems(re.sub(r"\([^)]*\)", " ", one.term))
            short = {s for inside in re.findall(r"\(([^)]*)\)", one.term) for s in stems(inside)}
            if not asked or (set(term) != asked and short != asked):
                continue
            sentence = document.sentences[one.sentence]
            if places is not None and (place, sentence.page) not in places and (place, None) not in places:
                continue
            text = sentence.text if defines(one.term, sentence.text) else f"{one.term}. {sentence.text}"
            signs = dict.fromkeys(SIGNS, 0.0) | {
                "coverage": 1.0,
                "margin": 0.5,
                "define": 1.0,
                "defined_by_rule": 1.0,
                "pairs": 1.0,
                "cue": 1.0,
            }
            yield Span(place, sentence, text, 2.0, signs)


def _wanted(plan: Plan) -> tuple[str, str]:
    match plan:
        case Passage(topic, wants):
            return wants or "other", topic
        case Define(term):
            return "define", term
        case Steps(topic):
            return "other", topic
        case Verify(claim):
            return "verify", claim
        case _:
            return "amount", str(getattr(plan, "measure", ""))


def _rarities(asked: Sequence[str], postings: Postings) -> dict[str, float]:
    size = postings.size + 1
    return {
        word: (1.0 + math.log(size / (postings.count(word) + 1)))
        * (0.3 if word in GENERIC else 0.4 if word in LIGHT else 1.0)
        for word in dict.fromkeys(asked)
    }


def _likely(
    everything: Sequence[tuple[int, Sentence, frozenset[str]]], postings: Postings, rarity: Mapping[str, float]
) -> list[tuple[int, Sentence, frozenset[str]]]:
    """The sentences that hold most of the question, each with the one after it, in the documents' order."""
    if postings.size <= 2 * _CLOSELY:
        return list(everything)
    score = postings.scored(rarity, {word: postings.kin(word) for word in rarity})
    best = np.argsort(-score, kind="stable")[:_CLOSELY]
    chosen = sorted(
        {int(i) for i in best if score[i] > 0} | {int(i) + 1 for i in best if score[i] > 0 and i + 1 < postings.size}
    )
    return [everything[i] for i in chosen]


def _signs(
    wants: str,
    topic: str,
    one: _Scored,
    gap: float,
    asked: Sequence[str],
    rarity: dict[str, float],
    view: GraphView,
    periods: set[int],
    plan: Plan,
) -> dict[str, float]:
    sentence, words = one.sentence, one.words
    operation = wants == "amount" and next((found for pattern in _OPERATIONS if (found := re.search(pattern, topic))), None)
    cue = CUES.get(wants)
    open_words = [stem for stem in asked if stem not in words and not kin(stem, words)]
    own = years_in(sentence.text)
    text = sentence.text
    return {
        "coverage": one.coverage,
        "margin": min(gap, 0.5),
        "typed": float(wants in ("reason", "date", "person", "place", "duration", "contents")),
        "cue": float(bool(cue and cue.search(unasked(text, asked)))),
        "pairs": neighbours(asked, [w.stem for w in split(fold(text))]),
        "around": one.around,
        "unknown": float(any(stem not in view.words for stem in open_words)),
        "rare_open": max((rarity[stem] for stem in open_words), default=0.0) / max(rarity.values()),
        "periods": float(bool(periods & own)) - float(bool(periods and own and not periods & own)),
        "long": float(len(text.split()) > 45),
        "define": float(wants == "define"),
        "reason": float(wants == "reason"),
        "amount": float(wants == "amount"),
        "person_place": float(wants in ("person", "place")),
        "date": float(wants in ("date", "duration")),
        "other": float(wants == "other"),
        "defined_by_rule": float(wants == "define" and defines(topic, text)),
        "leads": float(sentence.index == 0),
        "verify": float(isinstance(plan, Verify)),
        "operation": float(bool(operation)),
        "operation_said": float(bool(operation and set(stems(operation.group())) & words)),
        "footnote": one.named,
        "goes_on": float(one.goes_on),
        "introduces": 0.0,
    }
