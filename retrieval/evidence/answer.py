"""From a question and a view to an answer with its cells, or to a reason why there is none. No model; pure.

Invariant: what is said is a template over cells and results, or a quotation; below the threshold nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from retrieval.evidence.carry_out import Outcome, carry_out
from retrieval.evidence.confidence import chance
from retrieval.evidence.plan import Compute, Define, Passage, Plan, Planned, Steps, Verify, told
from retrieval.evidence.planner import plans
from retrieval.evidence.prose import Span, find_spans
from retrieval.evidence.resolve import Scope
from retrieval.evidence.signs import names, signs
from retrieval.evidence.slots import Slots, carried, remembered
from retrieval.evidence.wording import name_of, period_words, result_words, worded
from retrieval.graph.series import Point
from retrieval.graph.tables import Table
from retrieval.graph.view import GraphView, Line

THRESHOLD = 0.6  # policy sets another; see the risk–coverage table in docs
_QUOTED_CELLS = 8
Near = Mapping[tuple[int, int], float]


class Hit(Protocol):
    """What this module needs of a passage that a search found."""

    @property
    def document(self) -> str: ...
    @property
    def page(self) -> int | None: ...
    @property
    def section(self) -> str: ...
    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class CellRef:
    """Where a figure stands. `row` and `column` count the grid's from 0, head rows included; `box` in points where known."""

    document: str
    page: int | None
    table: int
    row: int
    column: int
    label: str
    heads: tuple[str, ...]
    text: str
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class AnswerFigure:
    """A figure of the answer; `value` is written out, times ten to the `scale`. `cells` are what it is or was computed from."""

    value: str
    unit: str
    scale: int
    currency: str
    period: str
    cells: tuple[CellRef, ...]


@dataclass(frozen=True)
class Citation:
    """`number` is the [n] of the text; `quote` is the row with its heads, or the sentence, as written."""

    number: int
    document: str
    page: int | None
    section: str
    quote: str


@dataclass(frozen=True)
class Answer:
    text: str
    citations: tuple[Citation, ...]
    figures: tuple[AnswerFigure, ...]
    plan: str
    working: str
    confidence: float
    kind: Literal["figure", "computed", "list", "quotation"]
    slots: Slots


@dataclass(frozen=True)
class Withheld:
    """`reason` "prose": a model may word an answer from `sentences`; "unsure": something was found that is not sure enough;
    "nothing": no row and no sentence fits. `nearest` is the best find, also where it is not said."""

    reason: Literal["prose", "unsure", "nothing"]
    confidence: float
    plan: str
    nearest: Citation | None = None
    sentences: tuple[Citation, ...] = ()
    slots: Slots = field(default_factory=Slots)


@dataclass(frozen=True)
class Candidate:
    """One thing that could be said."""

    chance: float
    said: Outcome | Span
    planned: Planned


def answer(
    question: str,
    view: GraphView,
    passages: Sequence[Hit] | None = None,
    slots: Slots | None = None,
    language: str = "en",
    threshold: float = THRESHOLD,
) -> Answer | Withheld:
    """What the view's documents say to the question, if the chance to be right reaches the threshold.

    `passages` are the search's hits, best first: they tell which tables and sentences are near. None looks everywhere in the view.
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
    cited = tuple(
        _cite_span(number, one.said, view) for number, one in enumerate(prose[:4], 1) if isinstance(one.said, Span)
    )
    nearest = _cite(1, best, view)
    reason: Literal["prose", "unsure", "nothing"] = (
        "prose" if _is_prose(best.planned.plan) or isinstance(best.said, Span) else "unsure"
    )
    return Withheld(reason, best.chance, told(best.planned.plan), nearest, cited, new)


def candidates(question: str, view: GraphView, passages: Sequence[Hit] | None = None) -> list[Candidate]:
    """All that could be said, the likeliest to be right first."""
    near, places = _near(view, passages)
    scope = Scope(near, names(question))
    found: list[Candidate] = []
    planned = plans(question)
    for one in planned:
        for outcome in carry_out(one, view, scope)[:1]:
            found.append(Candidate(chance("figures", signs(question, outcome, view)), outcome, one))
    told_by_prose = prose_plan_of(planned)
    for span in find_spans(question, told_by_prose, view, places):
        found.append(Candidate(chance("prose", span.signs), span, told_by_prose))
    found.sort(key=lambda one: -one.chance)
    return found


def prose_plan_of(planned: Sequence[Planned]) -> Planned:
    """The plan by which sentences are looked for: the question's own, or an amount that prose may state."""
    for one in planned:
        if _is_prose(one.plan) and not (isinstance(one.plan, Passage) and one.confidence < 0.5):
            return one
    last = planned[-1].plan
    return Planned(Passage(last.topic if isinstance(last, Passage) else "", "amount"), 0.3)


