"""Liveness of log writers (file lock, advisory lock): tells work under way from what a dead process left open.

Invariant: a writer shows itself before its first event is stored, and stops with its process, however that ends.
SQLite: a locked file beside the database. PostgreSQL: an advisory lock of the writer's own connection, which also ends
when that connection breaks: there, absence counts only once it has lasted (audit.append.abandoned).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from audit.whole_file import appearing

_WRITER, _RECOVERY = 0x43535731, 0x43535732  # first halves of PostgreSQL's advisory lock keys: "CSW1", "CSW2"


class Presence:
    """Shows that one writer is alive. Owned by the store that makes it."""

    def __init__(self, engine: Engine, writer: str) -> None:
        """writer: eight hexadecimal digits, as in the envelopes' clock."""
        self._writer = writer
        self._path = _beside(engine, writer)
        self._handle = None if self._path is None else _locked(self._path)

    def renew(self, connection: Connection) -> None:
        """To be called with each new connection of the writer, before it writes. The lock is a shared one, so that a broken
        connection that the server still believes in does not keep the writer waiting."""
        if self._path is None:
            connection.execute(text("SELECT pg_advisory_lock_shared(:kind, :writer)"), _key(self._writer))
            connection.rollback()  # the session keeps it

    def close(self) -> None:
        if self._handle is not None and self._path is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None


def is_present(connection: Connection, writer: str) -> bool:
    """Asked on a connection that is not that writer's own."""
    path = _beside(connection.engine, writer)
    if path is None:
        free = text("SELECT pg_try_advisory_xact_lock(:kind, :writer)")
        return not connection.scalar(free, _key(writer))
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)  # nobody will come back to it
        return False
    finally:
        os.close(handle)


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Of several processes on one database, one at a time is inside."""
    path = _beside(engine, "recovery")
    if path is None:
        with engine.connect() as connection, connection.begin():
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_RECOVERY})"))
            yield
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _beside(engine: Engine, name: str) -> Path | None:
    """The lock file of that name; None on PostgreSQL."""
    return Path(f"{engine.url.database}-{name}.lock") if engine.dialect.name == "sqlite" else None


def _locked(path: Path) -> int:
    """The file appears only once it is locked: an unlocked one is a dead writer's."""
    with appearing(path, replace=True) as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        return os.dup(file.fileno())  # the lock lasts as long as any handle of the file


def _key(writer: str) -> dict[str, int]:
    return {"kind": _WRITER, "writer": int(writer, 16) - 2**31}
