"""Pictures of text (PNG, JPEG, TIFF, BMP, WebP) by OCR: lines and tables as on a page; a TIFF may hold several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from retrieval.documents.blocks import Parsed
from retrieval.documents.grid import Grid
from retrieval.documents.ocr.layout import laid_out
from retrieval.documents.ocr.tesseract import seen_in
from retrieval.documents.pdf.blocks import Line, page_blocks
from retrieval.documents.pdf.cells import with_cells
from retrieval.types import UnreadableDocument


def read_image(path: Path) -> Parsed:
    """Raises UnreadableDocument where OCR is not installed, or finds nothing to read."""
    pictures = seen_in(path.read_bytes(), name=path.name)
    pages = [laid_out(picture, number) for number, picture in enumerate(pictures, 1)]
    if not any(page.lines for page in pages):
        raise UnreadableDocument(f"{path.name}: no text was found in the picture")
    blocks = [
        block
        for number, page in enumerate(pages, 1)
        for block in page_blocks([Line(line.text) for line in page.lines], number)
    ]
    grids: list[Grid] = [replace(grid, page=number) for number, page in enumerate(pages, 1) for grid in page.grids]
    scanned = tuple((number, page.sure) for number, page in enumerate(pages, 1) if page.lines)
    return Parsed("", with_cells(blocks, grids), len(pages), tuple(grids), scanned=scanned)
