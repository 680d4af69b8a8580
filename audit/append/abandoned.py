"""Ends the record of queries whose process died on the way: nobody else will.

Invariant: only a query whose writer is gone is ended, and once, whoever else starts at the same time. The ending
is a `finished` event with the outcome `aborted`; it says what the log shows, and invents nothing.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, exists, select

from audit.append.store import AuditStore
from audit.append.writer_presence import alone, is_present
from audit.database import tables
from audit.format.events import Entry
from audit.kinds import FINISHED, RECEIVED, RELEASED, is_look

ABORTED = "aborted"
LOOKED_AT = 100_000  # a crash leaves open what was under way then, which is among a log's newest queries
GRACE_S = 30.0  # on PostgreSQL a writer is also absent between losing its connection and its next event
_WHY = "the process ended before it could finish this answer"


@dataclass(frozen=True, slots=True)
class Recovered:
    """ended: (log, query) of each; undecided: whose writer is absent, but not yet for long enough."""

    ended: tuple[tuple[str, str], ...]
    undecided: int


def end_abandoned(engine: Engine, store: AuditStore, *, grace_s: float = GRACE_S) -> Recovered:
    """Looks through every log. Raises AuditUnavailable and SQLAlchemyError: then what is left is for the next time."""
    ended: list[tuple[str, str]] = []
    undecided = 0
    with alone(engine):
        with engine.connect() as connection:
            logs = connection.scalars(select(tables.head.c.log).order_by(tables.head.c.log)).all()
        for log in logs:
            with engine.connect() as connection:
                left = [(query, seq) for query, seq in _open(connection, log)]
            for query, seq in left:
                with engine.connect() as connection:
                    told = _told(connection, log, seq)
                    if told is None or told["clock"]["process"] == store.writer:
                        continue
                    if is_present(connection, told["clock"]["process"]):
                        continue
                    last, released, bot = _state(connection, log, query)
                    if engine.dialect.name == "postgresql" and 0 <= time.time() - last / 1e6 < grace_s:
                        undecided += 1
                        continue
                store.append(log, _ending(told, released, bot)).wait()
                ended.append((log, query))
    return Recovered(tuple(ended), undecided)


def _open(connection: Connection, log: str) -> list[tuple[str, int]]:
    """Queries that began and have no end, oldest first, each with its opening's number."""
    opening, ending = tables.record.alias("opening"), tables.record.alias("ending")
    newest = (
        select(opening.c.query, opening.c.seq)
        .where(opening.c.kind == RECEIVED.name, opening.c.log == log, opening.c.query.is_not(None))
        .order_by(opening.c.seq.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    ends = select(1).where(ending.c.query == newest.c.query, ending.c.log == log, ending.c.kind == FINISHED.name)
    found = connection.execute(select(newest.c.query, newest.c.seq).where(~exists(ends)).order_by(newest.c.seq))
    return [(row.query, row.seq) for row in found]


def _told(connection: Connection, log: str, seq: int) -> Mapping[str, Any] | None:
    """What the opening's envelope says; None where it is damaged, which the verifier tells."""
    record = tables.record.c
    envelope = connection.scalar(select(record.envelope).where(record.log == log, record.seq == seq))
    try:
        told: Mapping[str, Any] = json.loads(envelope or b"")
        int(told["clock"]["process"], 16)
    except (ValueError, LookupError, TypeError):
        return None
    return told


def _state(connection: Connection, log: str, query: str) -> tuple[int, int, str]:
    """When the query's last event was, how many segments were released, and which bot was last named."""
    record = tables.record.c
    rows = connection.execute(
        select(record.ts, record.kind, record.bot).where(record.query == query, record.log == log).order_by(record.seq)
    ).all()
    own = [row for row in rows if not is_look(row.kind)]
    bot = next((row.bot for row in reversed(own) if row.bot), "")
    return own[-1].ts, sum(row.kind == RELEASED.name for row in own), bot


def _ending(told: Mapping[str, Any], released: int, bot: str) -> Entry:
    return Entry(
        kind=FINISHED,
        query=told["query"],
        conversation=told["conversation"],
        actor=told["actor"],
        subject=told["subject"],
        trace_id=told["trace_id"],
        policy_digest=told["policy"],
        labels={"outcome": ABORTED, "bot": bot},
        body={"outcome": ABORTED, "finish_reason": "error", "reason": _WHY, "segments": released, "us": {}},
    )
