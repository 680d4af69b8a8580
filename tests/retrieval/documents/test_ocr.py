"""Pictures of text, made from real pages, read by the tesseract that the operating system brings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pypdfium2
import pytest

from retrieval.documents.apart import ReaderApart
from retrieval.documents.ocr.tesseract import missing
from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument
from tests.retrieval.documents.made import Text, pdf, row

_PAGE = [
    Text(50, 750, "Charges of the funds", 16, bold=True),
    Text(50, 720, "The Larch Fund redeems its units daily at noon.", 12),
    *row(680, "Fund", (300, "Entry"), (400, "Exit"), size=12),
    *row(660, "Larch Fund", (300, "2.50%"), (400, "0.75%"), size=12),
    *row(640, "Maple Fund", (300, "3.10%"), (400, "0.55%"), size=12),
    *row(620, "Cedar Fund", (300, "1.20%"), (400, "0.15%"), size=12),
]
needs_ocr = pytest.mark.skipif(bool(missing()), reason="tesseract is not installed")


def _picture(path: Path, folder: Path) -> Path:
    """A page as a picture, in the format of the path's suffix."""
    pages = pypdfium2.PdfDocument(pdf(folder / "page.pdf", _PAGE))
    pages[0].render(scale=200 / 72).to_pil().save(path, dpi=(200, 200))
    return path


@needs_ocr
@pytest.mark.parametrize("name", ["scan.png", "scan.jpg", "scan.tif", "scan.pdf"])
def test_a_picture_of_a_page_is_read_with_its_table(tmp_path: Path, name: str) -> None:
    parsed = parse(_picture(tmp_path / name, tmp_path))
    said = " ".join(block.text for block in parsed.blocks)
    assert "The Larch Fund redeems its units daily at noon." in said
    assert ("Larch Fund", "2.50%", "0.75%") in parsed.grids[0].rows
    assert (parsed.pages, parsed.grids[0].page) == (1, 1)
    ((page, sure),) = parsed.scanned
    assert page == 1
    assert sure > 60


@needs_ocr
def test_only_the_pages_that_are_pictures_are_read_so_and_it_is_told(tmp_path: Path) -> None:
    scan = pypdfium2.PdfDocument(_picture(tmp_path / "scan.pdf", tmp_path))
    whole = pypdfium2.PdfDocument(pdf(tmp_path / "first.pdf", [Text(50, 700, "The signed version follows.")]))
    whole.import_pages(scan)
    whole.save(tmp_path / "whole.pdf")
    with ReaderApart() as read:
        parsed = read(tmp_path / "whole.pdf")
    assert [page for page, _ in parsed.scanned] == [2]
    assert parsed.notes[0].startswith("page 2 read by OCR, ")
    assert {block.page for block in parsed.blocks} == {1, 2}


@needs_ocr
def test_a_picture_without_words_is_refused(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (400, 400), 255).save(tmp_path / "white.png")
    with pytest.raises(UnreadableDocument, match="no text was found in the picture"):
        parse(tmp_path / "white.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    with pytest.raises(UnreadableDocument, match=r"broken\.png: OCR failed"):
        parse(tmp_path / "broken.png")


@pytest.mark.parametrize("name", ["scan.png", "scan.pdf"])
def test_without_the_program_the_reason_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = _picture(tmp_path / name, tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(UnreadableDocument, match="apt-get install tesseract-ocr"):
        parse(path)
