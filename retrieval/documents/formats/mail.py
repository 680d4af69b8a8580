"""E-mail: messages as .eml (the standard library) and Outlook's .msg (python-oxmsg), with what is attached as sections.

An attachment is read by the reader of its kind; one that cannot be read is named and costs nothing else.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from pathlib import Path, PurePath

from retrieval.documents.blocks import Block, Parsed, squeeze
from retrieval.documents.encodings import UnknownEncoding, decoded
from retrieval.documents.formats.html import read_html
from retrieval.documents.formats.text import read_text
from retrieval.documents.grid import Grid
from retrieval.types import UnreadableDocument

Read = Callable[[Path], Parsed]
Attached = tuple[str, "bytes | EmailMessage"]

MOST_ATTACHED = 200
_DEEPEST = 4  # messages attached to messages
_QUOTED = re.compile(r"^(?:>\s?)+", re.M)
_HEADS = ("From", "To", "Cc", "Date")
_SIGNED = re.compile(r"\n-- \n.*\Z", re.S)  # a signature, by the old custom


@dataclass(frozen=True)
class Letter:
    """One message. heads: who wrote when to whom, as shown."""

    subject: str
    heads: tuple[tuple[str, str], ...]
    plain: str
    markup: str | bytes
    attached: tuple[Attached, ...]


def read_eml(read: Read) -> Read:
    """A reader of .eml files. read: the reader of attachments."""
    return lambda path: _Reader(read).parsed(
        _letter(message_from_bytes(path.read_bytes(), policy=policy.default), path.name)
    )


def read_msg(read: Read) -> Read:
    """A reader of .msg files. read: the reader of attachments."""
    return lambda path: _Reader(read).parsed(_of_outlook(path))


@dataclass
class _Reader:
    read: Read
    blocks: list[Block] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    count: int = 0

    def parsed(self, letter: Letter) -> Parsed:
        self.letter(letter, 1)
        return Parsed(letter.subject, tuple(self.blocks), grids=tuple(self.grids), notes=tuple(self.notes))

    def letter(self, letter: Letter, level: int) -> None:
        if letter.subject:
            self.blocks.append(Block("heading", letter.subject, level=level))
        heads = [f"{name}: {value}" for name, value in letter.heads if value]
        if heads:
            self.blocks.append(Block("prose", "; ".join(heads)))
        tabled = (
            b"<table" in letter.markup.lower() if isinstance(letter.markup, bytes) else "<table" in letter.markup.lower()
        )
        if letter.markup and (tabled or not letter.plain.strip()):
            self.add(read_html(letter.markup), level)
        elif letter.plain.strip():
            self.add(read_text(_QUOTED.sub("", _SIGNED.sub("", letter.plain.replace("\r\n", "\n")))), level)
        for name, content in letter.attached:
            self.attached(name, content, level + 1)

    def attached(self, name: str, content: bytes | EmailMessage, level: int) -> None:
        self.count += 1
        if self.count > MOST_ATTACHED or level > _DEEPEST + 1:
            self.notes.append(f"attachment {name}: too many or too deep; left out")
            return
        shown = squeeze(PurePath(name.replace("\\", "/")).name) or "without a name"
        if isinstance(content, EmailMessage):
            self.letter(_letter(content, shown), level)
            return
        suffix = PurePath(shown).suffix.lower()
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"attachment{suffix}"
                path.write_bytes(content)
                parsed = self.read(path)
        except Exception as error:  # the boundary: an attachment may provoke anything in the libraries that read it
            said = " ".join(str(error).removeprefix(f"attachment{suffix}: ").split(";")[0].split())[:160]
            self.notes.append(f"attachment {shown} not read: {said}")
            return
        self.blocks.append(Block("heading", f"Attachment: {shown}", level=level))
        self.add(parsed, level)
        self.notes += [f"attachment {shown}: {note}" for note in parsed.notes]

    def add(self, parsed: Parsed, level: int) -> None:
        """What another reader found, below a heading of this level; its pages as headings, since a mail has none."""
        above = tuple(block.text for block in _path(self.blocks))
        page = None
        for block in parsed.blocks:
            if block.page is not None and block.page != page:
                page = block.page
                if parsed.pages is not None and parsed.pages > 1:
                    self.blocks.append(Block("heading", f"Page {page}", level=level + 1))
            deeper = block.level + level + 1 if block.kind == "heading" else 0
            self.blocks.append(replace(block, page=None, level=deeper))
        self.grids += [replace(grid, page=None, boxes=None, section=(*above, *grid.section)) for grid in parsed.grids]


def _path(blocks: Iterable[Block]) -> list[Block]:
    path: list[Block] = []
    for block in blocks:
        if block.kind == "heading":
            path = [one for one in path if one.level < block.level] + [block]
    return path


def _letter(mail: EmailMessage, name: str) -> Letter:
    """Raises UnreadableDocument where the file is no message."""
    if not mail.keys():
        raise UnreadableDocument(f"{name}: no e-mail: it has no head")
    plain, markup = mail.get_body(("plain",)), mail.get_body(("html",))
    return Letter(
        _head(mail, "Subject"),
        tuple((one, _head(mail, one)) for one in _HEADS),
        _words(plain) if plain is not None else "",
        _words(markup) if markup is not None else "",
        tuple(_attached(mail)),
    )


def _head(mail: EmailMessage, name: str) -> str:
    with suppress(Exception):  # malformed addresses and dates break the library's parser
        return squeeze(str(mail[name] or ""))
    return ""


def _words(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an encoding that nobody knows
        content = part.get_payload(decode=True)
        try:
            return decoded(content) if isinstance(content, bytes) else ""
        except UnknownEncoding:
            return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _attached(mail: EmailMessage) -> Iterator[Attached]:
    """Not the pictures that stand in the text: logos and signatures."""
    for part in mail.iter_attachments():
        if part.get_content_maintype() == "image" and (part.get_content_disposition() == "inline" or part["Content-ID"]):
            continue
        if part.get_content_type() == "message/rfc822":
            inside = part.get_payload(0)
            if isinstance(inside, EmailMessage):
                yield part.get_filename() or "message", inside
            continue
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield part.get_filename() or f"without a name.{part.get_content_subtype()}", content


def _of_outlook(path: Path) -> Letter:
    from oxmsg import Message

    try:
        message = Message.load(str(path))
        heads = dict(message.message_headers)
        sent = message.sent_date
        attached = tuple(
            (one.file_name or "without a name", one.file_bytes)
            for one in message.attachments
            if one.file_bytes and not (one.mime_type or "").startswith("image/")
        )
        people = ", ".join(f"{one.name} <{one.email_address}>" for one in message.recipients)
        said = {
            "From": message.sender or heads.get("From", ""),
            "To": people,
            "Date": f"{sent:%Y-%m-%d %H:%M}" if sent else "",
        }
        return Letter(
            squeeze(message.subject or ""),
            tuple((name, squeeze(said.get(name) or heads.get(name, ""))) for name in _HEADS),
            message.body or "",
            message.html_body or "",
            attached,
        )
    except Exception as error:  # the boundary: damaged messages break the library at any place
        said_why = " ".join(str(error).split())[:160]
        raise UnreadableDocument(f"{path.name}: damaged or no Outlook message ({said_why}); save it again") from None
