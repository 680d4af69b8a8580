"""The recipe "a document format" of docs/extending.md, followed for real: a reader (of e-mails, here) and a row."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_string
from email.errors import MessageError
from email.policy import default
from pathlib import Path

import pytest

from retrieval.documents import parse as parsing
from retrieval.documents.parse import Block, Parsed, find_documents, of_text, parse
from retrieval.library import Library
from retrieval.types import UnreadableDocument
from tests.retrieval.conftest import PUBLIC

Write = Callable[[str, str], Path]
MAIL = "Subject: Fees from March\nFrom: desk@example.org\n\nThe custody fee is 0.12% from March.\n\nKind regards"


# --- what the new file holds


def read_mail(text: str) -> Parsed:
    """The subject as the title, the plain body as paragraphs."""
    try:
        mail = message_from_string(text, policy=default)
        body = mail.get_body(("plain",))
    except MessageError as error:
        raise UnreadableDocument(f"no e-mail: {error}") from None
    if body is None or not mail["subject"]:
        raise UnreadableDocument("no e-mail: it has no subject or no text")
    title = str(mail["subject"])
    paragraphs = (" ".join(part.split()) for part in body.get_content().split("\n\n"))
    return Parsed(title, (Block("heading", title, level=1), *(Block("prose", part) for part in paragraphs if part)))


# --- and what comes of it


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of the table."""
    monkeypatch.setitem(parsing.READERS, ".memo", of_text(read_mail))


def test_its_files_are_found_read_and_searched(library: Library, write: Write) -> None:
    folder = write("march.memo", MAIL).parent
    write("notes.txt", "The branch opens at nine.")
    report = library.ingest([folder], PUBLIC)
    assert (sorted(report.added), list(report.problems)) == (["march.memo", "notes.txt"], [])
    (best, *_) = library.search("How high is the custody fee?", 3, PUBLIC)
    assert (best.document, best.source, best.title) == ("march", "march.memo", "Fees from March")
    assert "0.12%" in best.text


def test_a_broken_one_costs_only_itself_and_says_why(library: Library, write: Write) -> None:
    folder = write("march.memo", MAIL).parent
    write("empty.memo", "Subject: nothing more\n\n")
    write("half.memo", "\n\nno head at all")
    report = library.ingest([folder], PUBLIC)
    assert list(report.added) == ["march.memo"]
    assert len(report.problems) == 2
    assert {Path(problem.path).name: problem.reason for problem in report.problems} == {
        "empty.memo": "empty.memo: holds headings alone and no text",
        "half.memo": "no e-mail: it has no subject or no text",
    }


def test_its_suffix_may_be_written_in_capitals(write: Write) -> None:
    path = write("MARCH.MEMO", MAIL)
    found, _ = find_documents([path.parent])
    assert [one.inside for one in found] == ["MARCH.MEMO"]
    assert parse(path).title == "Fees from March"


def test_without_the_row_nothing_of_it_is_read(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("march.memo", MAIL)
    monkeypatch.delitem(parsing.READERS, ".memo")
    found, passed_over = find_documents([path.parent])
    assert (found, [one.reason for one in passed_over]) == ([], ["of unknown kind '.memo'"])
    with pytest.raises(UnreadableDocument, match=r"unknown kind '\.memo'; known: .*\.pdf"):
        parse(path)
