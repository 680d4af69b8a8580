"""What a reader came to, file by file: pages, tables, words, pages without text, pages read by OCR."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.documents.blocks import Parsed

IGNORED = "of a kind that is not meant"
"""How the reason of a file begins whose kind the caller ignores."""


@dataclass(frozen=True)
class Facts:
    """pages: None for unpaged formats. scanned: pages read by OCR; sure: how sure it was of them, per cent, 0 for none.
    empty: pages without text.
    """

    pages: int | None
    tables: int
    words: int
    scanned: int
    sure: int
    empty: int


def facts_of(parsed: Parsed) -> Facts:
    sure = [one for _, one in parsed.scanned]
    return Facts(
        parsed.pages,
        len(parsed.grids),
        sum(len(block.text.split()) for block in parsed.blocks),
        len(sure),
        round(sum(sure) / len(sure)) if sure else 0,
        len(parsed.empty),
    )
