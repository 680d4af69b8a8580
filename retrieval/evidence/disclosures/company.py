"""What a company is and whom it depends on, in its own words: its business, its customers, cycles and seasons.

Invariant: a sentence answers only where it says the thing itself; that something "could" happen is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from retrieval.evidence.disclosures.told import Told
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core, left_over
from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.view import GraphView

_WHO = (
    r"(?:we|[A-Z][\w&.'’]*(?: [A-Z&][\w&.'’]*){0,4}(?:,? (?:Inc\.?|plc|Corporation|Company))*"
    r"|the company|our company)"
)
_IS_A = re.compile(
    rf"^(?:(?:today|founded|incorporated|headquartered|based|with|through|since|as)\b[^,]*, )?{_WHO}(?:,?"
    rf" together with its"
    r"(?: consolidated)? subsidiaries,?| \([^)]*\),?)? (?:is|are|was|were) (?:(?:a|an|the|one of)\b(?:[^.]"
    r"|(?<=\b[A-Z])\.){0,160}?\b(?:leaders?|provider|compan(?:y|ies)"
    r"|manufacturers?|retailers?|producers?|suppliers?|banks?|firms?|designers?|operators?|developers?"
    r"|distributors?|platform"
    r"|marketplace|insurers?|airline|restaurant\w*|utilit(?:y|ies)|business(?:es)?|brand|network|institution)\b"
    r"|(?:primarily |principally )?engaged in\b)",
    re.I,
)
_ABOUT_BUSINESS = re.compile(
    r"\b(?:business|overview|general|the company|about|our company|introduction|description|who we are)\b", re.I
)
_LEGAL_FORM = re.compile(
    r"\b(?:incorporated (?:in|under|as)|organi[sz]ed (?:in|under)|public limited|under the laws|registered (?:in"
    r"|as|bank))\b",
    re.I,
)
_COMPANY_ITSELF = re.compile(
    r"\b(?:leader|leading|largest|compan(?:y|ies)|premier|provider|retailer"
    r"|manufacturer)\b",
    re.I,
)
_FRONT = 900  # sentences
_MAY = re.compile(r"\b(?:may|might|could|would|if|should|can)\b", re.I)
_SHARE = re.compile(
    r"\b\d{1,3}(?:\.\d)?(?:%| ?percent\b)|\b(?:(?:significant|substantial|large|material) (?:portion|amount|part"
    r"|percentage)"
    r"|majority|approximately half|limited number|largest customers?|(?:principal|primary|major|key) customers?"
    r"|substantially all)\b",
    re.I,
)
_REVENUE = re.compile(r"\b(?:revenues?|sales|turnover)\b", re.I)
_CUSTOMER = re.compile(
    r"\bcustomers?\b|\b(?:derived?|earned|generated|received?) (?:\w+ )*?(?:from|pursuant to)\b|\b(?:government"
    r"|airlines|retailers|distributors)\b",
    re.I,
)
_NO = re.compile(
    r"\b(?:not|no|nor|neither|minimal|immaterial|limited) (?:\w+ ){0,12}?(?:seasonal|cyclical)|(?:seasonal\w*"
    r"|cyclical\w*)[^.]{0,40}\b(?:not|no)\b",
    re.I,
)


@dataclass(frozen=True)
class _Topic:
    """asks: of the question's plain words, which it accounts for; find: the sentences with a lead and a chance."""

    name: str
    asks: re.Pattern[str]
    find: Callable[[DocumentGraph, re.Match[str]], tuple[list[Sentence], str, float] | None]


def find_company(core: Core, view: GraphView, company: Bound) -> Told | None:
    """The company's own words about itself; of the latest report where several say something."""
    for topic in _TOPICS:
        asked = topic.asks.search(core.text)
        if asked is None:
            continue
        rest = left_over(core.text.replace(asked.group(), " "), (_HABIT,))
        found = []
        for place in company.documents:
            told = topic.find(view.documents[place], asked)
            if told is not None:
                sentences, lead, chance = told
                chance *= (1.0, 0.7, 0.4)[min(2, len(rest))]
                found.append(Told(place, tuple(sentences), f"{topic.name}(company)", chance, lead, topic.name))
        return max(found, key=lambda one: (one.chance, len(view.documents[one.document].sentences)), default=None)
    return None


_HABIT = re.compile(
    r"\b(?:operat\w+|primar\w+|mainly|main|major|key|largest|biggest|most|important|significant|depend\w*"
    r"|subject|exposed|kind"
    r"|type|sort|does|company|business(?:es)?|industry|sector|there|material|core|principal\w*|active|work\w*|part)\b"
)


def _business(graph: DocumentGraph, asked: re.Match[str]) -> tuple[list[Sentence], str, float] | None:
    found = [
        one
        for one in graph.sentences[:_FRONT]
        if _IS_A.match(one.text)
        and len(one.text) < 420
        and not _MAY.search(one.text[:60])
        and not _LEGAL_FORM.search(one.text)
    ]
    titled = [one for one in found if any(_ABOUT_BUSINESS.search(part) for part in one.section[-1:])]
    titled = [one for one in titled if _COMPANY_ITSELF.search(one.text)] or titled
    best = next(iter(titled or found), None)
    return None if best is None else ([best], "", 0.78 if titled else 0.55)


