"""The graph that one caller may see: documents joined, labels indexed by their words.

Invariant: a view is made of permitted documents alone, before anything is looked up or counted; no word, rarity or
row of another
document can reach an answer. Immutable once made, so threads may share it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from retrieval.graph.document import DocumentGraph, Sentence
from retrieval.graph.heads import is_unit_note
from retrieval.graph.postings import Postings
from retrieval.graph.reading.periods import Period, years_in
from retrieval.graph.reading.words import stems
from retrieval.graph.series import Point, Series

_LOWERED = str.maketrans({raised: f"({plain})" for raised, plain in zip("¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠ", "123456789abcdef", strict=True)})
_FOOTNOTE = re.compile(r"^\s*\((\d{1,2}|[a-z])\)\s")


@dataclass(frozen=True, slots=True)
class Line:
    """A series with its words, as look-ups read it. `document` is the place in `GraphView.documents`.

    topic: words of the table's caption, corner, section and document title, which name what all its rows are about;
    context: of the
    text around it. years: those that the table's heads and the text around it name.
    """

    number: int
    document: int
    series: Series
    label: tuple[str, ...]
    path: frozenset[str]
    head: frozenset[str]
    topic: frozenset[str]
    context: frozenset[str]
    years: frozenset[int] = frozenset()

    def points_of(self, period: Period) -> tuple[Point, ...]:
        """Its points of just that period."""
        told = (period.year, period.end, period.quarter, period.half, period.months or 12)
        return tuple(
            one
            for one in self.series.points
            if (own := one.period) is not None and (own.year, own.end, own.quarter, own.half, own.months or 12) == told
        )


class GraphView:
    """`documents` are those that the caller may read."""

    def __init__(self, documents: Iterable[DocumentGraph]) -> None:
        self.documents = tuple(documents)
        self.lines: list[Line] = []
        self._names = Postings()
        self._topics: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._of_table: dict[tuple[int, int], list[int]] = defaultdict(list)
        self._table_words: dict[tuple[int, int], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
        self._labels_with: dict[tuple[int, int, str], set[str]] = defaultdict(set)
        for place, document in enumerate(self.documents):
            title = stems(document.title)
            for table, series in zip(document.tables, document.series, strict=True):
                corner = "" if is_unit_note(table.corner) else table.corner
                topic = frozenset((*title, *stems(" ".join((table.caption, corner, *table.section)))))
                context = frozenset(stems(table.around))
                own = [frozenset(stems(column.name)) for column in table.columns[1:]]
                shared = frozenset.intersection(*own) if own else frozenset()
                stated = " ".join((document.title, table.caption, table.around, table.corner, *table.section))
                years = years_in(f"{stated} {' '.join(column.name for column in table.columns)}")
                first = len(self.lines)
                for one in series:
                    self._add(place, one, topic | shared, topic | shared | context, years)
                for word in topic | shared:
                    self._topics[word].append((first, len(self.lines)))
        self._document_of = np.array([line.document for line in self.lines], np.int32)
        self._label_mass = np.array([sum(self.rarity(word) for word in line.label) or 1.0 for line in self.lines])

    @classmethod
    def of(cls, graphs: Mapping[str, DocumentGraph], permitted: Iterable[str]) -> GraphView:
        """The view over the permitted keys among `graphs`."""
        return cls(graphs[key] for key in sorted(set(permitted)) if key in graphs)

    def _add(
        self, place: int, series: Series, topic: frozenset[str], context: frozenset[str], years: frozenset[int]
    ) -> None:
        label = stems(series.label) if series.label else ("total",) if series.total else ()
        path = frozenset(stems(" ".join((*series.path, series.table.corner if series.total and not series.path else ""))))
        head = frozenset(stems(series.head))
        line = Line(len(self.lines), place, series, label, path, head, topic, context, years)
        self.lines.append(line)
        key = (place, series.table.number)
        self._of_table[key].append(line.number)
        self._table_words[key][0].update(label)
        self._table_words[key][1].update(head)
        for word in set(label):
            self._labels_with[place, series.table.number, word].add(series.label)
        self._names.add({*label, *path, *head})

    def rarity(self, word: str) -> float:
        """How telling a word is among the view's labels: 1 for one in every row, growing as it gets rarer."""
        return self._names.rarity(word)

    def kin(self, word: str) -> tuple[str, ...]:
        """Words of labels that are the asked one or grow from the same beginning ('operat' and 'operator')."""
        return self._names.kin(word)

    def likely(
        self,
        weights: Mapping[str, float],
        most: int,
        near: Iterable[tuple[int, int]] = (),
        documents: Collection[int] | None = None,
    ) -> list[Line]:
        """The lines worth a close look for these words, at most `most`; all share a word in their names. Those of the near
        tables count more; of `documents` alone where they are given."""
        if not self.lines:
            return []
        kin = {word: self.kin(word) for word in weights}
        named = self._names.scored(weights, kin)
        score = named / (sum(weights.values()) or 1.0)
        for word, amount in weights.items():
            for start, stop in self._topics.get(word, ()):
                score[start:stop] += 0.9 * amount / (sum(weights.values()) or 1.0) * (named[start:stop] > 0)
        score += 0.3 * np.minimum(named / self._label_mass, 1.0)
        score[named == 0] = 0.0
        if documents is not None:
            score[~np.isin(self._document_of, list(documents))] = 0.0
        if near:
            for key in near:
                numbers = self._of_table.get(key, ())
                score[list(numbers)] *= 1.1
        chosen = np.argsort(-score, kind="stable")[:most]
        return [self.lines[number] for number in chosen if score[number] > 0]

    def names_elsewhere(self, line: Line, word: str) -> bool:
        """Whether the word is part of another row's name in the line's own table, or of another column's alone."""
        if word in self.titles[line.document]:
            return False  # the document's own subject
        labels, heads = self._table_words[line.document, line.series.table.number]
        return word in labels or (word in heads and word not in line.topic)

    def tells_apart(self, line: Line, word: str) -> bool:
        """Whether no other row of the line's table has the word in its label."""
        return self._labels_with.get((line.document, line.series.table.number, word)) == {line.series.label}

    def lines_of(self, document: int, table: int) -> list[Line]:
        """The lines of one table, in its own order."""
        return [self.lines[number] for number in self._of_table[document, table]]

    @cached_property
    def sentences(self) -> list[tuple[int, Sentence, frozenset[str]]]:
        """(document, sentence, its stems) of the whole view."""
        return [
            (place, one, frozenset(stems(one.text)))
            for place, document in enumerate(self.documents)
            for one in document.sentences
        ]

    @cached_property
    def titles(self) -> list[frozenset[str]]:
        """For each document the stems of its title and name."""
        return [
            frozenset(stems(f"{one.title} {one.document.replace('_', ' ').replace('-', ' ')}")) for one in self.documents
        ]

    @cached_property
    def prose(self) -> tuple[list[tuple[int, Sentence, frozenset[str]]], Postings]:
        """Sentences and rows of words, and the index of their stems."""
        everything = [*self.sentences, *self.row_texts]
        postings = Postings()
        for _, _, words in everything:
            postings.add(words)
        return everything, postings

    @cached_property
    def _paragraphs(self) -> dict[tuple[int, int], frozenset[str]]:
        out: dict[tuple[int, int], set[str]] = defaultdict(set)
        for place, sentence, words in self.sentences:
            out[place, sentence.paragraph] |= words
        return {key: frozenset(words) for key, words in out.items()}

    def paragraph_words(self, document: int, sentence: Sentence) -> frozenset[str]:
        """The stems of the whole paragraph that a sentence stands in."""
        return self._paragraphs.get((document, sentence.paragraph), frozenset())

    @cached_property
    def row_texts(self) -> list[tuple[int, Sentence, frozenset[str]]]:
        """Rows that hold words and not only figures, as sentences: 'Andrew Kaiser | Age: 51 | Position: Chief
        Financial Officer'."""
        out: list[tuple[int, Sentence, frozenset[str]]] = []
        for place, document in enumerate(self.documents):
            for table in document.tables:
                for row in table.rows:
                    if not any(cell.figure is None and not cell.nil and len(cell.text.split()) > 1 for cell in row.cells):
                        continue
                    cells = [
                        f"{table.columns[c.column].name}: {c.text}" if table.columns[c.column].name else c.text
                        for c in row.cells
                    ]
                    text = " | ".join([row.label, *cells] if row.label else cells)
                    paragraph = -1 - len(out)
                    words = frozenset(stems(text)) | frozenset(stems(" ".join((table.corner, *table.section[-1:]))))
                    out.append((place, Sentence(paragraph, text, table.section, table.page, paragraph), words))
        return out

    def footnote_words(self, document: int, text: str) -> frozenset[str]:
        """The labels of the rows whose mark a footnote explains: '(2) Includes …' speaks of the row marked (2)."""
        found = _FOOTNOTE.match(text)
        if found is None:
            return frozenset()
        return self._footnotes.get((document, found.group(1)), frozenset())

    @cached_property
    def _footnotes(self) -> dict[tuple[int, str], frozenset[str]]:
        out: dict[tuple[int, str], frozenset[str]] = {}
        for place, document in enumerate(self.documents):
            for table in document.tables:
                for row in table.rows:
                    for mark in re.findall(r"\((\d{1,2}|[a-z])\)", row.label_text.translate(_LOWERED)):
                        out[place, mark] = out.get((place, mark), frozenset()) | frozenset(stems(row.label))
        return out

    @cached_property
    def words(self) -> frozenset[str]:
        """Every stem that occurs anywhere in the view: what a question's names are checked against."""
        found = set(self._names)
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
