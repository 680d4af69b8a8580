"""Whatever a file holds, its reader answers in one line, and the next file is read.

The kind of fault: one file ends a whole ingest, by an error that its reader did not foresee, by depth, size, or a crash.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.documents.apart import ReaderApart, _serve, _written
from retrieval.documents.parse import READERS, parse
from retrieval.types import UnreadableDocument
from tests.retrieval.conftest import SAMPLES
from tests.retrieval.documents.made import Text, pdf

DEEP = 1_500
PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
HERE = sorted(set(READERS) - PICTURES - {".pdf"})
"""Whose readers are Python and run in this process; the others' libraries may crash, and are read apart."""


def answers(*paths: Path) -> list[dict[str, Any]]:
    """What the reading process says of these files, one after the other."""
    asked = io.BytesIO(b"".join(json.dumps({"path": str(path)}).encode() + b"\n" for path in paths))
    told = io.BytesIO()
    _serve(asked, told, lambda path, _: _written(parse(path)), 4 << 30, 600)
    return [json.loads(line) for line in told.getvalue().splitlines()]


def seeds() -> dict[str, bytes]:
    """A sound beginning for each kind, where a few bytes make one."""
    word = io.BytesIO()
    document = Document()
    document.add_paragraph("The charge is 0.75%.")
    document.save(word)
    mail = b"From: a@b.example\r\nSubject: Charges\r\nContent-Type: text/html\r\n\r\n<p>The charge is <b>0.75%</b>.</p>\r\n"
    page = b"<html><body><h1>Charges</h1><table><tr><th>Fund</th><td>0.75%</td></tr></table><p>Text.</p></body></html>"
    plain = {".md": b"# Charges\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quoted\n", ".csv": b'a,b\n"1","2"\n', ".eml": mail}
    zipped = dict.fromkeys((".docx", ".docm", ".xlsx", ".pptx", ".odt", ".epub"), word.getvalue())
    return {
        **plain,
        **zipped,
        ".rtf": rb"{\rtf1\ansi The {\b charge} is 0.75%.\par}",
        ".html": page,
        ".txt": b"Charges\n\n0.75%\n",
    }


SEEDS = seeds()


@st.composite
def spoilt(draw: st.DrawFn, seed: bytes) -> bytes:
    """The seed cut, turned over, repeated or with bytes put in; or bytes of any kind."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=400))
    content = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.integers(0, 3)):
            case 0:
                del content[at : at + draw(st.integers(1, 40))]
            case 1:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=8))
            case 2:
                content[at:at] = content[at : at + 20] * draw(st.integers(1, 30))
            case _:
                content = content[: at + 1]
    return bytes(content)


@pytest.mark.parametrize("suffix", HERE)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_end_in_a_document_or_in_one_line_that_says_why(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    path, good = tmp_path / f"a{suffix}", tmp_path / "good.md"
    path.write_bytes(data.draw(spoilt(SEEDS.get(suffix, SEEDS[".html"]))))
    good.write_text("Good text.")
    said, after = answers(path, good)
    assert "blocks" in after
    assert ("why" in said) != ("blocks" in said)
    assert "\n" not in said.get("why", "")


def nested(before: str, after: str, suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"deep{suffix}"
        path.write_text(before * DEEP + "words" + after * DEEP)
        return path

    return make


def bomb(folder: Path) -> Path:
    path = folder / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("word/document.xml", b" " * (64 << 20))
    return path


def holding(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "elements": nested("<div>", "</div>", ".html"), "tables": nested("<table><tr><td>", "</td></tr></table>", ".html"),
    "lists": nested("<ul><li>", "</li></ul>", ".htm"), "spans": nested("<span>", "</span>", ".xhtml"),
    "unclosed": nested("<b><i>", "", ".html"), "quotes": nested("> ", "", ".md"), "brackets": nested("[", "](x)", ".md"),
    "stars": nested("*a ", "", ".md"),
    "groups": holding("a.rtf", b"{\\rtf1 " + b"{" * DEEP + b"words" + b"}" * DEEP),
    "open groups": holding("b.rtf", b"{\\rtf1 " + b"{\\b " * DEEP),
    "fields": nested('"', '"', ".csv"), "a bomb": bomb, "no UTF-8": holding("a.txt", b"\xff\xfe\xfa" * 999),
    "nothing but NUL": holding("a.md", bytes(10_000)), "half a character": holding("a.html", b"<p>\xed\xa0\x80</p>"),
    "a broken encoding": holding("b.html", b'<meta charset="utf-99"><p>\xe9</p>'),
    "a broken header": holding("a.eml", b"Content-Type: multipart/mixed; boundary=" + b"x" * 100_000 + b"\n\n--x"),
    "parts in parts": holding(
        "b.eml", b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3_000))
    ),
}  # fmt: skip


def why_not(read: ReaderApart, path: Path) -> str:
    """Why it cannot be read; empty where it was."""
    try:
        read(path)
    except UnreadableDocument as error:
        return str(error)
    return ""


@pytest.mark.process
def test_a_hostile_file_costs_itself_alone(tmp_path: Path) -> None:
    """In the process that an ingest reads in: each of them, with a good file after it."""
    (tmp_path / "good.md").write_text("Good text.")
    with ReaderApart(longest_s=60.0) as read:
        for name, make in HOSTILE.items():
            assert "\n" not in why_not(read, make(tmp_path)), name
            assert read(tmp_path / "good.md").blocks, name


@pytest.mark.process
def test_spoilt_pages_cost_themselves_alone(tmp_path: Path) -> None:
    """Their library is C++: it is asked in a process apart only."""
    whole = pdf(tmp_path / "whole.pdf", [Text(50, 700, "The charge is 0.75%.")]).read_bytes()
    (tmp_path / "good.md").write_text("Good text.")
    places = range(0, len(whole), max(len(whole) // 20, 1))
    with ReaderApart(longest_s=60.0) as read:
        for at in places:
            for content in (whole[:at], whole[:at] + b"\xff\x00(((" + whole[at + 5 :], whole[:at] + whole[at // 2 :]):
                (tmp_path / "spoilt.pdf").write_bytes(content)
                assert "\n" not in why_not(read, tmp_path / "spoilt.pdf")
        assert read(tmp_path / "good.md").blocks


def test_the_samples_are_read_all_the_same() -> None:
    good = sorted(path for path in (SAMPLES / "documents").iterdir() if path.suffix in HERE)
    assert all("blocks" in said for said in answers(*good))
