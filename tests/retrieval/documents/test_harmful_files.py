"""Zipped documents that are locked, broken, empty or made to do harm."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from docx import Document

from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument
from tests.retrieval.documents.made import changed


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("_rels/.rels", "<Relationships/>")
        out.writestr("word/document.xml", b" " * (64 << 20))


def _outside_entity(path: Path) -> None:
    document = Document()
    document.add_paragraph("words")
    document.save(str(path))
    kind = b'<!DOCTYPE w:document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    changed(path, {"word/document.xml": lambda old: old.replace(b"<w:document", kind + b"<w:document", 1)}, {})


def _laughs(path: Path) -> None:
    entities = "".join(f'<!ENTITY a{at + 1} "{f"&a{at};" * 10}">' for at in range(9))
    body = f'<!DOCTYPE d [<!ENTITY a0 "ha">{entities}]><d>&a9;</d>'
    document = Document()
    document.save(str(path))
    changed(path, {"word/document.xml": lambda _: body.encode()}, {})


def _cut(path: Path) -> None:
    document = Document()
    document.add_paragraph("words")
    document.save(str(path))
    path.write_bytes(path.read_bytes()[:-400])


def _locked(path: Path) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_bomb, "would unpack from"),
        (_outside_entity, "declares entities"),
        (_laughs, "save it again"),
        (_cut, "damaged or not what its suffix says"),
        (_locked, "encrypted; save a copy without a password"),
        (lambda path: path.write_bytes(b""), "empty"),
        (lambda path: path.write_bytes(b"Larch Fund"), "damaged or not what its suffix says"),
        (lambda path: Document().save(str(path)), "holds no text"),
    ],
)
def test_a_file_that_is_locked_broken_empty_or_made_to_do_harm_is_refused_in_one_line(tmp_path: Path, make, why) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "a.docx"
    make(path)
    with pytest.raises(UnreadableDocument, match=why) as refused:
        parse(path)
    assert "\n" not in str(refused.value)
    assert "root:" not in str(refused.value)
