"""From a message to files: a page with its subject, its people, its date and its text, and each attachment as it is.

An attached message becomes pages and attachments of its own.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from bs4 import BeautifulSoup

from retrieval.documents.encodings import UnknownEncoding, decoded
from retrieval.sources.types import SourceFile
from retrieval.types import UnreadableDocument

_DEEPEST = 5  # messages inside messages
_SHOWN = ("From", "To", "Cc", "Date")


def files_of(raw: bytes, folder: str, uid: str) -> list[SourceFile]:
    """The files of a message as it was sent (RFC 5322). folder: where in the source it lies. Raises UnreadableDocument."""
    try:
        message = message_from_bytes(raw, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return [*_files(message, f"{folder}/{_name(message)} ({uid})", 0)]
    except (ValueError, LookupError, AttributeError, IndexError, TypeError, RecursionError) as error:
        # what the standard library's parser raises for headers and parts that break their own rules
        raise UnreadableDocument(f"is no message that can be read ({type(error).__name__})") from None


def _files(message: EmailMessage, name: str, depth: int) -> Iterator[SourceFile]:
    yield SourceFile(f"{name}.html", _page(message))
    if depth == _DEEPEST:
        return
    unnamed = 0
    for part in message.iter_attachments():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_content()
            if isinstance(inner, EmailMessage):
                yield from _files(inner, f"{name}/{_name(inner)}", depth + 1)
            continue
        if not isinstance(part, EmailMessage) or part.is_multipart():
            continue
        given = part.get_filename()
        if part.get_content_disposition() != "attachment" and (given is None or part.get_content_maintype() == "image"):
            continue  # pictures and other pieces of the text itself
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and content:
            unnamed += given is None
            suffix = {"text/plain": ".txt", "text/html": ".html", "application/pdf": ".pdf"}.get(part.get_content_type(), "")
            yield SourceFile(f"{name}/{_part(given) if given else f'attachment {unnamed}{suffix}'}", content)


def _page(message: EmailMessage) -> bytes:
    subject = _header(message, "Subject") or "(no subject)"
    lines = [f"{name}: {_header(message, name)}" for name in _SHOWN if _header(message, name)]
    head = f"<h1>{html.escape(subject)}</h1>\n<p>{'<br>'.join(map(html.escape, lines))}</p>\n"
    page = f'<!doctype html><meta charset="utf-8"><title>{html.escape(subject)}</title>\n{head}{_body(message)}'
    return page.encode("utf-8", "replace")


def _body(message: EmailMessage) -> str:
    body = message.get_body(("html", "plain"))
    if body is None:
        return ""
    content = body.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = body.get_content_charset()
    try:
        text = content.decode(charset) if charset else decoded(content)
    except (LookupError, UnicodeDecodeError, UnknownEncoding):
        text = content.decode("utf-8", "replace")
    return _inner(text) if body.get_content_type() == "text/html" else _paragraphs(text)


def _inner(text: str) -> str:
    """What stands in a page's body, so that the message's own head comes before it."""
    soup = BeautifulSoup(text, "lxml")
    return soup.body.decode_contents() if soup.body is not None else ""


def _paragraphs(text: str) -> str:
    parts = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))
    return "\n".join(f"<p>{html.escape(part.strip()).replace(chr(10), '<br>')}</p>" for part in parts if part.strip())


def _name(message: EmailMessage) -> str:
    """'2026-03-01 Fees of the fund'."""
    day = _day(message)
    subject = _part(_header(message, "Subject"))[:80].strip() or "no subject"
    return f"{day:%Y-%m-%d} {subject}" if day else subject


def _day(message: EmailMessage) -> datetime | None:
    try:
        return parsedate_to_datetime(_header(message, "Date"))
    except (ValueError, TypeError):
        return None


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name) or "").split())
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):  # a header that breaks its own grammar
        return ""


def _part(name: str) -> str:
    """A name as one part of a path."""
    return " ".join(name.replace("/", "-").split())
