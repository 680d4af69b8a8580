"""What a page is for: a primary statement, or mere matter before and behind the report, such as its contents.

Pure. Invariant: what is said of a page comes from its own document alone.
"""

from __future__ import annotations

import re

from retrieval.graph.document import DocumentGraph
from retrieval.graph.statements import Kind

_ENTRY = re.compile(r"(?:\.{3,}|\s|\|)\s*\d{1,3}\s*$")  # "Risk Factors ....... 14"
_FIGURE = re.compile(r"\d,\d|[$€£%(]")
_FEWEST_ENTRIES = 9
_BY_REFERENCE = re.compile(r"incorporated (?:herein )?by reference|\bexhibit", re.I)
_MANY_EXHIBITS = 9
_SIGNED = re.compile(r"pursuant to the requirements of section 13 or 15\(d\)", re.I)
_COVER = 20  # a signature's words on a report's first pages are those of its cover


def is_listing(text: str) -> bool:
    """Whether a page is a table of contents or a list of exhibits: it has everybody's words and nobody's answer."""
    lines = [line for line in text.splitlines() if line.strip()]
    entries = sum(bool(_ENTRY.search(line)) and not _FIGURE.search(line) for line in lines)
    if len(lines) >= _FEWEST_ENTRIES and entries * 2 > len(lines):
        return True
    return len(_BY_REFERENCE.findall(text)) >= _MANY_EXHIBITS


def is_signature(text: str, page: int) -> bool:
    """Whether a filing's signatures stand on the page: plans and certificates are behind it."""
    return page > _COVER and bool(_SIGNED.search(text))


def statement_pages(graph: DocumentGraph) -> dict[int, frozenset[Kind]]:
    """The pages of a document's primary statements, with their kinds."""
    found: dict[int, frozenset[Kind]] = {}
    for statement in graph.statements:
        for table in statement.tables:
            if table.page is not None:
                found[table.page] = found.get(table.page, frozenset()) | {statement.kind}
    return found
