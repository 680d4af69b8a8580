"""Findings as answers: text, citations of the rows, cells, working.

Invariant: a quote is made of labels, heads and cells as the document writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrieval.evidence.result import Answer, AnswerFigure, CellRef, Citation
from retrieval.evidence.slots import Slots
from retrieval.evidence.statements.answering import Finding
from retrieval.evidence.statements.row_lists import RowsFound
from retrieval.evidence.statements.values import Use
from retrieval.evidence.statements.vocabulary.formulas import Item, Labelled
from retrieval.evidence.statements.wording import formula_words, marks_of, result_of, rows_worded, worded
from retrieval.graph.view import GraphView

_QUOTED = 12


def answer_of(found: Finding, view: GraphView, slots: Slots) -> Answer:
    """The finding said, with all that it rests on."""
    simple = isinstance(found.asked.measure.node, Item | Labelled) and found.asked.how == "value"
    kind = "figure" if simple or found.missing else "computed"
    return Answer(
        worded(found),
        citations_of(found, view),
        _figures(found, view),
        told(found),
        "" if simple or found.missing else _working(found),
        found.chance,
        "figure" if kind == "figure" else "computed",
        slots,
    )


def answer_of_rows(found: RowsFound, view: GraphView, slots: Slots) -> Answer:
    """Rows found, said: the sentence, and the rows as a table."""
    return Answer(
        rows_worded(found),
        citations_of(found, view),
        tuple(_figures_of_cells(found, view)),
        found.plan,
        "",
        found.chance,
        "list",
        slots,
    )


def told(found: Finding) -> str:
    """The plan in one line: 'compare(quick ratio = (current assets - inventories) / current liabilities, 2023, 2022)'."""
    measure = found.asked.measure
    formula = "" if isinstance(measure.node, Item | Labelled) else f" = {formula_words(measure.node)}"
    return f"{found.asked.how}({measure.name}{formula}, {', '.join(map(str, found.years))})"


def citations_of(found: Finding | RowsFound, view: GraphView) -> tuple[Citation, ...]:
    """One for each table, in the order of the marks."""
    document = view.documents[found.document]
    out = []
    for number, mark in marks_of(found.uses).items():
        uses = [use for use in found.uses if use.table.number == number]
        table = uses[0].table
        out.append(Citation(mark, document.document, table.page, " › ".join(table.section), _quote(uses[:_QUOTED])))
    return tuple(out)


def _quote(uses: Sequence[Use]) -> str:
    rows: dict[int, list[str]] = {}
    labels: dict[int, str] = {}
    for use in uses:
        labels[use.row.index] = use.row.label_text or use.name
        rows.setdefault(use.row.index, []).append(f"{' '.join(use.column.heads)}: {use.cell.text}".lstrip(": "))
    return "\n".join(" | ".join([labels[index], *cells]) for index, cells in rows.items())


def _figures(found: Finding, view: GraphView) -> tuple[AnswerFigure, ...]:
    refs = tuple(_cell(use, found.document, view) for use in found.uses)
    out = []
    if found.values:
        value, unit = result_of(found)
        currency = found.values[0].currency if unit == found.values[0].currency else ""
        out.append(AnswerFigure(format(value, "f"), "amount" if currency else unit, 0, currency, str(found.years[0]), refs))
    return (*out, *_figures_of_cells(found, view))


def _figures_of_cells(found: Finding | RowsFound, view: GraphView) -> Iterator[AnswerFigure]:
    for use in found.uses:
        figure = use.cell.figure
        if figure is not None:
            unit, year = use.cell.unit or figure.kind, str(use.when.year)
            yield AnswerFigure(
                format(figure.value, "f"), unit, figure.scale, figure.currency, year, (_cell(use, found.document, view),)
            )


def _cell(use: Use, place: int, view: GraphView) -> CellRef:
    document = view.documents[place].document
    return CellRef(
        document,
        use.table.page,
        use.table.number,
        use.row.index,
        use.column.index,
        use.name,
        use.column.heads,
        use.cell.text,
        use.cell.box,
    )


def _working(found: Finding) -> str:
    """The formula and what it came to: a reviewer puts the cells in and computes again."""
    value, unit = result_of(found)
    return f"{told(found)}: {value.normalize() if value == value.to_integral() else round(value, 6)} {unit}".strip()
