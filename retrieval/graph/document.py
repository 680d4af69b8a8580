"""The graph of one document: tables, sentences with their sections, defined terms and references.

Built at ingest by rules and never changed afterwards. Invariant: every node lies inside one document, so that leaving the
document out of a view, or removing it, takes all of its nodes with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from retrieval.documents.grid import Grid
from retrieval.documents.sentences import sentences
from retrieval.graph.cells import Table
from retrieval.graph.reading.company_names import company_names
from retrieval.graph.reading.figures import writes_comma_decimals
from retrieval.graph.series import Series, series_of
from retrieval.graph.statements import Statement, primary, statements_of
from retrieval.graph.tables import read_tables

VERSION = 3  # of the rules and of the stored form: a graph of another version is built again at the next ingest
_INTRODUCED = 600  # sentences at a document's beginning in which a company says its name
_FISCAL = re.compile(r"\bfiscal (?:year )?((?:19|20)\d\d)\b", re.I)
_SPEAKS_OF_TABLE = re.compile(
    r"\b(?:table|following|below|above|in (?:thousands|millions|billions)|as follows|consist(?:s|ed) of)\b", re.I
)
_DEFINED = (
    re.compile(r"^(?P<term>[A-Z][^.:]{2,80}?)\.\s+(?P<meaning>[A-Z].+)$"),  # "Business day. A day on which …", in a glossary
    re.compile(
        r"^[\"“'‘]?(?P<term>[A-Z][\w\s()&/+-]{2,70}?)[\"”'’]?\s+(?:means|mean|refers? to|is defined as"
        r"|are defined as|stands for)\s+(?P<meaning>.+)$"
    ),
    re.compile(r"^[\"“'‘](?P<term>[^\"”]{2,70})[\"”'’]\s+(?:is|are)\s+(?P<meaning>.+)$"),
)
_REFERENCE = re.compile(
    (
        r"\b(?:see|refer to|as described in|described in|set out in|in)\s+(?P<to>(?:note|item|section|article|appendix"
        r"|table|page|part)\s+\d+[A-Z]?)\b"
    ),
    re.I,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """`index` counts the document's sentences; `section` is the headings above, outermost first."""

    index: int
    text: str
    section: tuple[str, ...] = ()
    page: int | None = None
    paragraph: int = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """A term and the sentence (by index) that says what it means: it holds the term, or follows it in a glossary."""

    term: str
    sentence: int


@dataclass(frozen=True, slots=True)
class Reference:
    """'See Note 12' in a sentence."""

    sentence: int
    to: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text of one section and page, as the reader gives it."""

    text: str
    section: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True)
class DocumentGraph:
    """`key` names the document in its library, `document` is the name that citations show."""

    key: str
    document: str
    title: str
    tables: tuple[Table, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    definitions: tuple[Definition, ...] = ()
    references: tuple[Reference, ...] = ()

    @cached_property
    def series(self) -> tuple[tuple[Series, ...], ...]:
        """For each table its series; computed once, shared by every view that holds the document."""
        return tuple(tuple(series_of(table)) for table in self.tables)

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its primary statements, consolidated ones first; computed once, shared like `series`."""
        return primary(statements_of(self.tables))

    @cached_property
    def company_names(self) -> tuple[tuple[str, ...], ...]:
        """What the company whose document this is calls itself; words in lower case."""
        captions = [table.caption for one in self.statements[:3] for table in one.tables[:1]]
        return company_names(self.document, [*(one.text for one in self.sentences[:_INTRODUCED]), *captions])

    @cached_property
    def fiscal_years(self) -> Counter[int]:
        """How often each fiscal year is named ("fiscal 2022")."""
        return Counter(int(year) for one in self.sentences for year in _FISCAL.findall(one.text))


def build(key: str, document: str, title: str, grids: Sequence[Grid], paragraphs: Sequence[Paragraph]) -> DocumentGraph:
    """The graph of one document from its grids and paragraphs, both in reading order."""
    comma = writes_comma_decimals(
        " ".join([*(p.text for p in paragraphs), *(c for g in grids for r in g.rows for c in r)])[:200_000]
    )
    tables: list[Table] = []
    for grid in grids:
        tables += read_tables(grid, len(tables), _around(grid, paragraphs), comma)
    found: list[Sentence] = []
    for number, paragraph in enumerate(paragraphs):
        for text in sentences(paragraph.text):
            found.append(Sentence(len(found), text, paragraph.section, paragraph.page, number))
    return DocumentGraph(
        key, document, title, tuple(tables), tuple(found), tuple(_definitions(found, paragraphs)), tuple(_references(found))
    )


def _around(grid: Grid, paragraphs: Sequence[Paragraph]) -> str:
    """Text of the same section and page that speaks of a table, at most a few hundred characters."""
    near = [p.text for p in paragraphs if p.section == grid.section and p.page == grid.page]
    said = [
        sentence
        for text in near[:40]
        for sentence in sentences(text)[-1:] + sentences(text)[:1]
        if len(sentence) < 400 and _SPEAKS_OF_TABLE.search(sentence)
    ]
    return " ".join(dict.fromkeys(said))[:600]


def _definitions(found: Sequence[Sentence], paragraphs: Sequence[Paragraph]) -> Iterable[Definition]:
    for sentence in found:
        for pattern in _DEFINED[1:]:
            if match := pattern.match(sentence.text):
                yield Definition(match.group("term").strip(), sentence.index)
                break
    of_paragraph: dict[int, list[Sentence]] = {}
    for sentence in found:
        of_paragraph.setdefault(sentence.paragraph, []).append(sentence)
    for number, paragraph in enumerate(paragraphs):
        match = _DEFINED[0].match(paragraph.text)
        own = of_paragraph.get(number, [])
        if match and len(own) > 1 and len(match.group("term").split()) <= 8 and len(paragraph.text) < 700:
            yield Definition(match.group("term").strip(), own[1].index)


def _references(found: Sequence[Sentence]) -> Iterable[Reference]:
    for sentence in found:
        for match in _REFERENCE.finditer(sentence.text):
            yield Reference(sentence.index, match.group("to"))
