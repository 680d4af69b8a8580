"""From a question to what a company's statements say to it: figures with their cells, and the chance to be right.

Invariant: a chance only falls on the way: by every word that nothing accounts for, every reading that is in doubt, every
definition that schools differ about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.documents.file_names import describe
from retrieval.evidence.statements.companies import Bound
from retrieval.evidence.statements.core import Core
from retrieval.evidence.statements.fiscal import names_years_before
from retrieval.evidence.statements.judging import Judged, judged, steady
from retrieval.evidence.statements.question import Asked, read
from retrieval.evidence.statements.values import Books, NoMeaning, NoValue, Use, Value, labels_of
from retrieval.evidence.statements.vocabulary.formulas import Item, items
from retrieval.evidence.statements.vocabulary.terms import BY_NAME, plain, variants
from retrieval.graph.document import DocumentGraph
from retrieval.graph.view import GraphView

_BANKS = re.compile(
    r"^(?:total )?(?:net interest income|provisions? for (?:credit|loan) losses|(?:total )?revenues net of interest expense"
    r"|total interest income|noninterest income|non interest (?:income|revenues))"
)
_LEFT_OVER = (1.0, 0.4, 0.2, 0.1)
_MOST = 0.97


@dataclass(frozen=True)
class Finding:
    """What was found: the measure's value in each year, latest first.

    missing: the line item without which the measure means nothing for this company; then there are no values, and
    `shown` are the rows that tell what kind of company it is.
    """

    asked: Asked
    document: int
    years: tuple[int, ...]
    values: tuple[Value, ...]
    chance: float
    shown: tuple[Use, ...] = ()
    missing: str = ""
    judgement: Judged | None = None

    @property
    def uses(self) -> tuple[Use, ...]:
        """Every cell, in the order of the computation."""
        values = [*self.values, *(value for _, value in (self.judgement.beside if self.judgement else ()))]
        cells = {(one.table.number, one.row.index, one.column.index): one for value in values for one in value.uses}
        return self.shown or tuple(cells.values())


def find(core: Core, view: GraphView, company: Bound) -> Finding | None:
    """The best finding over the documents of the company that the question names."""
    graphs = [(place, view.documents[place]) for place in company.documents]
    asked = read(core, {label for _, graph in graphs for label in _labels(graph)}) if graphs else None
    if asked is None:
        return None
    named = 1.0 if company.spans else 0.9
    found = [one for place, graph in graphs if (one := _in_document(asked, place, graph, named)) is not None]
    return max(found, key=lambda one: (round(one.chance, 2), _fitting(one, view)), default=None)


def _labels(graph: DocumentGraph) -> Iterator[str]:
    for statement in graph.statements:
        for _, row in statement.rows:
            for label in labels_of(row):
                yield label
                yield label.removeprefix("total ")


def _fitting(one: Finding, view: GraphView) -> tuple[int, int, int]:
    """A report whose own year is the latest one asked for comes first, then a whole annual report."""
    graph = view.documents[one.document]
    facts = describe(graph.document)
    own = int(facts.year) if facts.year else 0
    return -abs(own - max(one.years)), int(not facts.period), len(graph.tables)


def _in_document(asked: Asked, place: int, graph: DocumentGraph, named: float) -> Finding | None:
    months = 12
    chance = _MOST * named * _LEFT_OVER[min(len(asked.left_over), len(_LEFT_OVER) - 1)]
    if asked.quarter:
        if describe(graph.document).period != f"Q{asked.quarter}":
            return None
        months, chance = 3, chance * 0.9
    books = Books(place, graph, months, names_years_before(graph, asked.years))
    shown = books.years()
    years = _years(asked, shown) if shown else None
    if years is None:
        return None
    chance *= (1.0 if asked.years else 0.9) * (0.9 if _ends_early(graph) else 1.0)
    try:
        values = tuple(books.value(asked.measure.node, year) for year in years)
    except NoMeaning:
        return None
    except NoValue:
        return _without_meaning(asked, books, years, chance) or _zero(asked, books, years, chance)
    judgement: Judged | None = None
    if asked.verdict == "sound":
        judgement = judged(asked.measure.name, values[0], books, years[0])
    elif asked.verdict == "steady":
        judgement = steady(values, asked.measure.form, asked.limit)
    if asked.why or (asked.verdict in ("sound", "steady") and judgement is None):
        chance *= 0.3  # figures are no reason, and "healthy" is a judgement
    if judgement is not None:
        return Finding(asked, place, years, values, chance * judgement.sure * values[0].sure, judgement=judgement)
    if not asked.measure.settled and not asked.measure.stated:
        chance *= 0.75
    for value in values:
        chance *= value.sure ** (1 / len(values))
    return Finding(asked, place, years, values, chance)


def _years(asked: Asked, shown: Sequence[int]) -> tuple[int, ...] | None:
    """The years to look at, latest first; None where the document ends before one that was asked for."""
    years = sorted(asked.years or shown[:1], reverse=True)
    if asked.since and years[-1] < max(shown):
        years.insert(0, max(shown))
    if asked.how == "average" and len(years) < 2:
        return None
    if asked.verdict == "steady":
        years = [year for year in shown if year <= years[0]][:3] if len(years) < 2 else years
    elif asked.how in ("compare", "change", "cagr"):
        years = [years[0], years[-1]] if len(years) > 1 else [years[0], years[0] - 1]
    elif asked.how == "value" and asked.verdict:
        years = years[:1]
    return tuple(years) if years[0] <= max(shown) else None


def _ends_early(graph: DocumentGraph) -> bool:
    """Whether fiscal years end in the first weeks of a year: then it is in doubt which of two years a name means."""
    ends = [when.month for one in graph.statements[:3] for when in one.whens()]
    return bool(ends) and all(month in (1, 2) for month in ends)


def _without_meaning(asked: Asked, books: Books, years: Sequence[int], chance: float) -> Finding | None:
    """A margin or a ratio of current assets asked of a bank: its statements have no such lines, and others in their
    place."""
    lacking = _lacking(asked, books, years[0])
    shown = tuple(_bank_rows(books, years[0]))
    if asked.measure.form == "amount" or len(shown) < 2 or not lacking:
        return None
    if asked.why:
        chance /= _LEFT_OVER[min(len(asked.left_over), 1)]  # there is no reason to give for what is not measured
    chance = min(chance, _MOST) * 0.85 * (1.0 if asked.wanted.escape else 0.6)
    return Finding(asked, books.document, (years[0],), (), chance, shown[:3], lacking)


def _zero(asked: Asked, books: Books, years: Sequence[int], chance: float) -> Finding | None:
    """A line that the statement does not have, where the question says to answer nought then; the statement's revenue is
    shown."""
    node = asked.measure.node
    if not asked.wanted.zero or not isinstance(node, Item) or node.term.kind != "income":
        return None
    first = node.term.name.split()[0]
    if any(first in plain(row.label) for one in books.graph.statements if one.kind == "income" for _, row in one.rows):
        return None  # there is such a line, of another make
    try:
        shown = books.value(Item(BY_NAME["revenue"]), years[0]).uses
    except (NoValue, NoMeaning):
        return None
    return Finding(asked, books.document, (years[0],), (), chance * 0.8, shown, node.term.name)


def _bank_rows(books: Books, year: int) -> Iterator[Use]:
    """Rows that only a bank's income statement has."""
    for statement in books.graph.statements:
        if statement.kind != "income":
            continue
        for table, row in statement.rows:
            if not any(_BANKS.search(label) for label in variants(row.label)[:1]):
                continue
            for when in statement.whens():
                cell = statement.cell(table, row, when)
                if when.year - books.shifted == year and cell is not None and cell[1].figure is not None:
                    yield Use(table, row, *cell, when)


def _lacking(asked: Asked, books: Books, year: int) -> str:
    """The first line item of the measure that the statements do not have."""
    for item in items(asked.measure.node):
        try:
            books.value(item, year)
        except (NoValue, NoMeaning):
            return item.term.name
    return ""
