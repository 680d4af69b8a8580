"""Receipts out of the database: a query's own events, and the proof of one of them against a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select

from audit.database.tables import record
from audit.database.tiles import prove_inclusion
from audit.format.notes import Note
from audit.format.receipts import LogProof
from audit.kinds import LOOKS


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a query, as stored."""

    seq: int
    kind: str
    subject: str
    envelope: bytes


def steps_of(engine: Engine, log: str, query: str) -> list[Step]:
    """The query's own events, in order; those of people who looked at it are not its own."""
    wanted = select(record.c.seq, record.c.kind, record.c.subject, record.c.envelope).where(
        record.c.log == log, record.c.query == query, ~record.c.kind.startswith(LOOKS)
    )
    with engine.connect() as connection:
        rows = connection.execute(wanted.order_by(record.c.seq)).all()
    return [Step(row.seq, row.kind, row.subject, bytes(row.envelope)) for row in rows]


def prove(engine: Engine, log: str, seq: int, envelope: bytes, checkpoint: Note, size: int) -> LogProof:
    """The receipt of event `seq` in the tree of `size`, which is the checkpoint's and must cover it."""
    return LogProof(seq, envelope, tuple(prove_inclusion(engine, log, seq, size)), checkpoint.dump())