def _is_prose(plan: Plan) -> bool:
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
    plan = told(best.planned.plan)
    if isinstance(best.said, Span):
        citation = _cite_span(1, best.said, view)
        return Answer(f"{best.said.quote} [1]", (citation,), (), plan, "", best.chance, "quotation", slots)
    outcome = best.said
    text = worded(outcome, language=language)
    kind: Literal["figure", "computed", "list"] = "figure"
    if outcome.result is not None:
        kind = "computed"
    elif len(outcome.chosen) > 3 or not isinstance(outcome.plan, Compute) and len(outcome.found) > 3:
        kind = "list"
    return Answer(
        text,
        (_cite_outcome(1, outcome, view),),
        _figures(outcome, view),
        plan,
        _working(outcome),
        best.chance,
        kind,
        slots,
    )


def _cite(number: int, one: Candidate, view: GraphView) -> Citation:
    return _cite_span(number, one.said, view) if isinstance(one.said, Span) else _cite_outcome(number, one.said, view)


def _cite_span(number: int, span: Span, view: GraphView) -> Citation:
    document = view.documents[span.document]
    return Citation(number, document.document, span.sentence.page, " › ".join(span.sentence.section), span.sentence.text)


def _cite_outcome(number: int, outcome: Outcome, view: GraphView) -> Citation:
    pairs = outcome.chosen or tuple((one.match.line, point) for one in outcome.found for point in one.points)
    line = pairs[0][0]
    table = line.series.table
    document = view.documents[line.document]
    return Citation(number, document.document, table.page, " › ".join(table.section), quote(pairs[:_QUOTED_CELLS]))


def quote(pairs: Iterable[tuple[Line, Point]]) -> str:
    """The cells with their heads as written: 'Total sales | 2019: $1,496.5 | 2018: $1,202.9'; rows one below the other."""
    rows: dict[tuple[int, int], list[str]] = {}
    labels: dict[tuple[int, int], str] = {}
    for line, point in pairs:
        key = (line.series.table.number, point.row.index)
        labels[key] = point.row.label_text or point.row.label or line.series.label
        rows.setdefault(key, []).append(f"{' '.join(point.column.heads)}: {point.cell.text}".lstrip(": "))
    return "\n".join(" | ".join([labels[key], *cells]) if labels[key] else " | ".join(cells) for key, cells in rows.items())


def cell_ref(line: Line, point: Point, view: GraphView) -> CellRef:
    table = line.series.table
    document = view.documents[line.document].document
    return CellRef(
        document,
        table.page,
        table.number,
        point.row.index,
        point.column.index,
        name_of(line),
        point.column.heads,
        point.cell.text,
        point.cell.box,
    )


def _figures(outcome: Outcome, view: GraphView) -> tuple[AnswerFigure, ...]:
    pairs = outcome.chosen
    cells = tuple(cell_ref(line, point, view) for line, point in pairs)
    out: list[AnswerFigure] = []
    if outcome.result is not None:
        result = outcome.result
        out.append(AnswerFigure(format(result.value, "f"), result.kind, result.scale, result.currency, "", cells))
    for (line, point), ref in zip(pairs, cells, strict=True):
        figure = point.cell.figure
        if figure is not None:
            unit = point.cell.unit or figure.kind
            out.append(
                AnswerFigure(
                    format(figure.value, "f"), unit, figure.scale, figure.currency, period_words(point, line), (ref,)
                )
            )
    return tuple(out)


def _working(outcome: Outcome) -> str:
    """'2,807 against 2,790: +0.6%' — what a reviewer computes again."""
    if outcome.result is None:
        return ""
    cells = [point.cell.text for _, point in outcome.chosen]
    op = outcome.plan.op if isinstance(outcome.plan, Compute) else ""
    joint = {
        "change": " against ",
        "change_pct": " against ",
        "difference": " - ",
        "ratio": " / ",
        "share": " / ",
        "sum": " + ",
    }.get(op, ", ")
    return f"{joint.join(cells)}: {result_words(outcome.result)}"
