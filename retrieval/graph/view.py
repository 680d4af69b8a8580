"""The graph that one caller may see: documents joined, labels indexed by their words.

Invariant: a view is made of permitted documents alone, before anything is looked up or counted; no word, rarity or row of another
document can reach an answer. Immutable once made, so threads may share it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.heads import is_unit_note
from retrieval.graph.series import Series, series_of
from retrieval.graph.words import stems

_PREFIX = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A series with its words, as look-ups read it. `document` is the place in `GraphView.documents`."""

    number: int
    document: int
    series: Series
    label: tuple[str, ...]
    path: frozenset[str]
    head: frozenset[str]
    context: frozenset[str]


class GraphView:
    """`documents` are those that the caller may read."""

    def __init__(self, documents: Iterable[DocumentGraph]) -> None:
        self.documents = tuple(documents)
        self.lines: list[Line] = []
        self._posting: dict[str, list[int]] = defaultdict(list)
        self._of_table: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._table_words: dict[tuple[int, int], set[str]] = defaultdict(set)
        for place, document in enumerate(self.documents):
            title = stems(document.title)
            for table in document.tables:
                corner = "" if is_unit_note(table.corner) else table.corner
                context = frozenset((*title, *stems(" ".join((table.caption, table.around, corner, *table.section)))))
                own = [frozenset(stems(column.name)) for column in table.columns[1:]]
                shared = frozenset.intersection(*own) if own else frozenset()
                for series in series_of(table):
                    self._add(place, series, context | shared)
        self._prefixes: dict[str, list[str]] = defaultdict(list)
        for word in self._posting:
            self._prefixes[word[:_PREFIX]].append(word)
        self._rows = Counter(word for line in self.lines for word in {*line.label, *line.path, *line.head})

    @classmethod
    def of(cls, graphs: Mapping[str, DocumentGraph], permitted: Iterable[str]) -> GraphView:
        """The view over the permitted keys among `graphs`."""
        return cls(graphs[key] for key in sorted(set(permitted)) if key in graphs)

    def _add(self, place: int, series: Series, context: frozenset[str]) -> None:
        label = stems(series.label) if series.label else ("total",) if series.total else ()
        line = Line(
            len(self.lines),
            place,
            series,
            label,
            frozenset(stems(" ".join((*series.path, series.table.corner if series.total and not series.path else "")))),
            frozenset(stems(series.head)),
            context,
        )
        self.lines.append(line)
        self._of_table[place, series.table.number].append(line.number)
        self._table_words[place, series.table.number].update((*line.label, *line.head))
        for word in {*line.label, *line.path, *line.head}:
            self._posting[word].append(line.number)

    def rarity(self, word: str) -> float:
        """How telling a word is among the view's labels: 1 for one in every row, growing as it gets rarer."""
        return 1.0 + math.log((len(self.lines) + 1) / (self._rows.get(word, 0) + 1)) / 4

    def kin(self, word: str) -> tuple[str, ...]:
        """Words of labels that are the asked one or grow from the same beginning ('operat' and 'operator')."""
        alike = [
            other
            for other in self._prefixes.get(word[:_PREFIX], ())
            if other == word or (len(word) >= _PREFIX and len(other) >= _PREFIX and abs(len(other) - len(word)) <= 3 and _grows(word, other))
        ]
        return tuple(alike)

    def lines_with(self, words: Iterable[str]) -> set[int]:
        """The lines that hold at least one of these words in label, path or head."""
        return {number for word in words for number in self._posting.get(word, ())}

    def names_elsewhere(self, line: Line, word: str) -> bool:
        """Whether the word is part of another row's or column's name in the line's own table."""
        return word in self._table_words[line.document, line.series.table.number]

    def lines_of(self, document: int, table: int) -> list[Line]:
        """The lines of one table, in its own order."""
        return [self.lines[number] for number in self._of_table[document, table]]

    @cached_property
    def sentences(self) -> list[tuple[int, Sentence, frozenset[str]]]:
        """(document, sentence, its stems) of the whole view."""
        return [(place, one, frozenset(stems(one.text))) for place, document in enumerate(self.documents) for one in document.sentences]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every stem that occurs anywhere in the view: what a question's names are checked against."""
        found = set(self._posting)
        for line in self.lines:
            found |= line.context
            for point in line.series.points:
                if point.cell.figure is None:
                    found |= set(stems(point.cell.text))
        for _, _, words in self.sentences:
            found |= words
        for document in self.documents:
            found |= set(stems(f"{document.title} {document.document}"))
        return frozenset(found)


def _grows(one: str, other: str) -> bool:
    shared = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        shared += 1
    return shared >= min(len(one), len(other)) - 1 and shared >= _PREFIX
