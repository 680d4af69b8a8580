"""Reads the log's tables as they are stored, for the verifier: raw values, one consistent snapshot, whatever is damaged.

Invariant: nothing read here is interpreted or trusted, memory stays constant however long a log is, and a damaged
page costs the rows on it, not the whole reading.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from audit.database.tables import TABLES

PAGE = 1000
Columns = tuple[Any, ...]

_RECORDS = text(
    "SELECT seq, envelope, leaf, chain, event_id, kind, query, conversation, actor, subject, ts, bot, verdict, outcome"
    " FROM audit_record WHERE log = :log AND seq > :after ORDER BY seq LIMIT :count"
)
_PAYLOADS = text(
    "SELECT seq, sealed FROM audit_payload WHERE log = :log AND seq > :after AND seq <= :last ORDER BY seq LIMIT :count"
)
_BATCHES = text("SELECT size, first, root FROM audit_batch WHERE log = :log AND size > :after ORDER BY size LIMIT :count")
_TILES = text("SELECT idx, hashes FROM audit_tile WHERE log = :log AND idx > :after ORDER BY idx LIMIT :count")
_CHECKPOINTS = text(
    "SELECT epoch, size, root, note FROM audit_checkpoint WHERE log = :log AND (epoch > :epoch OR epoch = :epoch"
    " AND size > :size) ORDER BY epoch, size LIMIT :count"
)
_COSIGNATURES = text(
    "SELECT epoch, size, witness, line FROM audit_cosignature WHERE log = :log AND (epoch > :epoch OR epoch = :epoch"
    " AND (size > :size OR size = :size AND witness > :witness)) ORDER BY epoch, size, witness LIMIT :count"
)
_EPOCHS = text("SELECT epoch, first, note FROM audit_epoch WHERE log = :log ORDER BY epoch")
_ENVELOPE = text("SELECT envelope FROM audit_record WHERE log = :log AND seq = :seq")
_HEAD = text("SELECT size, chain, root, peaks FROM audit_log_head WHERE log = :log")
_BEFORE_ALL, _AFTER_ALL = -(2**63), 2**63 - 1
# SQLite's driver decodes some messages about a damaged file, and text in it, strictly.
DAMAGE = (SQLAlchemyError, sqlite3.Error, UnicodeError, OverflowError)


@dataclass(slots=True)
class Page:
    """Records in order, sealed bodies by sequence number, and (sequence number, reason) of what cannot be read."""

    rows: list[Columns]
    payloads: dict[int, Any]
    unreadable: list[tuple[int, str]] = field(default_factory=list)


class Snapshot:
    """One read-only transaction. Owned by one thread."""

    def __init__(self, engine: Engine) -> None:
        connection = engine.connect()
        self.is_postgres = connection.dialect.name == "postgresql"
        if self.is_postgres:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._connection: Connection = connection
        self._read_text_as(_undecided)

    def close(self) -> None:
        self._read_text_as(str)
        self._connection.close()

    def _read_text_as(self, factory: Any) -> None:
        if not self.is_postgres:
            self._connection.connection.driver_connection.text_factory = factory  # type: ignore[union-attr]

    def logs(self) -> list[str]:
        """Every log that any of the tables names."""
        found: set[str] = set()
        for table in TABLES:
            following = text(f"SELECT min(log) FROM {table} WHERE log > :log")  # noqa: S608  a name of ours
            log = ""
            while (further := self.read(following, log=log)[0][0]) is not None:
                _goes_on((log,), (further,))
                found.add(log := further)
            if self.read(text(f"SELECT 1 FROM {table} WHERE log = '' LIMIT 1")):  # noqa: S608
                found.add("")
        return sorted(found)

    def head(self, log: str) -> Columns | None:
        """size, chain, root, peaks."""
        rows = self.read(_HEAD, log=log)
        return rows[0] if rows else None

    def batches(self, log: str) -> Iterator[Columns]:
        """size, first, root, by size."""
        return self._paged(_BATCHES, log, after=_BEFORE_ALL)

    def tiles(self, log: str) -> Iterator[Columns]:
        """idx, hashes, by idx."""
        return self._paged(_TILES, log, after=_BEFORE_ALL)

    def checkpoints(self, log: str) -> Iterator[Columns]:
        """epoch, size, root, note, in this order."""
        return self._paged(_CHECKPOINTS, log, epoch=_BEFORE_ALL, size=_BEFORE_ALL)

    def cosignatures(self, log: str) -> Iterator[Columns]:
        """epoch, size, witness, line, in this order."""
        return self._paged(_COSIGNATURES, log, epoch=_BEFORE_ALL, size=_BEFORE_ALL, witness="")

    def _paged(self, query: Any, log: str, **after: Any) -> Iterator[Columns]:
        """All rows, page by page. after: what a row's first columns must be greater than, by name. A damaged index may hand
        out lesser ones, and would do so for ever."""
        while True:
            rows = self.read(query, log=log, count=PAGE, **after)
            yield from rows
            if len(rows) < PAGE:
                return  # the last key may be one that cannot be asked for again
            last = rows[-1][: len(after)]
            _goes_on(tuple(after.values()), last)
            after = dict(zip(after, last, strict=True))

    def epochs(self, log: str) -> list[Columns]:
        """epoch, first, note."""
        return self.read(_EPOCHS, log=log)

    def envelope(self, log: str, seq: int) -> bytes | None:
        rows = self.read(_ENVELOPE, log=log, seq=seq)
        return rows[0][0] if rows else None

    def records(self, log: str, promised: int) -> Iterator[Page]:
        """seq, envelope, leaf, chain, then the search columns. promised: how far to look past what cannot be read."""
        after = _BEFORE_ALL
        while True:
            page = Page([], {})
            try:
                page.rows = self.read(_RECORDS, log=log, after=after, count=PAGE)
                at_end = len(page.rows) < PAGE
                last = _AFTER_ALL if at_end else page.rows[-1][0]
            except DAMAGE:
                last, at_end = self._one_by_one(page, log, after, promised)
            self._payloads(page, log, after, last)
            yield page
            if at_end:
                return
            _goes_on((after,), (last,))
            after = last

    def _one_by_one(self, page: Page, log: str, after: int, promised: int) -> tuple[int, bool]:
        """Fills a page around what cannot be read. Returns the last number looked at, and whether it was the end."""
        for _ in range(PAGE):
            try:
                rows = self.read(_RECORDS, log=log, after=after, count=1)
            except DAMAGE as error:
                after = max(after, -1) + 1
                page.unreadable.append((after, f"the stored record cannot be read: {first_line(error)}"))
                if after + 1 >= promised:
                    return _AFTER_ALL, True
                continue
            if not rows:
                return _AFTER_ALL, True
            page.rows += rows
            after = rows[0][0]
        return after, False

    def _payloads(self, page: Page, log: str, after: int, last: int) -> None:
        while True:
            try:
                rows = self.read(_PAYLOADS, log=log, after=after, last=last, count=PAGE)
            except DAMAGE:
                rows = []
                for seq in [row[0] for row in page.rows if row[0] > after]:
                    try:
                        rows += self.read(_PAYLOADS, log=log, after=seq - 1, last=seq, count=1)
                    except DAMAGE as error:
                        page.payloads[seq] = first_line(error)
                page.payloads.update((row[0], row[1]) for row in rows)
                return
            page.payloads.update((row[0], row[1]) for row in rows)
            if len(rows) < PAGE or len(page.payloads) > 2 * PAGE:
                return
            _goes_on((after,), rows[-1][:1])
            after = rows[-1][0]

    def read(self, query: Any, **values: Any) -> list[Columns]:
        """Any query's rows, in this transaction."""
        if not self.is_postgres:
            return self._rows(query, values)
        with self._connection.begin_nested():  # so that one unreadable page does not end the snapshot
            return self._rows(query, values)

    def _rows(self, query: Any, values: dict[str, Any]) -> list[Columns]:
        """The driver's own tuples: there is nothing to convert, and millions of them."""
        with self._connection.execute(query, values) as result:
            return list(result.cursor.fetchall()) if result.cursor is not None else []


def _goes_on(after: Columns, last: Columns) -> None:
    """Raises sqlite3.DatabaseError where the last row of a page does not come after the page before."""
    fitting = all(isinstance(new, type(old)) for new, old in zip(last, after, strict=True))
    if not fitting or last <= after:
        raise sqlite3.DatabaseError(f"rows are stored out of order after {after[-1]!r}")


def _undecided(stored: bytes) -> str:
    """Text of SQLite, which may hold any bytes: what is not UTF-8 becomes half characters, which no genuine text has."""
    return stored.decode("utf-8", "surrogateescape")


def first_line(error: Exception) -> str:
    """The database's own words, without the statement."""
    lines = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
