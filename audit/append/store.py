"""Appends events: callers hand them over and go on; one writer thread makes them durable in groups.

Invariant: a ticket yields a receipt only after the event, and every earlier event of the same query that this
store was given, is committed. Whatever goes wrong (full disk, lost database, full pool) becomes AuditUnavailable, and the
store works again as soon as the database does; only a disk that failed to confirm a write stops it for good.
"""

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import uuid_utils
from cachetools import LRUCache
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from audit.append.clock import Watch, jumped
from audit.append.sequencer import Sequencer
from audit.append.ticket import Sleeper, Ticket, wake_next
from audit.append.writer_presence import Presence
from audit.errors import AuditError, AuditUnavailable, EventRefused
from audit.format.events import MAX_BODY, Clock, Draft, Entry, Receipt, canonical, draft
from audit.format.kind import Whose
from audit.sealing.body import seal_body
from audit.sealing.subject_keys import STAFF, SubjectKeys

BATCH_ROWS = 512
UNSYNCED = "the disk did not confirm what was written: check it, then restart the service; nothing is recorded until then"
_UNSYNCED_CODES = (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)
_LOST_KEPT = 10_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the store was opened, for metrics. pooled: events waiting now."""

    pooled: int
    events: int
    batches: int
    largest_batch: int
    refused: int


class AuditStore:
    """The log of every tenant in one database. Thread-safe.

    `_changed` owns the pool, the lost queries and the counters; the sequencer belongs to the writer thread alone.
    Bodies are sealed in the caller's thread: the pool holds no plaintext. `writer` is what the envelopes' clocks call it.
    strict: an event that does not fit its kind is refused. Tests say so; a service records it as it is, and complains in its
    own log once for each kind, because an event that was lost is worse than one with a field too many.
    """

    strict = False

    def __init__(
        self,
        engine: Engine,
        keys: SubjectKeys,
        *,
        capacity: int = 8192,
        capacity_bytes: int = 64 << 20,
        patience: float = 1.0,
        retry_for: float = 2.0,
        strict: bool | None = None,
    ) -> None:
        """capacity: events (and bytes) pooled at most; patience: seconds an append waits for room;
        retry_for: seconds a batch is retried after faults that pass (a restart of the database, a busy lock);
        strict: where it is to differ from the class's."""
        self.strict = self.strict if strict is None else strict
        self._misfit: set[str] = set()
        self._keys = keys
        self.writer = os.urandom(4).hex()
        self._watch = Watch(self.writer)
        self._presence = Presence(engine, self.writer)
        self._sequencer = Sequencer(engine, self._presence.renew)
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._patience, self._retry_for = patience, retry_for
        self._changed = threading.Condition()
        self._pool: deque[tuple[Draft, Ticket]] = deque()
        self._pool_bytes = 0
        self._due: deque[Sleeper] = deque()
        self._lost: LRUCache[tuple[str, str], str] = LRUCache(_LOST_KEPT)  # a query that goes on is used, so it stays
        self._closed = ""  # why, once it is
        self._events = self._batches = self._largest = self._refused = 0
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self._thread.start()

    def append(self, tenant: str, entry: Entry) -> Ticket:
        """Seals and enqueues one event; events of one caller keep their order.

        Raises EventRefused where it has no canonical form, AuditUnavailable where the pool stays full, the key store
        cannot be used or the store is closed.
        """
        self._check_fields(entry)
        clock, jump = self._watch.read(tenant)
        if jump and tenant:
            self._append(tenant, jumped(tenant, jump), clock)
        return self._append(tenant, entry, clock)

    def _append(self, tenant: str, entry: Entry, clock: Clock) -> Ticket:
        event_id = str(uuid_utils.uuid7())
        body = canonical(entry.body)
        if len(body) > MAX_BODY:
            raise EventRefused(f"body of {len(body)} bytes is larger than {MAX_BODY}: record its digest instead")
        try:
            sealed, commitment = seal_body(self._keys, entry.subject, tenant, event_id, body)
        except (SQLAlchemyError, OSError, AuditError) as error:
            raise self._lose(tenant, entry, f"the key store cannot be used: {_brief(error)}") from error
        made = draft(tenant, event_id, entry, clock, sealed, sha256(sealed).hexdigest(), commitment)
        ticket = Ticket(self._due)
        weight = _weight(made)
        with self._changed:
            has_room = self._changed.wait_for(lambda: self._closed or self._has_room(weight), self._patience)
            if self._closed or not has_room:
                why = self._closed or "the audit log cannot keep up: its pool is full"
                raise self._lose(tenant, entry, f"{why}; try again later")
            self._pool.append((made, ticket))
            self._pool_bytes += weight
            self._changed.notify_all()
        return ticket

    def _check_fields(self, entry: Entry) -> None:
        misfits = entry.kind.misfits(entry.body, entry.labels)
        if entry.kind.whose is Whose.ACCESS and not entry.subject.startswith(STAFF):
            misfits.append(f"{entry.kind.name}: an erasure of {entry.subject} would take it along; its subject is {STAFF}…")
        if not misfits:
            return
        if self.strict:
            raise EventRefused(f"{'; '.join(misfits)}: say so in audit/kinds.py, or correct the event")
        if entry.kind.name not in self._misfit:
            self._misfit.add(entry.kind.name)
            _log.error("an event of kind %s does not fit its description, and is recorded as it is", entry.kind.name)

    def close(self, timeout: float = 10.0) -> None:
        """Makes durable what is pooled, then stops. What could not be written fails its ticket."""
        self._stop("the audit store is closed")
        self._thread.join(timeout)
        self._give_up(self._draw(None, [], limit=None), "the audit store was closed before this event was durable")
        self._presence.close()

    def stats(self) -> Stats:
        with self._changed:
            return Stats(len(self._pool), self._events, self._batches, self._largest, self._refused)

    def _stop(self, why: str) -> None:
        with self._changed:
            self._closed = self._closed or why
            self._changed.notify_all()

    def _has_room(self, weight: int) -> bool:
        fits = self._pool_bytes + weight <= self._capacity_bytes or not self._pool
        return len(self._pool) < self._capacity and fits

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pool or self._closed)
                if not self._pool:
                    break
                logs = list(dict.fromkeys(made.log for made, _ in list(self._pool)[:BATCH_ROWS]))
            self._write(logs)
        self._sequencer.close()

    def _write(self, logs: Sequence[str]) -> None:
        """One batch, retried with the same event ids while the fault looks like one that passes."""
        taken: list[tuple[Draft, Ticket]] = []
        give_up_at = time.monotonic() + self._retry_for
        pause, again = 0.02, False
        while True:
            try:
                receipts = self._sequencer.write(logs, lambda: self._drawn(logs, taken), again=again)
            except Exception as error:
                self._sequencer.reset()
                if _passes(error) and time.monotonic() + pause < give_up_at:
                    time.sleep(pause)
                    pause, again = min(pause * 2, 0.5), True
                    continue
                if not isinstance(error, SQLAlchemyError | AuditError):
                    _log.exception("the audit writer failed in an unforeseen way")
                if _is_unsynced(error):
                    self._stop(UNSYNCED)
                    self._draw(None, taken, limit=None)
                failed = taken or self._draw(frozenset(logs), [], limit=None)
                self._give_up(failed, f"the audit log cannot be written: {_brief(error)}")
                return
            self._confirm(taken, receipts)
            return

    def _drawn(self, logs: Sequence[str], taken: list[tuple[Draft, Ticket]]) -> list[Draft]:
        return [made for made, _ in self._draw(frozenset(logs), taken, limit=BATCH_ROWS)]

    def _draw(
        self, logs: frozenset[str] | None, taken: list[tuple[Draft, Ticket]], limit: int | None
    ) -> list[tuple[Draft, Ticket]]:
        """Moves events of `logs` (None: all) from the pool to the end of `taken`, in order."""
        with self._changed:
            kept: deque[tuple[Draft, Ticket]] = deque()
            while self._pool and (limit is None or len(taken) < limit):
                one = self._pool.popleft()
                if logs is None or one[0].log in logs:
                    taken.append(one)
                    self._pool_bytes -= _weight(one[0])
                else:
                    kept.append(one)
            self._pool.extendleft(reversed(kept))
            self._changed.notify_all()
        return taken

    def _confirm(self, taken: Sequence[tuple[Draft, Ticket]], receipts: Sequence[Receipt]) -> None:
        with self._changed:
            self._events += len(taken)
            self._batches += 1
            self._largest = max(self._largest, len(taken))
            lost = [self._lost.get((made.log, made.entry.query or "")) for made, _ in taken] if self._lost else None
        for at, ((_, ticket), receipt) in enumerate(zip(taken, receipts, strict=True)):
            reason = lost[at] if lost else None
            ticket.resolve(f"an earlier event of this query was lost ({reason})" if reason else receipt)
        wake_next(self._due)

    def _give_up(self, failed: Sequence[tuple[Draft, Ticket]], reason: str) -> None:
        for made, ticket in failed:
            self._lose(made.log, made.entry, reason)
            ticket.resolve(reason)
        wake_next(self._due)

    def _lose(self, log: str, entry: Entry, reason: str) -> AuditUnavailable:
        """Remembers that this query's record is incomplete, so that no later ticket of it lets anything out."""
        with self._changed:
            self._refused += 1
            if entry.query is not None:
                self._lost[log, entry.query] = reason
        return AuditUnavailable(reason)


def _weight(made: Draft) -> int:
    return len(made.sealed) + len(made.before) + len(made.after)


def _passes(error: Exception) -> bool:
    """Whether waiting a moment may help: a lost connection, a busy lock, a restart; not a full disk or a refused row."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in ("08", "40", "55", "57")
    text = str(error.orig)
    return error.connection_invalidated or "locked" in text or "busy" in text or "connection" in text


def _is_unsynced(error: Exception) -> bool:
    """Whether the system refused to say that what was written is on the disk. It may then have forgotten what it held back,
    and say yes the next time: a second try proves nothing. PostgreSQL stops by itself in that case."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) in _UNSYNCED_CODES


def _brief(error: Exception) -> str:
    """The database's own words, without the statement and its values."""
    return str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0][:200]
