"""Opens a database so that what it acknowledges is on disk.

Invariant: every connection of an engine made here is durable on commit (SQLite: WAL with synchronous=FULL;
PostgreSQL: fsync and synchronous_commit on), and on SQLite cannot change the audit tables' rules from inside the service.

SQLite transactions: one that starts with a SELECT begins deferred and does not wait for writers; any other begins IMMEDIATE.
A transaction that reads first and writes later must ask for the write lock up front: use `writing(engine)`.
Only the log's writer checkpoints the WAL; other connections have automatic checkpoints off (SQLite before 3.51.3 can
damage a WAL that several connections reset at once).
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url

from audit.database.tables import TABLES
from audit.errors import StoreRefused

BUSY_TIMEOUT_S = 10.0
IMMEDIATE = "countersign_begin_immediate"
_READS = ("SELECT", "WITH", "EXPLAIN", "PRAGMA", "VALUES")
_PRAGMAS = frozenset(
    [
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "foreign_key_check",
        "foreign_keys",
        "integrity_check",
        "quick_check",
        "page_count",
        "page_size",
        "max_page_count",
        "freelist_count",
        "data_version",
        "user_version",
        "compile_options",
        "optimize",
        "busy_timeout",
        "wal_checkpoint",
        "database_list",
        "encoding",
    ]
)


def create_engine_for(url: str | URL, *, secure_delete: bool = False) -> Engine:
    """An engine for `sqlite:///file` or `postgresql+psycopg://…`. secure_delete: overwrite what is deleted (key stores).

    Raises StoreRefused where the database could lose acknowledged commits; that may also happen at the first connection.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed, secure_delete)
        case "postgresql":
            return _postgres(parsed)
        case other:
            raise StoreRefused(f"database {other!r} is not supported: use sqlite:///file or postgresql+psycopg://…")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds SQLite's write lock from its start: what it reads cannot change before it writes."""
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection, connection.begin():
        yield connection


def checkpoint_here(connection: Any) -> None:
    """Lets this SQLite connection, the log writer's, copy the WAL into the database from time to time."""
    connection.set_authorizer(None)
    connection.execute("PRAGMA wal_autocheckpoint=1000")
    connection.set_authorizer(_authorize)


def durability_problem(settings: Mapping[str, str]) -> str | None:
    """Which PostgreSQL server setting could lose acknowledged commits, or None. synchronous_commit is set per connection."""
    for name in ("fsync", "full_page_writes"):
        if settings[name] != "on":
            return f"PostgreSQL runs with {name} = {settings[name]}: acknowledged events could be lost; turn it on"
    return None


def _sqlite(url: URL, secure_delete: bool) -> Engine:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreRefused(f"{url}: the audit log needs a file on disk, like sqlite:///var/countersign.db")
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _open(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver's guess
        _use_wal(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=0", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        if secure_delete:
            connection.execute("PRAGMA secure_delete=ON")
        connection.set_authorizer(_authorize)

    @event.listens_for(engine, "before_cursor_execute")
    def _begin(connection: Connection, cursor: sqlite3.Cursor, statement: str, *_rest: Any) -> None:
        options = connection.get_execution_options()
        if cursor.connection.in_transaction or options.get("isolation_level") == "AUTOCOMMIT":
            return
        immediate = options.get(IMMEDIATE) or not statement.lstrip()[:7].upper().startswith(_READS)
        cursor.connection.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two processes that open a new file at once may meet a lock that SQLite's own busy handler does not wait for."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
            continue
        if mode != "wal":
            raise StoreRefused(f"SQLite keeps journal_mode={mode} here: put the file on a local disk that supports WAL")
        return


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
    """Refuses, when a statement is prepared, what no part of the service ever needs. Triggers stand behind this."""
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if (first or "").lower() in _PRAGMAS else sqlite3.SQLITE_DENY
    if action in (sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE) and first in TABLES:
        moves_head = action == sqlite3.SQLITE_UPDATE and first == "audit_log_head"
        return sqlite3.SQLITE_OK if moves_head else sqlite3.SQLITE_DENY
    if action in (sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_TRIGGER, sqlite3.SQLITE_DROP_INDEX):
        return sqlite3.SQLITE_DENY if (first or "").startswith("audit_") or second in TABLES else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_ALTER_TABLE and second in TABLES:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_ATTACH:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _postgres(url: URL) -> Engine:
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, connect_args={"connect_timeout": 5})

    @event.listens_for(engine, "connect")
    def _open(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
            )
            settings = dict(cursor.fetchall())
            if problem := durability_problem(settings):
                raise StoreRefused(problem)
            if settings["synchronous_commit"] in ("off", "local"):
                cursor.execute("SET synchronous_commit = on")
        connection.commit()

    return engine
