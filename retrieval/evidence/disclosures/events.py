"""What happened to a company, by its notes: acquisitions that it completed, proceedings against it.

Invariant: what is told is a dated or named event; "from time to time we are party to proceedings" is none.
"""

from __future__ import annotations

import re

from retrieval.evidence.disclosures.told import Told
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core, left_over
from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.reading.periods import find_periods
from retrieval.graph.view import GraphView

_BOUGHT = re.compile(r"\b(?:acquisitions?|acquired|acquire|bought|takeovers?|mergers?)\b")
_ASKS_LAW = re.compile(
    r"\b(?:legal (?:battles?|proceedings?|actions?|disputes?|matters?|cases?|issues?)|lawsuits?|litigations?"
    r"|court cases?)\b"
)
_COMPLETED = re.compile(
    r"\b(?:complet\w+|closed(?: on)?) (?:the |its |our |an? )?(?:previously announced )?(?:acquisition|merger"
    r"|purchase)\b"
    r"|\b(?:we|company|subsidiary|subsidiaries|inc\.?|plc|corporation)(?: also| has| have)* (?:acquired"
    r"|purchased|bought) (?!intangible|in\b|by\b)"
    r"|\b(?:acquired|purchased) (?:all|100|the remaining|a (?:\w+ )?(?:interest|stake|majority))",
    re.I,
)
_NO_EVENT = re.compile(r"\bamortization|fair value|useful li(?:fe|ves)|expected to|would|pro forma", re.I)
_TITLED = re.compile(r"\bacqui(?:sitions?|red)|business combinations?|mergers?\b|divestitures?", re.I)
_DATE = re.compile(r"\b(?:On|In|During|Effective)\b[^,.]{0,40}?\b(?:19|20)\d\d\b|\b(?:19|20)\d\d\b")
_FILED = re.compile(
    r"\b(?:lawsuits?|actions?|complaints?|suits?|claims?|proceedings?|investigations?|petitions?"
    r"|charges?)\b[^.]{0,160}?\b(?:filed|pending|brought"
    r"|alleg\w+|commenced|named|settle\w*|assert\w*)\b|\b(?:filed|brought|commenced)\b[^.]{0,120}?\b(?:lawsuits?"
    r"|actions?|complaints?|suits?|claims?)\b",
    re.I,
)
_VAGUE = re.compile(
    r"\bfrom time to time|ordinary course|normal course|\b(?:may|could|might|would)\b|\bcannot (?:be"
    r" )?(?:predict|estimat|assur)|not (?:currently )?(?:a )?party"
    r"|tax authorit|open tax|\bif\b|accru(?:al|ed|e)|generally|not possible",
    re.I,
)
_LAW = re.compile(r"\blegal proceedings?|litigation|contingenc(?:y|ies)|legal matters?|\blegal\b", re.I)
_NAMED = re.compile(r"\b(?:19|20)\d\d\b|\b[A-Z][\w&.'’-]+(?: [A-Z][\w&.'’-]+)+\b")
_HABIT = re.compile(
    r"\b(?:major|material\w*|important\w*|significant|main|big|done|did|complet\w*|ongoing|current\w*|pending"
    r"|against|facing|face|involved"
    r"|any|there|large|key|carr\w+|out|undertak\w+|undertook|part|party|subject)\b"
)


def find_event(core: Core, view: GraphView, company: Bound) -> Told | None:
    """Acquisitions of the years asked for, or proceedings of the latest report."""
    pattern = _ASKS_LAW if _ASKS_LAW.search(core.text) else _BOUGHT if _BOUGHT.search(core.text) else None
    if pattern is None or re.search(r"\b(?:why|how|cost|expenses?|goodwill|intangible|impact|effect)\b", core.text):
        return None
    doubt = (1.0, 0.6, 0.3)[min(2, len(left_over(core.text, (pattern, _HABIT))))]
    found = []
    for place in company.documents:
        graph = view.documents[place]
        latest = max((when.year for one in graph.statements for when in one.whens()), default=0)
        if core.years and max(core.years) not in (latest, latest + 1):
            continue
        told = _law(place, graph, latest) if pattern is _ASKS_LAW else _acquisitions(core, place, graph, latest)
        if told is not None:
            found.append(Told(told.document, told.sentences, told.plan, told.chance * doubt, told.lead, told.head))
    return max(found, key=lambda one: (one.chance, len(view.documents[one.document].sentences)), default=None)


def _acquisitions(core: Core, place: int, graph: DocumentGraph, latest: int) -> Told | None:
    """Those of the note on acquisitions, one sentence each, that fall into the years asked for (a fiscal year may begin in
    the calendar year before)."""
    years = set(core.years or (latest,))
    years |= {min(years) - 1}
    seen: set[frozenset[str]] = set()
    chosen: list[Sentence] = []
    for one in graph.sentences:
        if (
            not _COMPLETED.search(one.text)
            or len(one.text) > 600
            or _NO_EVENT.search(one.text)
            or not any(_TITLED.search(part) for part in one.section[-2:])
        ):
            continue
        dates = [int(found.group()[-4:]) for found in _DATE.finditer(one.text)]
        names = frozenset(word for word in re.findall(r"\b[A-Z]\w{2,}", one.text[20:]) if word != "Company")
        if not dates or dates[0] not in years or any(len(names & other) > 0.6 * len(names) for other in seen if names):
            continue
        seen.add(names)
        chosen.append(one)
    if not chosen:
        return None
    return Told(place, tuple(chosen[:8]), f"list(acquisitions, {_spoken(core, latest)})", 0.74, "", "Acquisitions")


def _law(place: int, graph: DocumentGraph, latest: int) -> Told | None:
    """The first named proceedings of the note on legal proceedings, else of that item of the report."""
    best: list[Sentence] = []
    for one in graph.sentences:
        if not any(_LAW.search(part) for part in one.section[-1:]) or len(one.text) > 500 or len(one.text.split()) < 8:
            continue
        named = _NAMED.search(one.text[1:]) or find_periods(one.text)
        ours = re.search(r"\b(?:us|we|our|company|against)\b", one.text, re.I)
        if _FILED.search(one.text) and named and ours and not _VAGUE.search(one.text):
            best.append(one)
    notes = [one for one in best if any(re.match(r"(?:\d+\.? |note )", part, re.I) for part in one.section)] or best
    if not notes:
        return None
    return Told(place, tuple(notes[:2]), f"list(legal proceedings, {latest})", 0.68, "Yes.", "Legal proceedings")


def _spoken(core: Core, latest: int) -> str:
    return ", ".join(map(str, core.years or (latest,)))
