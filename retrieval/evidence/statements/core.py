"""The core of a question in plain words, its company and years apart: what every reading of it begins with.

Invariant: no word of the core is lost; the company stands in it as one word of its own, and years are blanked out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.vocabulary.instructions import Instructed, instructed
from retrieval.evidence.statements.vocabulary.terms import plain
from retrieval.graph.reading.periods import Period, find_periods
from retrieval.graph.reading.words import FUNCTION, fold

COMPANY = "thecompany"
_COUNTRY = re.compile(r"\bU\.?S\.?(?:A\.?)?(?=\s|'|$|[?,;)])(?! ?(?:GAAP|dollars?|cents|\$))")  # no pronoun
_ACCOUNTED = re.compile(
    r"\b(?:thecompany|company|firm|fiscal|financial|years?|annual|annually|amounts?|total|value|figure|reported|report|based|data|profile"
    r"|end|ended|ending|fye|fy|ye|level|balance|ratio|consolidated|full|times?|roughly|approximately|about|number|usd|dollars?"
    r"|millions?|thousands?|billions?|percent|percentage|basis|overall|calendar|period|over|same|results?|business|spend|spent|pay|paid"
    r"|make|made|earn|earned|generated?|incur|incurred|recorded?|sold|sell|note|respectively|between|previous|prior|last|preceding"
    r"|current|latest|most recent|entire|whole|actual|exact|quantity|answer|metric|useful|using|analyst|position"
    r"|measure|terms?|units?"
    r"|size|sheets?|statements?|gaap|year end|quarter|how (?:large|big|high|low|great|small)|data|s)\b"
)


@dataclass(frozen=True)
class Core:
    """`text` is plain. years: all that the question names, ranges spread out, in order. since: from the named year on."""

    text: str
    years: tuple[int, ...]
    quarter: int | None
    wanted: Instructed
    since: bool = False


def core_of(question: str, company: Bound) -> Core:
    text = question
    for start, stop in sorted(company.spans, reverse=True):
        text = f"{text[:start]} {COMPANY} {text[stop:]}"
    text = _COUNTRY.sub("unitedstates", text)
    wanted = instructed(" ".join(text.split()))
    core = fold(wanted.core).replace("%", " percent ")
    periods = find_periods(core)
    for one in periods:
        core = core[: one.start] + " " * (one.stop - one.start) + core[one.stop :]
    years = tuple(dict.fromkeys(years_of(periods)))
    if not years:
        years = tuple(dict.fromkeys(years_of(one for _, formula in wanted.definitions for one in find_periods(formula))))
    since = any(re.search(r"\bsince (?:the )?(?:end of )?$", core[: one.start]) for one in periods)
    return Core(plain(core), years, next((one.quarter for one in periods if one.quarter), None), wanted, since)


def proper(question: str, company: Bound) -> str:
    """The question without the company that it names and without what it instructs: what its documents are asked."""
    for start, stop in sorted(company.spans, reverse=True):
        question = f"{question[:start]} {question[stop:]}"
    return f"{instructed(' '.join(question.split())).core}?"


def years_of(periods: Iterable[Period]) -> Iterator[int]:
    for one in periods:
        if one.year:
            yield from range(one.year, (one.end or one.year) + 1)


def left_over(rest: str, spoken: Iterable[re.Pattern[str]] = ()) -> tuple[str, ...]:
    """The words that neither these patterns nor habit account for."""
    for pattern in (*spoken, _ACCOUNTED):
        rest = pattern.sub(" ", rest)
    return tuple(
        word for word in re.findall(r"\w+", rest) if word not in FUNCTION and not (word.isdigit() and len(word) < 2)
    )
