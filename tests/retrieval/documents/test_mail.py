"""Messages with attachments, written by the standard library and, for Outlook's, from its specification."""

from __future__ import annotations

import io
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from retrieval.documents.parse import parse
from retrieval.types import UnreadableDocument
from tests.retrieval.documents.made import Text, pdf
from tests.retrieval.documents.outlook import message


def _mail(subject: str = "Fees from March", text: str = "The custody fee is 0.12% from March on.\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "desk@example.org", subject
    mail["Date"] = "Mon, 02 Mar 2026 09:00:00 +0000"
    mail.set_content(text)
    return mail


def _sheet() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "Fees"
    for row in (("Fund", "Entry", "Exit"), ("Larch", 0.025, 0.0075)):
        book.active.append(row)
    book.active["B2"].number_format = book.active["C2"].number_format = "0.00%"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _written(path: Path, mail: EmailMessage) -> Path:
    path.write_bytes(mail.as_bytes())
    return path


def test_a_message_tells_who_wrote_when_and_what(tmp_path: Path) -> None:
    mail = _mail(text="The fee is 0.12%.\n\n> Is it still 0.20%?\n\n-- \nAnn\nSales\n")
    parsed = parse(_written(tmp_path / "a.eml", mail))
    assert parsed.title == "Fees from March"
    assert [block.text for block in parsed.blocks] == [
        "Fees from March",
        "From: Ann <ann@example.org>; To: desk@example.org; Date: Mon, 02 Mar 2026 09:00:00 +0000",
        "The fee is 0.12%.",
        "Is it still 0.20%?",
    ]


def test_what_is_attached_is_read_as_a_section_by_its_own_reader(tmp_path: Path) -> None:
    mail = _mail()
    mail.add_attachment(_sheet(), maintype="application", subtype="octet-stream", filename="charges.xlsx")
    report = pdf(tmp_path / "r.pdf", [Text(50, 700, "The gate is ten percent.")], [Text(50, 700, "The board meets in May.")])
    mail.add_attachment(report.read_bytes(), maintype="application", subtype="pdf", filename="report.pdf")
    mail.add_attachment(b"MZ", maintype="application", subtype="octet-stream", filename="tool.exe")
    mail.add_attachment(b"%PDF broken", maintype="application", subtype="pdf", filename="broken.pdf")
    parsed = parse(_written(tmp_path / "a.eml", mail))
    (grid,) = parsed.grids
    assert grid.rows == (("Fund", "Entry", "Exit"), ("Larch", "2.50%", "0.75%"))
    assert grid.section == ("Fees from March", "Attachment: charges.xlsx", "Fees")
    headings = [block.text for block in parsed.blocks if block.kind == "heading"]
    assert headings[1:] == ["Attachment: charges.xlsx", "Fees", "Attachment: report.pdf", "Page 1", "Page 2"]
    assert all(block.page is None for block in parsed.blocks)
    assert [note.split(":")[0] for note in parsed.notes] == [
        "attachment tool.exe not read",
        "attachment broken.pdf not read",
    ]


def test_a_message_inside_a_message_is_read_and_a_picture_in_the_text_is_not(tmp_path: Path) -> None:
    mail = _mail()
    mail.add_attachment(_mail("Older fees", "It was 0.20%.\n"))
    mail.add_attachment(b"logo", maintype="image", subtype="png", filename="logo.png", cid="<logo>", disposition="inline")
    parsed = parse(_written(tmp_path / "a.eml", mail))
    assert ("heading", "Older fees", 2) in [(block.kind, block.text, block.level) for block in parsed.blocks]
    assert "It was 0.20%." in [block.text for block in parsed.blocks]
    assert parsed.notes == ()


def test_a_table_in_a_message_of_markup_is_a_table(tmp_path: Path) -> None:
    mail = _mail()
    rows = "<tr><th>Fund</th><th>Exit</th></tr><tr><td>Larch</td><td>1%</td></tr>"
    mail.add_alternative(f"<p>See below.</p><table>{rows}</table>", subtype="html")
    assert parse(_written(tmp_path / "a.eml", mail)).grids[0].rows == (("Fund", "Exit"), ("Larch", "1%"))


def test_an_unknown_encoding_and_odd_heads_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"From: <<>>,,@\nDate: soon\nSubject: =?utf-8?q?Geb=C3=BChr?=\n"
        b"Content-Type: text/plain; charset=x-none\n\nThe fee.\n"
    )
    parsed = parse(path)
    assert (parsed.title, parsed.blocks[-1].text) == ("Gebühr", "The fee.")


def test_an_outlook_message_is_read_with_what_is_attached(tmp_path: Path) -> None:
    path = message(
        tmp_path / "a.msg",
        "Fees from March",
        "The fee is 0.12%.",
        "ann@example.org",
        {"charges.xlsx": _sheet(), "x.bin": b"1"},
    )
    parsed = parse(path)
    assert parsed.title == "Fees from March"
    assert [block.text for block in parsed.blocks][1:4] == [
        "From: ann@example.org; To: B <b@example.org>",
        "The fee is 0.12%.",
        "Attachment: charges.xlsx",
    ]
    assert parsed.grids[0].rows[1] == ("Larch", "2.50%", "0.75%")
    assert [note.split(":")[0] for note in parsed.notes] == ["attachment x.bin not read"]


@pytest.mark.parametrize("content", [b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), b"no message"])
@pytest.mark.parametrize("suffix", [".eml", ".msg"])
def test_a_broken_message_is_refused_in_one_line(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(UnreadableDocument) as refused:
        parse(path)
    assert "\n" not in str(refused.value)