def _customers(graph: DocumentGraph, asked: re.Match[str]) -> tuple[list[Sentence], str, float] | None:
    """Sentences that say whose orders revenue comes from; first those that speak of most of it."""
    scored: list[tuple[float, int, Sentence]] = []
    for one in graph.sentences:
        text = one.text
        if len(text) > 500 or not _REVENUE.search(text) or not _SHARE.search(text) or not _CUSTOMER.search(text):
            continue
        told = bool(re.search(r"\b(?:we|our|the company)\b", text, re.I))
        source = re.search(
            r"\b(?:from|pursuant to|by|to) (?:[\w.'’&-]+ ){0,6}?(?:customers?|government|contracts|airlines"
            r"|retailers|distributors|clients)\b",
            text,
            re.I,
        )
        if (
            not told
            or _MAY.search(text)
            or not source
            or re.search(r"\bsegment\b|recogni[sz]ed|%.{0,20}%.{0,20}%", text, re.I)
        ):
            continue
        front = any(re.search(r"business|risk|customer|concentration", part, re.I) for part in one.section)
        scored.append((1.0 * front + 0.5 * bool(re.search(r"\bcustomers?\b", text, re.I)), -one.index, one))
    scored.sort(key=lambda one: (-one[0], -one[1]))
    chosen = [one for _, _, one in scored[:2]]
    return (sorted(chosen, key=lambda one: one.index), "", 0.62) if chosen else None


def _swings(graph: DocumentGraph, asked: re.Match[str]) -> tuple[list[Sentence], str, float] | None:
    """Whether the business is cyclical or seasonal: a sentence that says that it is, or that it is not."""
    word = "cyclical" if asked.group().startswith("cycl") else "seasonal"
    saying = re.compile(rf"\b{word}(?:ity|ly)?\b", re.I)
    found = [one for one in graph.sentences if saying.search(one.text) and len(one.text) < 420 and not _MAY.search(one.text)]
    best = next(iter(sorted(found, key=lambda one: _least(one, word))), None)
    if best is None:
        return None
    return ([best], "No." if _NO.search(best.text) else "Yes.", 0.74)


def _least(sentence: Sentence, word: str) -> tuple[bool, int]:
    titled = any(word[:5] in part.lower() or re.search(r"business|risk", part, re.I) for part in sentence.section)
    return (not titled, sentence.index)


def _retained(graph: DocumentGraph, asked: re.Match[str]) -> tuple[list[Sentence], str, float] | None:
    """Retention of customers or members, where a sentence says how high it is or was."""
    words = [word[:6] for word in asked.group("whom").split() if len(word) > 3]
    high = re.compile(
        r"\bretention (?:rates? )?(?:\w+ ){0,3}?(?:remain\w*|was|were|is|stayed|reached|of|at|increased"
        r"|improved)\b[^.]{0,40}?"
        r"(?:high|strong|record|stable|improv\w+|\d{2}(?:\.\d)?(?:%| percent))|\b(?:high|strong"
        r"|record)\b[^.]{0,30}\bretention\b",
        re.I,
    )
    best = next(
        (
            one
            for one in graph.sentences
            if high.search(one.text) and all(word in one.text.lower() for word in words) and not _MAY.search(one.text)
        ),
        None,
    )
    return None if best is None else ([best], "Yes.", 0.72)


_TOPICS: tuple[_Topic, ...] = (
    _Topic(
        "business",
        re.compile(
            r"\b(?:what|which) (?:\w+ )?(?:industry|industries|sector|line of business|kind of business|type of"
            r" business)\b"
            r"|\bwhat business (?:is|are|does) thecompany\b(?: in| do)?"
            r"|\bwhat business (?:is|are|does) thecompany\b(?: in| do)?"
            r"|\bwhat (?:does|is) thecompany(?: primarily| mainly)? (?:do|in the business of)\b|\bwhat (?:is"
            r"|are) thecompany (?:main |core |primary )?business\b"
        ),
        _business,
    ),
    _Topic(
        "customers",
        re.compile(r"\b(?:who|which|what) (?:are|is)?\b.*\bcustomers?\b(?! (?:deposits|satisfaction|financing))"),
        _customers,
    ),
    _Topic("cycles", re.compile(r"\bcyclical(?:ity|ly)?\b|\bseasonal(?:ity|ly)?\b"), _swings),
    _Topic(
        "retention",
        re.compile(
            r"\b(?:able to |manage to |managed to )?(?:retain|keep|hold on to)(?:ed)? (?:its |their"
            r" )?(?P<whom>(?:\w+ ){0,2}?(?:members|customers|clients|subscribers|users|merchants))\b"
        ),
        _retained,
    ),
)
