"""What part of a year fell into its fourth quarter: by a release's two columns, or by its two sentences.

Invariant: quarter and year are of one document and one measure; the quarter is no larger than the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from retrieval.documents.file_names import describe
from retrieval.evidence.disclosures.told import Told
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core, left_over
from retrieval.evidence.statements.fiscal import called, names_years_before
from retrieval.evidence.statements.row_lists import RowsFound
from retrieval.evidence.statements.values import Books, NoMeaning, NoValue
from retrieval.evidence.statements.vocabulary.formulas import Item
from retrieval.evidence.statements.vocabulary.terms import TERMS, Term, spoken
from retrieval.evidence.wording.templates import figure_words
from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.view import GraphView

_ASKS = re.compile(r"\b(?:percent|percentage|share|proportion|fraction|part)\b")
_FELL = re.compile(
    r"\b(?:occurred|occur|happened|came|come|fell|took place|was made|were made|made|was spent|were spent"
    r"|recorded|earned|generated"
    r"|in|during|of|the|for|from|fourth|4th|q4|quarter|what|share|proportion|fraction|part|spent?)\b"
)
_FOURTH = re.compile(r"\bfourth quarter\b|\bQ4\b|\bthree months ended\b", re.I)
_MONEY = re.compile(r"\$\s?(\d[\d,]*(?:\.\d+)?)\s?(thousand|million|billion)?")
_SCALES = {"": 0, "thousand": 3, "million": 6, "billion": 9}
_MEANS = {
    "share repurchases": re.compile(r"\brepurchas|\bbuy ?back|\bbought back", re.I),
    "dividends paid": re.compile(r"\bdividends?\b", re.I),
}


def find_quarter_share(core: Core, view: GraphView, company: Bound) -> RowsFound | Told | None:
    """'What percent of the year's stock repurchases was made in the fourth quarter?'; None for other questions."""
    if core.quarter != 4 or not _ASKS.search(core.text):
        return None
    term = max(
        ((found.end() - found.start(), one) for one in TERMS for found in spoken(one).finditer(core.text)),
        key=lambda pair: pair[0],
        default=(0, None),
    )[1]
    if term is None or left_over(core.text, (spoken(term), _FELL)):
        return None
    for place in company.documents:
        graph = view.documents[place]
        if describe(graph.document).period != "Q4" or not core.years:
            continue
        found = _in_statements(core, term, place, graph) or _in_sentences(core, term, place, graph)
        if found is not None:
            return found
    return None


def _in_statements(core: Core, term: Term, place: int, graph: DocumentGraph) -> RowsFound | None:
    year = max(core.years)
    shifted = names_years_before(graph, (year,))
    try:
        quarter, whole = (Books(place, graph, months, shifted).value(Item(term), year) for months in (3, 12))
    except (NoValue, NoMeaning):
        return None
    if not 0 < quarter.amount <= whole.amount or term.kind == "balance":
        return None
    uses = (quarter.uses[0], whole.uses[0])
    figures = [use.cell.figure for use in uses]
    said = " of ".join(figure_words(figure) for figure in figures if figure is not None)
    sentence = f"{_percent(quarter.amount, whole.amount)} of {term.name} in FY{year} fell into the fourth quarter: {said}"
    names = (f"{uses[0].name}, fourth quarter", f"{uses[1].name}, year")
    return RowsFound(
        place, year, sentence, uses, f"share({term.name}, Q4 of {year})", 0.85 * quarter.sure * whole.sure, names
    )


def _in_sentences(core: Core, term: Term, place: int, graph: DocumentGraph) -> Told | None:
    """Two sentences of one paragraph: one of the quarter, one of the year."""
    means = _MEANS.get(term.name)
    year = called(graph, max(core.years))
    if means is None:
        return None
    speaking = [one for one in graph.sentences if means.search(one.text) and str(year) in one.text]
    for quarter in speaking:
        for whole in speaking:
            same = whole.paragraph == quarter.paragraph and whole is not quarter
            if same and _FOURTH.search(quarter.text) and not _FOURTH.search(whole.text):
                amounts = [next(_amounts(one), None) for one in (quarter, whole)]
                if amounts[0] and amounts[1] and amounts[0] <= amounts[1]:
                    lead = f"{_percent(amounts[0], amounts[1])} of the year's {term.name} fell into the fourth quarter."
                    return Told(place, (quarter, whole), f"share({term.name}, Q4 of {year})", 0.8, lead)
    return None


def _amounts(sentence: Sentence) -> Iterator[Decimal]:
    for number, unit in _MONEY.findall(sentence.text):
        yield Decimal(number.replace(",", "")).scaleb(_SCALES[unit])


def _percent(part: Decimal, whole: Decimal) -> str:
    return f"{(part / whole * 100).quantize(Decimal('0.1'))}%"
