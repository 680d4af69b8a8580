"""What a table shows, in the document's own words: the sentence that leads into it, else its heading.

Invariant: where several tables are at hand nothing is said; a question that speaks of "the table" means the only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.graph.cells import Table
from retrieval.graph.document import Sentence
from retrieval.graph.view import GraphView

_SPEAKS = re.compile(
    r"\b(?:following|this|above|below) tables?\b|\btables? (?:above|below|shows?|presents?|sets? (?:out|forth)"
    r"|summari[sz]es?)\b"
    r"|\b(?:shown|presented|set (?:out|forth)|listed|summari[sz]ed|detailed|given) (?:below|above)\b"
    r"|\bas follows\b|\bthe following\b",
    re.I,
)
_ASIDE = re.compile(r"^(?:in addition to|apart from|except|see|refer)\b", re.I)


def introductions(view: GraphView, places: set[tuple[int, int | None]] | None) -> Iterator[tuple[int, Sentence, float]]:
    """(document, sentence, how plainly it leads in: 1 or less) for the only table at hand, the plainest first."""
    tables = [
        (place, table)
        for place, document in enumerate(view.documents)
        for table in document.tables
        if places is None or (place, table.page) in places or (place, None) in places
    ]
    if len({(place, table.section, table.page, table.caption) for place, table in tables}) != 1:
        return
    place, table = tables[0]
    found = [(_plainness(one.text), one) for one in view.documents[place].sentences if _beside(one, table)]
    found = sorted((pair for pair in found if pair[0]), key=lambda pair: (-pair[0], pair[1].index))
    for plain, sentence in found[:2]:
        yield place, sentence, plain
    if not found and table.section:
        yield place, Sentence(-1, table.section[-1], table.section, table.page, -1), 0.5


def _beside(sentence: Sentence, table: Table) -> bool:
    return sentence.section == table.section and sentence.page == table.page


def _plainness(text: str) -> float:
    if _ASIDE.match(text):
        return 0.0
    speaks = bool(_SPEAKS.search(text))
    if text.endswith(":"):
        return 1.0 if speaks else 0.7
    return 0.9 if speaks else 0.0
