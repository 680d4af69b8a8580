"""Questions that set named things against each other: "which is cheaper, A or B?", "is X higher for A or for B?"

Invariant: what is asked of a few is looked up for each of them; it is never the extreme of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.evidence.plans.plan import Compute, Lookup, Planned
from retrieval.evidence.plans.question import Question, planned

_GENERIC = r"(?:funds?|accounts?|plans?|packages?|cards?|shares?|products?|portfolios?|tariffs?|policies|policy)"
_LINK = r"(?:(?:for|by|with|from|of|in|that of|those of|the|does|do|is|are)\s+)*"
_NAME = rf"(?:class\s+\w+|[\w'-]{{3,}}(?:\s+{_GENERIC})?)"
_OR = re.compile(rf"(?P<a>{_NAME})\s*,?\s+or\s+{_LINK}(?P<b>{_NAME})")
_BETWEEN = re.compile(
    rf"\b(?:compare|compared|between|versus|vs\.?)\b.*?(?P<a>{_NAME})\s+(?:and|with|to|versus|vs\.?)\s+{_LINK}(?P<b>{_NAME})"
)
_COMPARES = re.compile(
    r"\b(?:more|less|fewer|higher|lower|cheaper|dearer|longer|shorter|earlier|later|faster|slower|sooner|greater|smaller|larger|bigger|"
    r"riskier|safer|better|worse|older|newer|stricter|most|least|highest|lowest|cheapest|longest|shortest|expensive|costly)\b"
)
_OPENING = re.compile(
    rf"^(?:(?:and|so)\s+)?(?:which|what|who|is|are|does|do|did|was|were|has|have)\b(?:\s+(?:of\s+)?(?:the|one|two|these)\b|\s+{_GENERIC}\b|"
    r"\s+(?:is|are|has|have|takes?|costs?|was|were|do|does)\b)*"
)
_NO_NAME = frozenset(
    [
        "more",
        "less",
        "not",
        "whether",
        "either",
        "one",
        "two",
        "both",
        "after",
        "before",
        "month",
        "year",
        "day",
        "days",
        "months",
        "years",
        "later",
        "earlier",
        "so",
    ]
)


def alternatives(asked: Question) -> Iterator[Planned]:
    """The measure looked up for each of the named things."""
    text = asked.masked
    if not (_COMPARES.search(text) or re.search(r"\bcompare", text)):
        return
    found = _OR.search(text) or _BETWEEN.search(text)
    if found is None or {found.group("a").split()[0], found.group("b").split()[0]} & _NO_NAME:
        return
    rest = text[: found.start("a")] + " " + text[found.end("b") :]
    rest = _COMPARES.sub(" ", re.sub(rf"\b(?:compare[ds]?|between|versus)\b|\s{_LINK}$", " ", rest))
    measure = " ".join(re.sub(r"[?,:;.]", " ", _OPENING.sub(" ", rest.strip())).split())
    measure = re.sub(rf"(?:\s+{_LINK.strip()})$|\b(?:for|of|by|with|in|the)$", "", measure).strip()
    names = (found.group("a"), found.group("b"))
    yield planned(
        Compute("list", tuple(Lookup(f"{measure} {name}".strip(), asked.periods) for name in names)), 0.85, asked, ""
    )
