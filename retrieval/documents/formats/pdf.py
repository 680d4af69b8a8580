"""PDF by pypdfium2: each page's lines as headings, prose, items and rows, and its tables by the places of their words.

A block never leaves its page, and pages count from 1. PDFium is not thread-safe, so one lock guards it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from retrieval.documents.blocks import Block, Parsed, squeeze
from retrieval.documents.grid import Grid
from retrieval.documents.ocr.pages import Scanner
from retrieval.documents.ocr.tesseract import missing
from retrieval.documents.pdf.blocks import Line, page_blocks
from retrieval.documents.pdf.cells import with_cells
from retrieval.documents.pdf.columns import pieces_of
from retrieval.documents.pdf.fields import filled_fields, unlabelled
from retrieval.documents.pdf.glyphs import read_glyphs
from retrieval.documents.pdf.letters import Letters
from retrieval.documents.pdf.lines import TypedLine, typed_lines
from retrieval.documents.pdf.page_lines import prepared
from retrieval.documents.pdf.rejoined import body_size, rejoined
from retrieval.documents.pdf.running import without_running
from retrieval.documents.pdf.tables.continued import with_heads
from retrieval.documents.pdf.tables.grids import grids_of
from retrieval.documents.pdf.words import lines_of, words_of
from retrieval.types import UnreadableDocument

_PDFIUM = threading.Lock()
_LEGIBLE = 60  # per cent of sureness: below it words are guessed
_STAMP = 300  # characters: a page that may be a picture with a stamp
_MOST_NOTES = 2_000  # fields and remarks looked at on one page
_NO_TITLE = (".doc", ".docx", ".pdf", ".htm", ".html", ".indd", ".xls", ".xlsx")


@dataclass
class _Read:
    """What the pages hold as they are: lines and tables."""

    title: str
    pages: list[list[TypedLine]] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)
    fields: dict[int, list[str]] = field(default_factory=dict)  # of forms, by page: what no line says with its name
    scanner: Scanner = field(default_factory=Scanner)

    @property
    def empty(self) -> tuple[int, ...]:
        """Pages without a line that are not damaged."""
        return tuple(number for number, lines in enumerate(self.pages, 1) if not lines and number not in self.damaged)


def read_pdf(path: Path) -> Parsed:
    """Raises UnreadableDocument for an encrypted or damaged file, or pictures of text that no OCR could read."""
    read = _read(path)
    if len(read.damaged) == len(read.pages):
        raise UnreadableDocument(f"{path.name}: all its {len(read.pages)} pages are damaged; export it again")
    if not any(read.pages):
        why = missing() or "OCR found no words in them"
        raise UnreadableDocument(f"{path.name}: no text in its {len(read.pages)} pages (scanned?); {why}")
    pages, running = without_running(read.pages)
    if not any(pages):
        raise UnreadableDocument(
            f"{path.name}: nothing but the same heads and feet on its {len(pages)} pages; is it a blank form?"
        )
    letters = Letters(line.text for lines in pages for line in lines)
    pages = [[replace(line, text=letters.mend(line.text)) for line in lines] for lines in pages]
    emphasised = _emphasised(pages)
    blocks = tuple(
        block
        for number, lines in enumerate(emphasised, 1)
        for block in (*page_blocks(lines, number), *(Block("item", said, number) for said in read.fields.get(number, ())))
    )
    grids = tuple(with_heads([_finished(grid, running, letters, blocks) for grid in read.grids]))
    scanned = tuple(sorted(read.scanner.sure.items()))
    text = rejoined(with_cells(blocks, grids))
    return Parsed(read.title, text, len(pages), grids, _notes(read, letters), scanned, read.empty)


def _read(path: Path) -> _Read:
    import pypdfium2

    with _PDFIUM:
        try:
            pdf = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError as error:
            if "assword" in str(error):
                raise UnreadableDocument(f"{path.name}: encrypted; save a copy without a password") from None
            raise UnreadableDocument(f"{path.name}: damaged or not a PDF ({error}); export it again") from None
        try:
            pdf.init_forms()  # before any page: fields are given their looks
            read = _Read(_worth(squeeze(pdf.get_metadata_dict().get("Title") or "")))
            for number in range(len(pdf)):
                try:
                    _read_page(pdf, number, read)
                except pypdfium2.PdfiumError:
                    read.damaged.append(number + 1)
                    read.pages.append([])
        finally:
            pdf.close()
    return read


def _read_page(pdf: Any, number: int, read: _Read) -> None:
    page = pdf[number]
    fields = list(filled_fields(pdf, page))
    filled = _show_filled(page)
    if filled:
        page = pdf[number]
    text_page = page.get_textpage()
    glyphs = read_glyphs(page, text_page)
    lines = lines_of(words_of(glyphs))
    if len(glyphs.text) < _STAMP and (seen := read.scanner.read(page, number + 1, sum(len(line.words) for line in lines))):
        read.pages.append(seen.lines)
        read.grids += seen.grids
        text_page.close()
        page.close()
        return
    pieces = [pieces_of(line) for line in lines]
    read.pages.append(typed_lines(glyphs, lines, pieces, by_place=filled or page.get_rotation() != 0))
    if fields:
        read.fields[number + 1] = unlabelled(fields, [line.text for line in read.pages[-1]])
    if glyphs.hidden.any():
        read.hidden.append(number + 1)
    read.grids += grids_of(page, glyphs, prepared(lines, pieces), number + 1)
    text_page.close()
    page.close()


def _show_filled(page: Any) -> bool:
    """Makes what was filled into fields and typed onto the page part of its text, in memory; whether there was any."""
    import pypdfium2.raw as pdfium

    for at in range(min(_MOST_NOTES, pdfium.FPDFPage_GetAnnotCount(page))):
        note = pdfium.FPDFPage_GetAnnot(page, at)
        kind = pdfium.FPDFAnnot_GetSubtype(note)
        pdfium.FPDFPage_CloseAnnot(note)
        if kind in (pdfium.FPDF_ANNOT_WIDGET, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_STAMP):
            return bool(pdfium.FPDFPage_Flatten(page, pdfium.FLAT_NORMALDISPLAY) == pdfium.FLATTEN_SUCCESS)
    return False


def _notes(read: _Read, letters: Letters) -> tuple[str, ...]:
    """What a person should know of how well the file could be read."""
    scanner = read.scanner
    found = []
    if read.damaged:
        found.append(f"{_listed(read.damaged)} damaged and left out; export the file again")
    if scanner.unread:
        why = "no time was left for more OCR: split the file" if scanner.late else missing()
        found.append(f"{_listed(scanner.unread)} without text (pictures?); {why}")
    blank = [number for number in read.empty if number not in scanner.unread]
    if blank:
        found.append(f"{_listed(blank)} without text")
    if scanner.sure:
        mean = round(sum(scanner.sure.values()) / len(scanner.sure))
        poor = [number for number, sure in scanner.sure.items() if sure < _LEGIBLE]
        more = f"; {_listed(poor)} hardly legible" if poor else ""
        found.append(f"{_listed(list(scanner.sure))} read by OCR, {mean} % sure{more}")
    if read.hidden:
        found.append(f"{_listed(read.hidden)} with text that nobody can see; it was left out")
    if letters.unread:
        found.append(f"{letters.unread} letters of fonts that do not name them")
    return tuple(found)


def _listed(pages: list[int]) -> str:
    shown = ", ".join(map(str, pages[:12])) + (f" and {len(pages) - 12} more" if len(pages) > 12 else "")
    return f"{'page' if len(pages) == 1 else 'pages'} {shown}"


def _emphasised(pages: list[list[TypedLine]]) -> list[list[Line]]:
    """Emphasis against the size of the document's running text; unknown where the file tells bold from plain nowhere."""
    body = body_size([(line.text, line.size) for lines in pages for line in lines])
    weights = {line.bold for lines in pages for line in lines}
    known = weights == {True, False} and body > 0

    def emphasis(line: TypedLine) -> int | None:
        return None if not known else line.bold + (line.size > 1.12 * body and line.size > 0)

    return [[Line(line.text, emphasis(line)) for line in lines] for lines in pages]


