"""A mailbox over IMAP, read only: each message is a document, and so is each attachment of a readable kind.

A mailbox is opened with EXAMINE (RFC 3501, 6.3.2), so that the server itself refuses to mark or move anything, and the
connection is encrypted and its certificate checked, always. A message never changes: it is known by its mailbox, the
mailbox's UIDVALIDITY and its UID.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
import ssl
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from retrieval.documents.parse import LARGEST
from retrieval.sources.kinds.mail import files_of
from retrieval.sources.types import Item, Listing, SourceFile, SourceUnavailable
from retrieval.types import UnreadableDocument

_LISTED = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?P<mark>.)"|NIL) (?P<name>.+)$', re.DOTALL)
_FETCHED = re.compile(rb"UID (\d+)")
_SIZED = re.compile(rb"RFC822\.SIZE (\d+)")
_SILENCE_S = 60.0


class Mailbox:
    """Implements `Source`. mailboxes: names or patterns of LIST, such as `INBOX` or `Research/*`, in the user's words.

    secret: gives the password when asked. ca_file: certificates that vouch for the server; None: the system's.
    """

    root: Path | None = None

    def __init__(
        self,
        host: str,
        user: str,
        secret: Callable[[], str],
        *,
        port: int = 993,
        tls: Literal["implicit", "starttls"] = "implicit",
        mailboxes: Iterable[str] = ("INBOX",),
        ca_file: Path | None = None,
    ) -> None:
        self._host, self._user, self._secret, self._port, self._tls = host, user, secret, port, tls
        self._mailboxes, self._ca_file = tuple(mailboxes), ca_file
        self._server: imaplib.IMAP4 | None = None
        self._examined = ("", "")

    def look(self) -> Listing:
        """Every message of the mailboxes that is not marked as deleted. Raises SourceUnavailable."""
        self.close()
        with self._told():
            self._server = self._open()
            items = [item for name, mark in self._names() for item in self._messages(name, mark)]
        return Listing(tuple(items))

    def fetch(self, item: Item) -> Iterable[SourceFile]:
        """The message and its attachments. Raises UnreadableDocument, SourceUnavailable."""
        path, _, place = item.id.rpartition("\n")
        name, _, where = path.partition("\n")
        validity, _, uid = place.partition(".")
        with self._told():
            if self._examined != (name, validity) and self._examine(name) != validity:
                raise UnreadableDocument("its mailbox was made anew while it was read; the next sync reads it")
            _, answer = self._asked("UID", "FETCH", uid, "(BODY.PEEK[])")
            raw = next((one[1] for one in answer if isinstance(one, tuple)), None)
        if raw is None:
            raise UnreadableDocument("was removed while it was read")
        if len(raw) > LARGEST:
            raise UnreadableDocument(f"larger than {LARGEST >> 20} MiB")
        return files_of(raw, where, uid)

    def close(self) -> None:
        if self._server is not None:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                self._server.logout()
            self._server, self._examined = None, ("", "")

    def _open(self) -> imaplib.IMAP4:
        secret = self._secret()  # before anybody is called: without it there is nothing to say
        context = ssl.create_default_context(cafile=str(self._ca_file) if self._ca_file else None)
        if self._tls == "implicit":
            server: imaplib.IMAP4 = imaplib.IMAP4_SSL(self._host, self._port, ssl_context=context, timeout=_SILENCE_S)
        else:
            server = imaplib.IMAP4(self._host, self._port, timeout=_SILENCE_S)
            server.starttls(context)
        try:
            server.login(self._user, secret)
        except imaplib.IMAP4.error:  # what the server says of it may repeat what it was sent
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                server.logout()
            raise SourceUnavailable(f"{self._where}: the user or the password is refused") from None
        return server

    def _names(self) -> list[tuple[str, str]]:
        """Mailboxes in the server's words, with the sign that divides their paths. Raises where a named one is missing."""
        found: dict[str, str] = {}
        for wanted in self._mailboxes:
            _, answer = self._asked("LIST", '""', _quoted(_to_utf7(wanted)))
            listed = [one for one in map(_listed, answer) if one is not None]
            if not listed:
                raise SourceUnavailable(f"{self._where}: there is no mailbox {wanted!r}; see mailboxes")
            found.update(listed)
        return sorted(found.items())

    def _messages(self, name: str, mark: str) -> Iterator[Item]:
        validity = self._examine(name)
        path = "/".join(_from_utf7(name).replace("/", "-" if mark != "/" else "/").split(mark)) if mark else _from_utf7(name)
        _, answer = self._asked("UID", "FETCH", "1:*", "(FLAGS RFC822.SIZE)")
        for line in answer:
            uid, size = (pattern.search(line or b"") for pattern in (_FETCHED, _SIZED))
            if uid and size and rb"\Deleted" not in line:
                place = f"{validity}.{int(uid[1])}"
                yield Item(f"{name}\n{path}\n{place}", f"{path}/{int(uid[1])}.html", place, int(size[1]))

    def _examine(self, name: str) -> str:
        """Opens a mailbox to read from it; returns its UIDVALIDITY."""
        assert self._server is not None
        kind, _ = self._server.select(_quoted(name), readonly=True)
        if kind != "OK":
            raise SourceUnavailable(f"{self._where}: mailbox {_from_utf7(name)!r} cannot be opened; see its rights")
        (validity,) = self._server.response("UIDVALIDITY")[1]
        self._examined = (name, (validity or b"").decode("ascii"))
        return self._examined[1]

    def _asked(self, command: str, *arguments: str) -> tuple[str, list[Any]]:
        assert self._server is not None
        ask = self._server.uid if command == "UID" else self._server.list
        kind, answer = ask(*arguments)
        if kind != "OK":
            raise SourceUnavailable(f"{self._where}: the server answered {kind} to {command}")
        return kind, answer

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What can go wrong on the way, in words of ours: a server's own may repeat what it was sent."""
        try:
            yield
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            raise SourceUnavailable(f"{self._where}: {why}; see ca_file") from None
        except (OSError, EOFError) as error:
            raise SourceUnavailable(f"{self._where}: cannot be reached ({type(error).__name__})") from None
        except imaplib.IMAP4.error as error:
            raise SourceUnavailable(f"{self._where}: the server broke off or refused ({type(error).__name__})") from None

    @property
    def _where(self) -> str:
        return f"imap {self._host}:{self._port}"


