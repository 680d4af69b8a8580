"""A document's graph as bytes: compact JSON, compressed. No pickle: reading a graph can run no code.

Invariant: `decode(encode(graph)) == graph`; bytes of another version are refused, never guessed at.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from retrieval.documents.grid import Box
from retrieval.graph.cells import Cell, Column, Row, Table
from retrieval.graph.document import VERSION, Definition, DocumentGraph, Reference, Sentence
from retrieval.graph.reading.figures import Figure
from retrieval.graph.reading.periods import Period


class OtherVersion(ValueError):
    """The bytes were written by other rules; the document's graph is built again when it is next ingested."""


def encode(graph: DocumentGraph) -> bytes:
    """The graph as compressed JSON."""
    stored = [
        VERSION,
        graph.key,
        graph.document,
        graph.title,
        [_table(table) for table in graph.tables],
        [[s.index, s.text, s.section, s.page, s.paragraph] for s in graph.sentences],
        [[one.term, one.sentence] for one in graph.definitions],
        [[one.sentence, one.to] for one in graph.references],
    ]
    return zlib.compress(json.dumps(stored, ensure_ascii=False, separators=(",", ":")).encode(), 6)


def decode(data: bytes) -> DocumentGraph:
    """Raises OtherVersion, or ValueError where the bytes are no graph."""
    try:
        stored = json.loads(zlib.decompress(data))
        if stored[0] != VERSION:
            raise OtherVersion(f"a graph of version {stored[0]}, this one reads {VERSION}; ingest the document again")
        _, key, document, title, tables, sentences, definitions, references = stored
        return DocumentGraph(
            key,
            document,
            title,
            tuple(_read_table(one) for one in tables),
            tuple(
                Sentence(index, text, tuple(section), page, paragraph) for index, text, section, page, paragraph in sentences
            ),
            tuple(Definition(term, sentence) for term, sentence in definitions),
            tuple(Reference(sentence, to) for sentence, to in references),
        )
    except (zlib.error, TypeError, IndexError, KeyError) as error:
        raise ValueError(f"these bytes are no document graph ({error}); ingest the document again") from error


def _table(table: Table) -> list[Any]:
    return [
        table.number,
        table.caption,
        table.section,
        table.page,
        table.corner,
        [[column.index, column.heads, _period(column.period)] for column in table.columns],
        [_row(row) for row in table.rows],
        table.scale,
        table.currency,
        table.around,
        table.head_rows,
    ]


def _read_table(stored: Sequence[Any]) -> Table:
    number, caption, section, page, corner, columns, rows, scale, currency, around, heads = stored
    return Table(
        number,
        caption,
        tuple(section),
        page,
        corner,
        tuple(Column(index, tuple(names), _read_period(period)) for index, names, period in columns),
        tuple(_read_row(row) for row in rows),
        scale,
        currency,
        around,
        tuple(tuple(row) for row in heads),
    )


def _row(row: Row) -> list[Any]:
    return [
        row.index,
        row.label,
        row.path,
        row.total,
        _period(row.period),
        [_cell(cell) for cell in row.cells],
        row.label_text,
    ]


def _read_row(stored: Sequence[Any]) -> Row:
    index, label, path, total, period, cells, text = stored
    return Row(
        index, label, tuple(path), total, _read_period(period), tuple(_read_cell(index, cell) for cell in cells), text
    )


def _cell(cell: Cell) -> list[Any]:
    figure = cell.figure
    written = (
        [str(figure.value), figure.kind, figure.currency, figure.scale, figure.text, figure.start, figure.end]
        if figure
        else None
    )
    return [cell.column, cell.text, written, cell.unit, cell.nil, cell.box]


def _read_cell(row: int, stored: Sequence[Any]) -> Cell:
    column, text, figure, unit, nil, box = stored
    read = Figure(Decimal(figure[0]), *figure[1:]) if figure else None
    place: Box | None = tuple(box) if box else None
    return Cell(row, column, text, read, unit, nil, place)


def _period(period: Period | None) -> list[Any] | None:
    if period is None:
        return None
    return [
        period.year,
        period.end,
        period.quarter,
        period.half,
        period.month,
        period.day,
        period.fiscal,
        period.text,
        period.start,
        period.stop,
        period.months,
    ]


def _read_period(stored: Sequence[Any] | None) -> Period | None:
    return Period(*stored) if stored else None
