"""Citations, cells and workings of an outcome.

Invariant: a quote is made of cells and heads, or a sentence, as the document writes them.
"""

from __future__ import annotations

from collections.abc import Iterable

from retrieval.evidence.look_up.formula import Comparison, Formula
from retrieval.evidence.look_up.outcome import Outcome
from retrieval.evidence.look_up.over_periods import comparison
from retrieval.evidence.plans.plan import Compute, Filter, Rank
from retrieval.evidence.result import AnswerFigure, CellRef, Citation
from retrieval.evidence.wording.spans import Span
from retrieval.evidence.wording.templates import name_of, period_words, result_words
from retrieval.graph.series import Point
from retrieval.graph.view import GraphView, Line

_QUOTED_CELLS = 8


def cite_span(number: int, span: Span, view: GraphView) -> Citation:
    document = view.documents[span.document]
    return Citation(number, document.document, span.sentence.page, " › ".join(span.sentence.section), span.sentence.text)


def cite_outcome(number: int, outcome: Outcome, view: GraphView) -> Citation:
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


def figures_of(outcome: Outcome, view: GraphView) -> tuple[AnswerFigure, ...]:
    pairs = outcome.chosen
    out: list[AnswerFigure] = []
    if outcome.result is not None:
        result = outcome.result
        cells = tuple(cell_ref(line, point, view) for line, point in pairs)
        out.append(AnswerFigure(format(result.value, "f"), result.kind, result.scale, result.currency, "", cells))
    return (*out, *_written_figures(pairs, view))


def computation_of(outcome: Outcome) -> Formula | Comparison | None:
    """What was computed from the cells, or how they were compared; None where they are given as they stand."""
    if isinstance(outcome.plan, Rank | Filter):
        return comparison(outcome.plan)
    return outcome.formula


def compared_of(outcome: Outcome, view: GraphView) -> tuple[AnswerFigure, ...]:
    """All figures that a ranking or a filter was over, also those that it did not keep."""
    if not isinstance(outcome.plan, Rank | Filter):
        return ()
    return _written_figures([(one.match.line, point) for one in outcome.found for point in one.points], view)


def _written_figures(pairs: Iterable[tuple[Line, Point]], view: GraphView) -> tuple[AnswerFigure, ...]:
    out: list[AnswerFigure] = []
    for line, point in pairs:
        figure = point.cell.figure
        if figure is not None:
            value, unit = format(figure.value, "f"), point.cell.unit or figure.kind
            period, ref = period_words(point, line), cell_ref(line, point, view)
            out.append(AnswerFigure(value, unit, figure.scale, figure.currency, period, (ref,)))
    return tuple(out)


def working_of(outcome: Outcome) -> str:
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
    if op == "share" and len(cells) > 2 and not outcome.parts:
        return f"({' + '.join(cells[:-1])}) / {cells[-1]}: {result_words(outcome.result)}"
    return f"{joint.join(cells)}: {result_words(outcome.result)}"
