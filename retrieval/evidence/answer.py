"""From a question and a view to an answer with its cells, or to a reason why there is none. No model; pure.

Invariant: what is said is a template over cells and results, or a quotation; below the threshold nothing is said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from retrieval.evidence.confidence import chance
from retrieval.evidence.disclosures.find import find_told
from retrieval.evidence.disclosures.quarters import find_quarter_share
from retrieval.evidence.disclosures.told import Told, answer_of_told, citations_of_told
from retrieval.evidence.look_up.carry_out import carry_out
from retrieval.evidence.look_up.outcome import Outcome
from retrieval.evidence.look_up.resolve import Scope
from retrieval.evidence.look_up.signs import joined_names, names, signs
from retrieval.evidence.plans.plan import Compute, Define, Passage, Plan, Planned, Rank, Steps, Verify, told
from retrieval.evidence.plans.planner import plans
from retrieval.evidence.result import Answer, Citation, Hit, Withheld
from retrieval.evidence.slots import Slots, carried, remembered
from retrieval.evidence.statements.answering import Finding, find
from retrieval.evidence.statements.caution import most_in_filing
from retrieval.evidence.statements.citing import answer_of, answer_of_rows, citations_of
from retrieval.evidence.statements.citing import told as told_finding
from retrieval.evidence.statements.companies import bound
from retrieval.evidence.statements.core import core_of, proper
from retrieval.evidence.statements.row_lists import RowsFound, find_rows
from retrieval.evidence.wording.citing import cite_outcome, cite_span, compared_of, computation_of, figures_of, working_of
from retrieval.evidence.wording.spans import Span, find_spans
from retrieval.evidence.wording.templates import worded
from retrieval.graph.cells import Table
from retrieval.graph.reading.words import stems
from retrieval.graph.view import GraphView

THRESHOLD = 0.75  # policy sets another; see the risk–coverage table in docs
Near = Mapping[tuple[int, int], float]


@dataclass(frozen=True)
class Candidate:
    """One thing that could be said."""

    chance: float
    said: Outcome | Span | Finding | RowsFound | Told
    planned: Planned

    @property
    def plan(self) -> str:
        match self.said:
            case Finding():
                return told_finding(self.said)
            case RowsFound() | Told():
                return self.said.plan
            case _:
                return told(self.planned.plan)


def answer(
    question: str,
    view: GraphView,
    passages: Sequence[Hit] | None = None,
    slots: Slots | None = None,
    language: str = "en",
    threshold: float = THRESHOLD,
) -> Answer | Withheld:
    """What the view's documents say to the question, if the chance to be right reaches the threshold.

    `passages` are the search's hits, best first: they tell which tables and sentences are near. None looks
    everywhere in the view.
    `slots` are what an earlier turn was about ("and the year before?").
    """
    asked, kept = carried(question, slots)
    found = candidates(asked, view, passages)
    new = remembered(asked, found[0].said if found and isinstance(found[0].said, Outcome) else None, kept)
    if not found:
        return Withheld("nothing", 0.0, told(plans(asked)[0].plan), slots=new)
    best = found[0]
    if best.chance >= threshold:
        return _said(best, view, new, language)
    prose = [one for one in found if isinstance(one.said, Span)]
    cited = tuple(cite_span(number, one.said, view) for number, one in enumerate(prose[:4], 1) if isinstance(one.said, Span))
    nearest = _cite(1, best, view)
    reason: Literal["prose", "unsure", "nothing"] = (
        "prose" if is_prose(best.planned.plan) or isinstance(best.said, Span) else "unsure"
    )
    return Withheld(reason, best.chance, best.plan, nearest, cited, new)


def candidates(question: str, view: GraphView, passages: Sequence[Hit] | None = None) -> list[Candidate]:
    """All that could be said, the likeliest to be right first."""
    company = bound(question, view)
    core = core_of(question, company)
    asked_of = (find, find_rows, find_told, find_quarter_share)
    stated = [said for ask in asked_of if (said := ask(core, view, company)) is not None]
    within = frozenset(company.documents) if company.spans else None
    ranked = any(isinstance(one, RowsFound) for one in stated)
    if within is not None:
        question = proper(question, company)
    near, places = _near(view, passages)
    named = names(question)
    titular = frozenset(name for name in named | joined_names(question) if any(name in title for title in view.titles))
    scope = Scope(near, named, within)
    found: list[Candidate] = []
    planned = plans(question)
    asks_prose = bool(planned) and is_prose(planned[0].plan)
    for one in planned:
        for outcome in carry_out(one, view, scope)[:1]:
            if not _speaks_of(titular, outcome, view) or _across_documents(titular, outcome):
                continue
            if within is not None and not _in_statements(core.wanted.kinds, outcome, view):
                continue
            if ranked and isinstance(one.plan, Rank):
                continue  # rows of the statement itself are ranked already
            told_by = signs(question, outcome, view, asks_prose)
            sure = min(chance("figures", told_by), most_in_filing(question, outcome, told_by, view, bool(company.documents)))
            found.append(Candidate(sure, outcome, one))
    found += [Candidate(one.chance, one, planned[0]) for one in stated]
    told_by_prose = prose_plan_of(planned)
    for span in find_spans(question, told_by_prose, view, places):
        if within is not None and span.document not in within:
            continue
        if not titular <= view.titles[span.document] | frozenset(stems(span.sentence.text)) | _about(span, view):
            continue
        found.append(Candidate(chance("prose", span.signs), span, told_by_prose))
    found.sort(key=lambda one: (not _understood(one.said), -one.chance))
    return found


def _understood(said: Outcome | Span | Finding | RowsFound | Told) -> bool:
    """A finding that accounts for every word of the question: nothing that merely shares its words comes before it."""
    return isinstance(said, Finding) and not said.asked.left_over and said.chance >= 0.5


def _speaks_of(titular: frozenset[str], outcome: Outcome, view: GraphView) -> bool:
    """Whether every name that a title of the view bears ("Boeing") is that of the found rows or of their document."""
    for one in outcome.found:
        line = one.match.line
        held = view.titles[line.document] | frozenset(line.label) | line.path | line.head | line.topic
        if not titular <= held and not titular <= _all_words(outcome, view):
            return False
    return True


def _in_statements(kinds: Collection[str], outcome: Outcome, view: GraphView) -> bool:
    """Whether the outcome rests on the statements that the question says to look at ("in its balance sheet")."""
    for one in outcome.found if kinds else ():
        statements = view.documents[one.match.line.document].statements
        own = {table.number for statement in statements if statement.kind in kinds for table in statement.tables}
        if one.match.line.series.table.number not in own:
            return False
    return True


def _across_documents(titular: frozenset[str], outcome: Outcome) -> bool:
    """Operands of different documents, though the question names no two of them, are no computation that was asked for."""
    documents = {one.match.line.document for one in outcome.found}
    return len(documents) > 1 and len(titular) < 2


def _all_words(outcome: Outcome, view: GraphView) -> frozenset[str]:
    """The words of all operands together: "Boeing and Airbus" names two rows, each by one name."""
    found: set[str] = set()
    for one in outcome.found:
        line = one.match.line
        found |= {*line.label, *line.path, *line.head, *line.topic, *view.titles[line.document]}
    return frozenset(found)


def _about(span: Span, view: GraphView) -> frozenset[str]:
    return view.paragraph_words(span.document, span.sentence) | frozenset(stems(" ".join(span.sentence.section)))


def prose_plan_of(planned: Sequence[Planned]) -> Planned:
    """The plan by which sentences are looked for: the question's own, or an amount that prose may state."""
    for one in planned:
        if is_prose(one.plan) and not (isinstance(one.plan, Passage) and one.confidence < 0.5):
            return one
    last = planned[-1].plan
    return Planned(Passage(last.topic if isinstance(last, Passage) else "", "amount"), 0.3)


