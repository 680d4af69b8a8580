"""Checkpoints in the database: what was issued, which cosignatures it got, and which logs have something to sign.

Invariant: nothing is checked here; what is read is what somebody stored, and only a signature makes it count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from audit.checkpoints.file import FiledCheckpoint
from audit.database import tables
from audit.format.notes import Note, Signature


@dataclass(frozen=True, slots=True)
class Issued:
    """A checkpoint as it was stored. seen: monotonic seconds at which this process learnt of it."""

    log: str
    epoch: int
    size: int
    root: bytes
    note: Note
    seen: float = field(default_factory=time.monotonic, compare=False)

    def row(self) -> dict[str, Any]:
        note = self.note.dump()
        return {"log": self.log, "epoch": self.epoch, "size": self.size, "root": self.root, "note": note}

    def kept(self) -> FiledCheckpoint:
        return FiledCheckpoint(self.log, self.epoch, self.size, self.note.dump())

    @property
    def keys(self) -> frozenset[tuple[str, bytes]]:
        return frozenset((one.name, one.key_hash) for one in self.note.signatures)


def latest_checkpoint(engine: Engine, log: str, at_least: int = 0) -> Note | None:
    """The newest checkpoint of the log's epoch, with the cosignatures it has; None where it is smaller than `at_least`."""
    with engine.connect() as connection:
        found = stored_checkpoint(connection, log, current_epoch(connection, log))
        if found is None or found.size < at_least:
            return None
        return found.note.plus(cosignatures(connection, found))


def current_epoch(connection: Connection, log: str) -> int:
    return connection.scalar(select(func.max(tables.epoch.c.epoch)).where(tables.epoch.c.log == log)) or 1


def stored_checkpoint(connection: Connection, log: str, epoch: int) -> Issued | None:
    """The newest of an epoch, as it is stored: nothing is checked."""
    table = tables.checkpoint
    query = select(table).where(table.c.log == log, table.c.epoch == epoch).order_by(table.c.size.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else Issued(log, epoch, row.size, bytes(row.root), Note.parse(row.note))


def logs_to_sign(connection: Connection, only: str | None) -> list[tuple[str, int, bytes, int]]:
    """log, size, root, epoch of every log that has records."""
    head, epoch = tables.head, tables.epoch
    epochs = select(epoch.c.log, func.max(epoch.c.epoch).label("epoch")).group_by(epoch.c.log).subquery()
    query = (
        select(head.c.log, head.c.size, head.c.root, func.coalesce(epochs.c.epoch, 1))
        .outerjoin(epochs, epochs.c.log == head.c.log)
        .where(head.c.size > 0)
        .order_by(head.c.log)
    )
    if only is not None:
        query = query.where(head.c.log == only)
    return [(log, size, bytes(root), number) for log, size, root, number in connection.execute(query)]


def cosignatures(connection: Connection, one: Issued) -> list[Signature]:
    table = tables.cosignature
    query = select(table.c.line).where(table.c.log == one.log, table.c.epoch == one.epoch, table.c.size == one.size)
    lines = connection.scalars(query.order_by(table.c.witness))
    return [Note.parse(f"{one.note.text}\n{line}").signatures[0] for line in lines]