def _listed(line: Any) -> tuple[str, str] | None:
    """A line of LIST's answer: the mailbox's name as the server writes it, and the sign that divides names."""
    if isinstance(line, tuple):  # the name came as a literal
        line = line[0].rpartition(b" ")[0] + b" " + line[1]
    match = _LISTED.match(line or b"")
    if match is None or b"\\noselect" in match["flags"].lower() or b"\\nonexistent" in match["flags"].lower():
        return None
    name = match["name"]
    if name.startswith(b'"'):
        name = re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return name.decode("ascii", "backslashreplace"), (match["mark"] or b"").decode("ascii", "replace")


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _to_utf7(name: str) -> str:
    """A mailbox's name as IMAP sends it (RFC 3501, 5.1.3)."""
    coded = re.sub(r"[^\x20-\x7e]+", lambda run: f"&{_base64(run[0])}-", name.replace("&", "&-"))
    return coded


def _from_utf7(name: str) -> str:
    """A mailbox's name in a reader's words; as it is, where it is no modified UTF-7."""

    def plain(run: re.Match[str]) -> str:
        if not run[1]:
            return "&"
        padded = run[1].replace(",", "/") + "=" * (-len(run[1]) % 4)
        return base64.b64decode(padded).decode("utf-16-be")

    try:
        return re.sub(r"&([A-Za-z0-9+,]*)-", plain, name)
    except ValueError:
        return name


def _base64(run: str) -> str:
    return base64.b64encode(run.encode("utf-16-be")).decode("ascii").rstrip("=").replace("/", ",")