def _finished(grid: Grid, running: frozenset[str], letters: Letters, blocks: tuple[Block, ...]) -> Grid:
    """The grid with its letters mended, no running head in its caption, and the headings that it stands under."""
    rows = tuple(tuple(letters.mend(cell) for cell in row) for row in grid.rows)
    caption = " ".join(letters.mend(line) for line in grid.caption.split("\n") if line and line not in running)
    return replace(grid, rows=rows, caption=caption, section=_section(grid, blocks))


def _section(grid: Grid, blocks: tuple[Block, ...]) -> tuple[str, ...]:
    """The headings above the table's first row with a figure, outermost first."""
    row = next((row for row in grid.rows[grid.heads or 0 :] if any(row[1:])), grid.rows[0])
    start = " ".join(cell for cell in row if cell).replace(" ", "")
    path: list[tuple[int, str]] = []
    for block in blocks:
        if block.page is not None and grid.page is not None and block.page > grid.page:
            break
        if block.kind == "heading":
            path = [one for one in path if one[0] < block.level] + [(block.level, block.text)]
        elif block.page == grid.page and block.kind == "row" and block.text.replace(" ", "") == start:
            break
    return tuple(text for _, text in path)


def _worth(title: str) -> str:
    """The metadata's title where a person wrote it; '' for file names, numbers and tools' leftovers."""
    letters = sum(c.isalpha() for c in title)
    lower = title.lower()
    if letters < 6 or letters < len(title) / 2 or lower.endswith(_NO_TITLE) or lower.startswith(("untitled", "microsoft")):
        return ""
    return title
