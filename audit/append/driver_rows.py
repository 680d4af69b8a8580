"""Driver-level inserts for the sequencer: executemany on SQLite, COPY and pipelines on PostgreSQL.

Invariant: the rows go through the tables' guards like any others, in order, inside the caller's transaction, and
what the driver raises arrives as SQLAlchemy's error. Column names stand here once; audit.database.tables says
what they mean.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

LOCK_TIMEOUT_S = 5
COPIED_FROM = 12  # rows: COPY takes two round trips, and from here on saves more than they cost

_COLUMNS = {
    "audit_record": {
        "log": "text", "seq": "int8", "event_id": "text", "kind": "text", "query": "text", "conversation": "text",
        "actor": "text", "subject": "text", "ts": "int8", "bot": "text", "verdict": "text", "outcome": "text",
        "envelope": "bytea", "leaf": "bytea", "chain": "bytea",
    },
    "audit_payload": {"log": "text", "seq": "int8", "sealed": "bytea"},
    "audit_tile": {"log": "text", "idx": "int8", "hashes": "bytea"},
    "audit_batch": {"log": "text", "first": "int8", "size": "int8", "root": "bytea"},
}  # fmt: skip
_HEADS = "SELECT log, size, chain, root, peaks FROM audit_log_head WHERE log"
_MOVE_HEAD = "UPDATE audit_log_head SET size = {0}, chain = {0}, root = {0}, peaks = {0} WHERE log = {0}"
Row = tuple[Any, ...]


@dataclass(slots=True)
class Rows:
    """One batch, in the order of the columns above. heads: size, chain, root, peaks, log."""

    records: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    tiles: list[Row] = field(default_factory=list)
    batches: list[Row] = field(default_factory=list)
    heads: list[Row] = field(default_factory=list)

    def inserts(self) -> Iterator[tuple[str, list[Row]]]:
        """Table and rows, records first: the others' guards look for them."""
        for table, rows in zip(_COLUMNS, (self.records, self.payloads, self.tiles, self.batches), strict=True):
            if rows:
                yield table, rows


class Store(Protocol):
    def lock(self, logs: Sequence[str]) -> list[Row]:
        """Locks the heads of `logs` until the transaction ends. Returns log, size, chain, root, peaks of each."""

    def add(self, rows: Rows) -> None: ...


def store_on(connection: Connection) -> Store:
    return PostgresStore(connection) if connection.dialect.name == "postgresql" else SqliteStore(connection)


class SqliteStore:
    """On a connection whose transactions begin IMMEDIATE: the lock is the database's write lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, logs: Sequence[str]) -> list[Row]:
        query = f"{_HEADS} IN ({', '.join('?' * len(logs))})"
        return [tuple(row) for row in self._connection.exec_driver_sql(query, tuple(logs))]

    def add(self, rows: Rows) -> None:
        for table, those in rows.inserts():
            self._connection.exec_driver_sql(_SQLITE_INSERTS[table], those)
        self._connection.exec_driver_sql(_MOVE_HEAD.format("?"), rows.heads)


class PostgresStore:
    """Statements go out in pipelines, many rows by COPY. The roles need INSERT and SELECT for it, and no more."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self, logs: Sequence[str]) -> list[Row]:
        with _translated(), self._driver.cursor() as cursor:
            with self._driver.pipeline():
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
                cursor.execute(f"{_HEADS} = ANY(%s) ORDER BY log FOR UPDATE", [list(logs)])
            return cursor.fetchall()

    def add(self, rows: Rows) -> None:
        with _translated(), self._driver.cursor() as cursor:
            later = []
            for table, those in rows.inserts():
                if len(those) < COPIED_FROM:
                    later.append((_POSTGRES_INSERTS[table], those))
                    continue
                with cursor.copy(_COPIES[table]) as copy:
                    copy.set_types(list(_COLUMNS[table].values()))
                    for row in those:
                        copy.write_row(row)
            with self._driver.pipeline():
                for statement, those in [*later, (_MOVE_HEAD.format("%s"), rows.heads)]:
                    for row in those:
                        cursor.execute(statement, row)

    @property
    def _driver(self) -> psycopg.Connection[Row]:
        return self._connection.connection.driver_connection  # type: ignore[return-value]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError(None, None, error) from error


def _inserts(mark: list[str]) -> dict[str, str]:
    return {
        table: f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(mark * len(columns))})"  # noqa: S608
        for table, columns in _COLUMNS.items()
    }


_SQLITE_INSERTS = _inserts(["?"])
_POSTGRES_INSERTS = _inserts(["%s"])
_COPIES = {table: f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)" for table, columns in _COLUMNS.items()}
