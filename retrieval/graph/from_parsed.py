"""From a parsed document to its graph: sections from headings, paragraphs from prose and items, tables from grids.

Invariant: a graph is a function of the parsed document alone, so that equal bytes give equal graphs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retrieval.documents.blocks import Block, Parsed
from retrieval.documents.grid import Grid
from retrieval.graph.document import DocumentGraph, Paragraph, build
from retrieval.graph.reading.figures import read_scale

_COVER = 2  # pages


def graph_of(key: str, document: str, title: str, parsed: Parsed) -> DocumentGraph:
    """The graph of one document. Grids are the reader's where it has them, else rows of blocks that stand together."""
    given: Sequence[Grid] = getattr(parsed, "grids", ())
    paragraphs = list(_paragraphs(parsed.blocks))
    grids = list(given) or list(_grids(parsed.blocks))
    return build(key, document, title or parsed.title, grids, paragraphs)


def _walk(blocks: Sequence[Block]) -> Iterator[tuple[Block, tuple[str, ...]]]:
    """Each block with the headings above it, outermost first."""
    path: list[tuple[int, str]] = []
    for block in blocks:
        if block.kind == "heading":
            while path and path[-1][0] >= block.level:
                path.pop()
            path.append((block.level, block.text))
        yield block, tuple(text for _, text in path)


def _paragraphs(blocks: Sequence[Block]) -> Iterator[Paragraph]:
    """Running text; on a document's first pages also headings that nothing stands under: a cover page is set in bold."""
    walked = list(_walk(blocks))
    for place, (block, section) in enumerate(walked):
        bare = block.kind == "heading" and (block.page or _COVER + 1) <= _COVER
        bare = bare and place + 1 < len(walked) and walked[place + 1][0].kind == "heading"
        if block.kind in ("prose", "item") or bare:
            yield Paragraph(block.text, section, block.page)


def _grids(blocks: Sequence[Block]) -> Iterator[Grid]:
    """Blocks of kind "row" whose cells are joined by ' | ', as the readers of Markdown and HTML give them."""
    rows: list[tuple[str, ...]] = []
    caption = last = ""
    section: tuple[str, ...] = ()
    page: int | None = None
    for block, path in [*_walk(blocks), (Block("prose", ""), ())]:
        if block.kind == "row" and " | " in block.text:
            if not rows:
                caption, section, page = last, path, block.page
            rows.append(tuple(cell.strip() for cell in f" {block.text} ".split(" | ")))
            continue
        if len(rows) > 1:
            width = max(len(row) for row in rows)
            yield Grid(tuple(row + ("",) * (width - len(row)) for row in rows), caption, page, section)
        rows = []
        last = block.text if block.kind == "prose" and _is_caption(block.text) else ""


def _is_caption(text: str) -> bool:
    """A line just above a table speaks of it where it announces it, states its scale, or is no sentence."""
    if len(text) > 300:
        return False
    return text.endswith(":") or not text.endswith((".", "!", "?")) or (len(text) < 160 and read_scale(text) is not None)
