"""What every reader produces: a document as blocks in reading order.

A block never spans two pages, and a table row is one block, its cells joined by ' | ' or as the page shows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from retrieval.documents.grid import Grid

Kind = Literal["heading", "prose", "item", "row", "code"]


@dataclass(frozen=True)
class Block:
    """`level` is the depth of a heading (1 is the document's), 0 for all else."""

    kind: Kind
    text: str
    page: int | None = None
    level: int = 0


@dataclass(frozen=True)
class Parsed:
    """`title` is the document's own, or '' where it has none. `pages` is None for unpaged formats. `grids`: its tables in order."""

    title: str
    blocks: tuple[Block, ...]
    pages: int | None = None
    grids: tuple[Grid, ...] = ()


def squeeze(text: str) -> str:
    """One line, single spaces, without the invisible characters that break word matching."""
    text = text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "").replace("\xa0", " ")
    return re.sub(r"\s+", " ", text).strip()
