"""A mailbox on a real IMAP server: messages and attachments become documents, and nothing in the mailbox changes."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.sources import Rights
from retrieval.sources.kinds.imap import Mailbox, _from_utf7, _to_utf7
from tests.retrieval.sources.conftest import BOARD, STAFF, Syncing
from tests.support.dovecot import PASSWORD, USER, Dovecot, dovecot

pytestmark = pytest.mark.process


@pytest.fixture
def server() -> Iterator[Dovecot]:
    # the names of its sockets have room for some hundred characters, fewer than pytest's folders need
    with TemporaryDirectory(prefix="dovecot-") as folder, dovecot(Path(folder)) as running:
        yield running


def mailbox(server: Dovecot, **options: Any) -> Mailbox:
    given = {"port": server.port, "ca_file": server.ca} | options
    return Mailbox("localhost", USER, lambda: PASSWORD, **given)


def message(subject: str, text: str, html: str = "") -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = subject
    made["From"] = "Ann Example <ann@bank.example>"
    made["To"] = "records@bank.example"
    made["Date"] = "Tue, 03 Mar 2026 10:00:00 +0100"
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def test_a_message_and_its_attachments_are_documents_of_their_own(syncing: Syncing, server: Dovecot) -> None:
    sent = message("Fees of the fund", "plain words", "<p>The annual fee is <b>one percent</b> of the value.</p>")
    sent.add_attachment("The exit charge is two percent.", filename="exit charge.txt")
    sent.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="scan.raw")
    inner = message("Older news", "The old fee was three percent.")
    sent.add_attachment(inner)
    server.put(sent)
    report = syncing(mailbox(server))
    names = sorted(syncing.readers())
    assert names == [
        "place/INBOX/2026-03-03 Fees of the fund (1).html",
        "place/INBOX/2026-03-03 Fees of the fund (1)/2026-03-03 Older news.html",
        "place/INBOX/2026-03-03 Fees of the fund (1)/exit charge.txt",
    ]
    (found,) = syncing.finds("annual fee percent of the value")[:1]
    assert "Ann Example" in " ".join(syncing.finds("From Ann Example")) or "annual fee" in found
    assert [one.reason for one in report.passed_over] == ["of unknown kind '.raw'"]
    assert report.problems == ()


def test_nothing_is_marked_as_read(syncing: Syncing, server: Dovecot) -> None:
    server.put(message("One", "Text of the one."))
    syncing(mailbox(server))
    assert len(syncing.readers()) == 1
    assert not any(rb"\Seen" in line for line in server.flags())


def test_a_message_that_was_removed_or_marked_as_deleted_leaves_the_library(syncing: Syncing, server: Dovecot) -> None:
    for number in ("one", "two", "three"):
        server.put(message(f"Number {number}", f"Text of {number}."))
    syncing(mailbox(server))
    client = server.client()
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.store("1", "+FLAGS", r"(\Deleted)")
    client.logout()
    report = syncing(mailbox(server))
    assert len(report.removed) == 2
    assert [key.partition("03 ")[2] for key in syncing.readers()] == ["Number three (3).html"]


def test_a_message_is_fetched_once(syncing: Syncing, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    server.put(message("One", "Text of the one."))
    syncing(mailbox(server))
    server.put(message("Two", "Text of the second."))
    fetched: list[str] = []
    fetch = Mailbox.fetch

    def counted(self: Mailbox, item: Any) -> Any:
        fetched.append(item.name)
        return fetch(self, item)

    monkeypatch.setattr(Mailbox, "fetch", counted)
    syncing(mailbox(server))
    assert fetched == ["INBOX/2.html"]
    assert len(syncing.readers()) == 2


def test_mailboxes_have_readers_by_their_paths_whatever_their_language(syncing: Syncing, server: Dovecot) -> None:
    server.put(message("Open", "Open text."), "Research")
    server.put(message("Closed", "Closed text."), _to_utf7("Research/Verträge & Entwürfe"))
    rights = Rights(paths={"Research": STAFF, "Research/Verträge & Entwürfe": BOARD})
    syncing(mailbox(server, mailboxes=("Research", "Research/*")), rights)
    assert {key.partition("03 ")[2]: groups for key, groups in syncing.readers().items()} == {
        "Open (1).html": STAFF,
        "Closed (1).html": BOARD,
    }


def test_a_mailbox_that_is_not_there_is_an_error_and_takes_nothing_away(syncing: Syncing, server: Dovecot) -> None:
    server.put(message("One", "Text of the one."), "Research")
    syncing(mailbox(server, mailboxes=("Research",)))
    client = server.client()
    client.delete("Research")
    client.logout()
    report = syncing(mailbox(server, mailboxes=("Research",)))
    assert (report.unavailable, len(syncing.readers())) == (True, 1)
    assert "no mailbox 'Research'" in report.problems[0].reason


def test_a_certificate_that_nobody_vouches_for_is_refused(syncing: Syncing, server: Dovecot) -> None:
    server.put(message("One", "Text."))
    for options in ({}, {"port": server.starttls_port, "tls": "starttls"}):
        report = syncing(mailbox(server, ca_file=None, **options))
        assert (report.unavailable, syncing.readers()) == (True, {})
        assert "self-signed certificate" in report.problems[0].reason


def test_starttls_works_as_well(syncing: Syncing, server: Dovecot) -> None:
    server.put(message("One", "Text of the one."))
    syncing(mailbox(server, port=server.starttls_port, tls="starttls"))
    assert len(syncing.readers()) == 1


def test_a_refused_password_is_told_and_does_not_appear_in_what_is_told(syncing: Syncing, server: Dovecot) -> None:
    wrong = "a wrong and secret word"
    report = syncing(Mailbox("localhost", USER, lambda: wrong, port=server.port, ca_file=server.ca))
    assert "the user or the password is refused" in report.problems[0].reason
    assert wrong not in repr(report)


def test_messages_that_break_their_own_rules_cost_themselves_at_most(syncing: Syncing, server: Dovecot) -> None:
    server.put(
        b"Subject: =?utf-8?q?half\r\nFrom: <<@\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nThe fee is nine.\r\n"
    )
    server.put(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nNo end of the parts.\r\n")
    server.put(b"\r\n")
    server.put(message("Good", "A good text."))
    report = syncing(mailbox(server))
    assert "A good text." in " ".join(syncing.finds("good text"))
    assert "nine" in " ".join(syncing.finds("The fee is nine"))
    assert all("Traceback" not in one.reason for one in report.problems)


@given(st.text(st.characters(codec="utf-16", exclude_categories=["Cs", "Cc"])))
def test_a_mailboxs_name_comes_back_from_what_imap_sends(name: str) -> None:
    assert _to_utf7(name).isascii()
    assert _from_utf7(_to_utf7(name)) == name


def test_a_mailboxs_name_is_written_as_the_standard_shows() -> None:
    assert _to_utf7("~peter/mail/台北/日本語") == "~peter/mail/&U,BTFw-/&ZeVnLIqe-"  # RFC 3501, 5.1.3
