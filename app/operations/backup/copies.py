"""Consistent copies of a database that is in use, and putting them back; SQLite by its pages, PostgreSQL by its rows.

Invariant: a copy is one state of the database, at one moment, while others write; writers do not wait for it.
PostgreSQL is copied with COPY inside one REPEATABLE READ transaction, through the driver that the service has anyway:
pg_dump need not be installed, nor be of the server's version, and a role that may only read the tables is enough.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, MetaData, Table, inspect
from sqlalchemy.engine import make_url

from app.operations.errors import BackupError
from audit.database.engine import create_engine_for

SQLITE = "database.sqlite"
_ROWS = ".rows"
_BLOCK = 1 << 20


def copy_database(url: str, tables: list[Table], folder: Path) -> None:
    """Writes the copy into `folder`, which exists. Raises BackupError."""
    if (path := sqlite_path(url)) is not None:
        _copy_sqlite(path, folder / SQLITE)
    else:
        with _postgres(url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            for table in tables:
                _copy_rows(connection, table, folder / f"{table.name}{_ROWS}")


def restore_database(url: str, tables: list[Table], folder: Path) -> None:
    """Into an empty, migrated PostgreSQL database, as its tables' owner, or as the SQLite file. Raises BackupError."""
    path = sqlite_path(url)
    if (path is not None) != (folder / SQLITE).is_file():
        raise BackupError(
            f"{folder} is a copy of the other kind of database: restore it into the kind that it was made from"
        )
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        for beside in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            beside.unlink(missing_ok=True)
        _copy_sqlite(folder / SQLITE, path)
        return
    with _postgres(url) as connection, connection.transaction():
        # The log's guards admit rows one after the other only. Its owner lifts them inside this transaction, which nobody
        # else sees, and a full verification follows.
        for table in tables:
            _guarded(connection, table, lifted=True)
        for table in tables:
            _restore_rows(connection, table, folder / f"{table.name}{_ROWS}")
        for table in tables:
            _guarded(connection, table, lifted=False)


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL, None for PostgreSQL."""
    parsed = make_url(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def is_empty(url: str, metadata: MetaData) -> bool:
    """Whether none of these tables is there, or none has a row. Creates nothing."""
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        return True
    engine = create_engine_for(url)
    try:
        return not any(_has_rows(engine, table) for table in metadata.sorted_tables)
    finally:
        engine.dispose()


def _has_rows(engine: Engine, table: Table) -> bool:
    if not inspect(engine).has_table(table.name):
        return False
    with engine.connect() as connection:
        return connection.execute(table.select().limit(1)).first() is not None


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's own backup in one step: one snapshot, and the write-ahead log's content with it."""
    if not source.is_file():
        raise BackupError(f"there is no database at {source}; nothing was copied")
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            closing(sqlite3.connect(source.absolute().as_uri() + "?mode=ro", uri=True, timeout=30)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing)
    except sqlite3.Error as error:
        raise BackupError(f"{source} could not be copied to {target}: {error}") from error
    with target.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def _postgres(url: str) -> Iterator[psycopg.Connection[Any]]:
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(address, connect_timeout=5) as connection:
            yield connection
    except psycopg.Error as error:
        raise BackupError(f"the database does not allow it: {' '.join(str(error).split())}") from error


def _copy_rows(connection: psycopg.Connection[Any], table: Table, path: Path) -> None:
    query = sql.SQL("COPY {} ({}) TO STDOUT (FORMAT BINARY)").format(sql.Identifier(table.name), _columns(table))
    with (
        open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file,
        connection.cursor() as cursor,
        cursor.copy(query) as rows,
    ):
        for block in rows:
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _restore_rows(connection: psycopg.Connection[Any], table: Table, path: Path) -> None:
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table.name), _columns(table))
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(query) as rows:
        while block := file.read(_BLOCK):
            rows.write(block)


def _guarded(connection: psycopg.Connection[Any], table: Table, *, lifted: bool) -> None:
    """Switches the table's triggers off, or on as audit.database.triggers made them: always, whatever a session asks for."""
    names = connection.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [f'"{table.name}"']
    ).fetchall()
    for (name,) in names:
        connection.execute(
            sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
                sql.Identifier(table.name), sql.SQL("DISABLE" if lifted else "ENABLE ALWAYS"), sql.Identifier(name)
            )
        )


def _columns(table: Table) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
