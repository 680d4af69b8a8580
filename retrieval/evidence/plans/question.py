"""A question as the planner reads it: folded, its periods apart, and the measure that is left.

Invariant: offsets in `masked` are offsets in `text`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from retrieval.evidence.plans import operation_words as said
from retrieval.evidence.plans.plan import (
    Plan,
    Planned,
)
from retrieval.graph.reading.periods import Period, find_periods
from retrieval.graph.reading.words import fold, split

_ORDINALS = re.compile(
    r"\b(?P<a>first|second|third|fourth)\s+(?:and|to|or|versus|vs)\s+(?:the\s+)?(?P<b>first|second|third|fourth)\s+(?P<noun>quarter)s?\b"
)


LEAD = re.compile(
    r"^(?:what|which|how much|how many|how large|how big|how high)\s+(?:is|was|were|are|did|does|do|has|have|had"
    r"|will|would|be)?\s*(?:the\s+)?"
    r"|^(?:¿|¡)?\s*(?:wie hoch|wie groß|wie ?viel|quel(?:le)?s?|combien|cu[áa]l(?:es)?"
    r"|cu[áa]nt[oa]s?|qual[ei]?|quant[oaie]|wat|hoe hoog"
    r"|hoeveel|welche[rsnm]?)\s+(?:war(?:en)?|ist|sind|était|étaient|est|sont|era[n]?|fue(?:ron)?|es|son|è|sono|was|waren|is|zijn)?\s*"
)


@dataclass(frozen=True)
class Question:
    """`text` is folded, without its closing mark; `masked` has the periods blanked out, at equal length."""

    text: str
    masked: str
    periods: tuple[Period, ...]

    @classmethod
    def read(cls, question: str) -> Question:
        text = fold(question).strip().lstrip("¿¡ ").rstrip("?!. ").strip()
        text = _ORDINALS.sub(
            lambda found: f"{found.group('a')} {found.group('noun')} and the {found.group('b')} {found.group('noun')}", text
        )
        periods = tuple(find_periods(text))
        masked = text
        for one in periods:
            masked = masked[: one.start] + " " * (one.stop - one.start) + masked[one.stop :]
        return cls(text, masked, _quarters_of_a_year(periods))


def _quarters_of_a_year(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """'In the fiscal 2019 third quarter': a year that is named once is that of the quarters which name none."""
    years = [
        one
        for one in periods
        if one.year and one == Period(one.year, fiscal=one.fiscal, text=one.text, start=one.start, stop=one.stop)
    ]
    if len(years) != 1 or not any((one.quarter or one.half) and not one.year for one in periods):
        return periods
    year = years[0]
    return tuple(
        replace(one, year=year.year, fiscal=year.fiscal, text=f"{one.text} {year.text}")
        if (one.quarter or one.half) and not one.year
        else one
        for one in periods
        if one is not year
    )


_ASIDE = re.compile(r"\bunder\b(?!\s*[$€£]?\d)|\b(?:expressed|compared|reported|recorded)\b")


def planned(plan: Plan, sure: float, asked: Question, spoken: str) -> Planned:
    """`spoken` are words that the plan accounts for, and with them go those that only join others ("assets under other
    assets")."""
    spoken = " ".join([spoken, *_ASIDE.findall(asked.masked)])
    return Planned(plan, sure, frozenset(word.stem for word in split(spoken) if word.telling))


def measure_of(masked: str, *spoken: re.Match[str] | None) -> str:
    """The question's words without those spoken for and without its opening."""
    for match in spoken:
        if match is not None:
            masked = masked[: match.start()] + " " * (match.end() - match.start()) + masked[match.end() :]
    text = said.RESPECTIVELY.sub(" ", masked)
    text = LEAD.sub("", text.strip())
    return " ".join(text.split()).strip(" ,;:")
