"""OpenDocument and RTF as LibreOffice writes them (files/), RTF as other programs do, and EPUB."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.documents.formats.rtf import read_rtf
from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument

_FILES = Path(__file__).parent / "files"


@pytest.mark.parametrize("name", ["larch.odt", "larch.rtf"])
def test_a_document_of_libreoffice_keeps_headings_lists_tables_and_marks(name: str) -> None:
    parsed = parse(_FILES / name)
    assert parsed.title == "Larch Fund"
    texts = [(block.kind, block.text.removeprefix("- ").removeprefix("1. ").removeprefix("2. ")) for block in parsed.blocks]
    assert texts == [
        ("heading", "Larch Fund"),
        ("heading", "Charges"),
        ("prose", "The exit charge is 0.75%."),
        ("item", "one"),
        ("item", "first"),
        ("item", "second"),
        ("row", "Fund | Retail | Retail | Inst"),
        ("row", " | Entry | Exit | Exit"),
        ("row", "Larch | 4.10 | 0.75 | 0.15"),
        ("row", "Larch | 4.20 | 0.85 | 0.25"),
        ("heading", "Deckung – Übersicht €"),
        ("prose", "Die Gebühr beträgt 450 ¹ Kronen. “Quoted” Ж 中文"),
    ]
    (grid,) = parsed.grids
    assert grid.section[-1] == "Charges"


def test_rtf_keeps_footnotes_apart_and_leaves_out_what_is_deleted_or_no_text() -> None:
    text = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial;}}{\stylesheet{\s1 heading 1;}}
{\info{\title Charges}{\author A. Person}}{\header head of every page}
\pard\s1 Larch Fund\par\pard The minimum is 450{\super\chftn}{\footnote \pard\chftn  From 2027 on: 500.} crowns
 {\deleted 9.99%}{\v 8.88%}, caf\'e9, {\f1 \'c6}, \u8364?5.\par
{\*\unknown {deep} words}{\field{\*\fldinst HYPERLINK "x"}{\fldrslt see here}}{\pict\pngblip 89504e47}\par}"""
    parsed = read_rtf(text)
    assert [(block.kind, block.text) for block in parsed.blocks] == [
        ("heading", "Larch Fund"),
        ("prose", "The minimum is 450 ¹ crowns , café, Ж, €5."),
        ("prose", "¹ From 2027 on: 500."),
        ("prose", "see here"),
    ]
    assert len(parsed.notes) == 1


def test_rtf_tables_keep_joined_cells_by_their_edges() -> None:
    text = rb"""{\rtf1\trowd\trhdr\cellx1000\cellx3000\pard\intbl Fund\cell Charge\cell\row
\trowd\cellx1000\cellx2000\cellx3000\pard\intbl Larch\cell 2.50%\cell 0.75%\cell\row
\trowd\cellx1000\cellx2000\cellx3000\pard\intbl Oak\cell 1%\cell 2%\cell\row\pard After.\par}"""
    parsed = read_rtf(text)
    assert parsed.grids[0].rows == (("Fund", "Charge", "Charge"), ("Larch", "2.50%", "0.75%"), ("Oak", "1%", "2%"))
    assert parsed.grids[0].heads == 1
    assert parsed.blocks[-1].text == "After."


@settings(deadline=None)
@given(st.text(alphabet="{}\\abcdrtflspu'0123456789 \n*~-", max_size=200))
def test_no_rtf_however_broken_ends_in_anything_but_a_document_or_a_reason(text: str) -> None:
    with suppress(UnreadableDocument):
        read_rtf(b"{\\rtf1 " + text.encode())


def _book(path: Path, **more: str) -> Path:
    chapter = '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'
    parts = {
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": """<package><metadata><title>Handbook</title></metadata><manifest>
<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>
<item id="b" href="text/second.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/first%20one.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>""",
        "OEBPS/nav.xhtml": chapter.format("<nav><li>First</li></nav>"),
        "OEBPS/text/first one.xhtml": chapter.format("<h1>Charges</h1><p>The exit charge is 0.75 %.</p>"),
        "OEBPS/text/second.xhtml": chapter.format(
            "<table><tr><th>Fund</th><th>Exit</th></tr><tr><td>Larch</td><td>1%</td></tr></table>"
        ),
        **more,
    }
    with zipfile.ZipFile(path, "w") as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return path


def test_a_books_chapters_are_read_in_its_order_without_its_list_of_contents(tmp_path: Path) -> None:
    parsed = parse(_book(tmp_path / "a.epub"))
    assert parsed.title == "Handbook"
    assert [block.text for block in parsed.blocks] == ["Charges", "The exit charge is 0.75 %.", "Fund | Exit", "Larch | 1%"]
    assert parsed.grids[0].rows == (("Fund", "Exit"), ("Larch", "1%"))


def test_a_locked_book_is_refused_and_one_with_disguised_fonts_is_not(tmp_path: Path) -> None:
    locks = '<encryption><EncryptedData><EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
    lock = {"META-INF/encryption.xml": locks.format("http://www.w3.org/2001/04/xmlenc#aes256-cbc")}
    with pytest.raises(UnreadableDocument, match="locked by its seller"):
        parse(_book(tmp_path / "a.epub", **lock))
    fonts = {"META-INF/encryption.xml": locks.format("http://www.idpf.org/2008/embedding")}
    assert parse(_book(tmp_path / "b.epub", **fonts)).title == "Handbook"


def test_a_locked_opendocument_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.odt"
    shutil.copy(_FILES / "larch.odt", path)
    with zipfile.ZipFile(path) as old:
        held = {name: old.read(name) for name in old.namelist()}
    held["META-INF/manifest.xml"] = b"<manifest><file-entry><encryption-data/></file-entry></manifest>"
    with zipfile.ZipFile(path, "w") as out:
        for name, content in held.items():
            out.writestr(name, content)
    with pytest.raises(UnreadableDocument, match="encrypted; save a copy without a password"):
        parse(path)