def is_prose(plan: Plan) -> bool:
    return isinstance(plan, Passage | Define | Steps | Verify)


def _near(view: GraphView, passages: Sequence[Hit] | None) -> tuple[Near | None, list[tuple[int, int | None]] | None]:
    """Tables and pages of the hits, each with a weight that falls with the rank."""
    if passages is None:
        return None, None
    of_name: dict[str, list[int]] = {}
    for place, document in enumerate(view.documents):
        of_name.setdefault(document.document, []).append(place)
    tables: dict[tuple[int, int], float] = {}
    pages: list[tuple[int, int | None]] = []
    for rank, hit in enumerate(passages):
        for place in of_name.get(hit.document, ()):
            pages.append((place, hit.page))
            for table in view.documents[place].tables:
                if _on(table, hit):
                    tables.setdefault((place, table.number), 1.0 / (1.0 + rank / 3))
    return tables, pages


def _on(table: Table, hit: Hit) -> bool:
    if table.page is not None or hit.page is not None:
        return table.page == hit.page
    labels = [row.label for row in table.rows[:6] if row.label]
    return any(label in hit.text for label in labels)


def _said(best: Candidate, view: GraphView, slots: Slots, language: str) -> Answer:
    plan = best.plan
    if isinstance(best.said, Finding):
        return answer_of(best.said, view, slots)
    if isinstance(best.said, RowsFound):
        return answer_of_rows(best.said, view, slots)
    if isinstance(best.said, Told):
        return answer_of_told(best.said, view, slots)
    if isinstance(best.said, Span):
        citation = cite_span(1, best.said, view)
        return Answer(f"{best.said.quote} [1]", (citation,), (), plan, "", best.chance, "quotation", slots)
    outcome = best.said
    text = worded(outcome, language=language)
    kind: Literal["figure", "computed", "list"] = "figure"
    if outcome.result is not None:
        kind = "computed"
    elif len(outcome.chosen) > 3 or (not isinstance(outcome.plan, Compute) and len(outcome.found) > 3):
        kind = "list"
    return Answer(
        text,
        (cite_outcome(1, outcome, view),),
        figures_of(outcome, view),
        plan,
        working_of(outcome),
        best.chance,
        kind,
        slots,
        computation_of(outcome),
        compared_of(outcome, view),
        (outcome.beside[0], format(outcome.beside[1].value, "f")) if outcome.beside else None,
    )


def _cite(number: int, one: Candidate, view: GraphView) -> Citation:
    match one.said:
        case Span():
            return cite_span(number, one.said, view)
        case Finding() | RowsFound():
            return citations_of(one.said, view)[0]
        case Told():
            return citations_of_told(one.said, view)[0]
        case _:
            return cite_outcome(number, one.said, view)
