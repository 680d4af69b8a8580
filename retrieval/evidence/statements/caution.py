"""How likely a look-up among all tables of a filing can be right at most.

A filing has a hundred tables and several figures of nearly every name; the chance of a look-up was learnt on pages with one.
Invariant: caution only lowers a chance.
"""

from __future__ import annotations

from collections.abc import Mapping

from retrieval.evidence.look_up.outcome import Outcome
from retrieval.evidence.plans.plan import Compute, Lookup
from retrieval.evidence.statements.fiscal import names_years_before
from retrieval.graph.reading.periods import find_periods
from retrieval.graph.reading.words import stems
from retrieval.graph.view import GraphView

_UNSURE = 0.4
_RATES = frozenset(
    {"percent", "percentag", "share", "rate", "margin", "ratio", "proport", "yield", "return", "growth", "grow", "tier", "%"}
)


def most_in_filing(
    question: str, outcome: Outcome, signs: Mapping[str, float], view: GraphView, company_known: bool
) -> float:
    """The highest chance of an outcome that rests on a filing's tables; 1 for other documents.

    Where filings of several companies are there and the question names none, any of them may be meant. Whole
    columns and rankings over any table are seldom what is asked of a filing; a word that the row does not account
    for mostly means that another row is asked for; and a percentage is no answer to a question for an amount.
    """
    if not any(view.documents[one.match.line.document].statements for one in outcome.found):
        return 1.0
    if not company_known or not isinstance(outcome.plan, Lookup | Compute):
        return _UNSURE
    if signs.get("spare_words") or signs.get("precision", 1.0) < 0.8 or signs.get("coverage", 1.0) < 0.8:
        return _UNSURE
    if _named_otherwise(question, outcome, view) or _one_of_several(question, outcome, view):
        return _UNSURE
    relative = any(point.cell.figure is not None and point.cell.figure.kind == "percent" for _, point in outcome.chosen)
    asked = {word[:8] for word in stems(question.replace("%", " percent "))}
    if relative and outcome.result is None and not asked & {word[:8] for word in _RATES}:
        return _UNSURE
    return 1.0


def _named_otherwise(question: str, outcome: Outcome, view: GraphView) -> bool:
    """Whether the company calls its fiscal years after the year before the one in which they end: a look-up takes the column
    by the year that it shows."""
    asked = [one.year for one in find_periods(question) if one.year]
    documents = {one.match.line.document for one in outcome.found}
    return any(names_years_before(view.documents[place], asked) for place in documents)


def _one_of_several(question: str, outcome: Outcome, view: GraphView) -> bool:
    """Whether another row of the same name says something else of the same period (a segment's), and no word of the question
    tells the two apart."""
    asked = set(stems(question))
    for line, point in outcome.chosen:
        figure, period = point.cell.figure, point.period
        if figure is None or period is None:
            continue
        own = (asked & (line.path | line.head | line.topic)) - set(line.label)
        for other in view.lines:
            if other.document != line.document or other.label != line.label or other.number == line.number:
                continue
            values = {
                one.cell.figure.full
                for one in other.points_of(period)
                if one.cell.figure is not None and one.cell.figure.kind == figure.kind
            }
            if values and figure.full not in values and not own - (other.path | other.head | other.topic):
                return True
    return False
