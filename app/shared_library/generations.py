"""Generations of a tenant's library in PostgreSQL, for service replicas and ingests on several machines.

A generation is a row that names its files, and files are pieces that are stored once, by the SHA-256 of their content.
Invariant: a generation is visible with all its pieces or not at all, and what a replica writes to its disk is what the
digests say.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from app.shared_library.tables import library_generation as generations
from app.shared_library.tables import library_piece as pieces
from retrieval.durable import sync_folder
from retrieval.types import LibraryBusy, LibraryDamaged

PIECE = 4 << 20
"""Bytes of a piece: small enough for a statement's parameter, large enough for few rows."""
_KEPT = 2  # generations: a replica may be fetching the one before just now
_NAMED = re.compile(r"[a-z0-9]+\.[a-z0-9]+")
_PUBLISHING = (
    0x636F756E6C696272  # one publication at a time, whoever's: pieces are shared, and the last user of one drops it
)


@dataclass(frozen=True)
class Published:
    """What the database says of the generation in force. lacking: pieces that it names and the database does not hold."""

    name: str
    published: datetime
    size: int
    lacking: int


class PostgresGenerations:
    """Implements `retrieval.index.shared.Shared`. Thread-safe: each call has a connection of its own."""

    def __init__(self, engine: Engine, tenant: str) -> None:
        self._engine, self._tenant = engine, tenant

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """A lock of the server, held by a connection: it is free as soon as its holder's connection ends."""
        key = int.from_bytes(hashlib.sha256(f"library of {self._tenant}".encode()).digest()[:8], signed=True)
        deadline = time.monotonic() + timeout
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not connection.scalar(select(func.pg_try_advisory_lock(literal(key)))):
                if time.monotonic() >= deadline:
                    raise LibraryBusy(
                        f"the library of {self._tenant}: an ingest on another machine has held the lock for {timeout:.0f} "
                        "s; wait for it and try again"
                    )
                time.sleep(0.2)
            try:
                yield
            finally:
                connection.scalar(select(func.pg_advisory_unlock(literal(key))))

    def newest(self) -> str:
        """Raises SQLAlchemyError."""
        with self._engine.connect() as connection:
            return self._newest(connection)[1]

    def published(self) -> Published | None:
        """The generation in force, without fetching it; None while there is none. Raises SQLAlchemyError."""
        with self._engine.connect() as connection:
            number, name = self._newest(connection)
            if not number:
                return None
            wanted = (generations.c.tenant == self._tenant) & (generations.c.number == number)
            row = connection.execute(select(generations.c.files, generations.c.published).where(wanted)).one()
            named = {digest for file in row.files for digest in file["pieces"]}
            held = select(pieces.c.digest, func.length(pieces.c.content)).where(pieces.c.digest.in_(named))
            sizes: dict[str, int] = dict(connection.execute(held).tuples().all())
        return Published(name, row.published.astimezone(UTC), sum(sizes.values()), len(named - sizes.keys()))

    def fetch(self, name: str, folder: Path) -> None:
        """Raises LibraryDamaged, SQLAlchemyError."""
        with self._engine.connect() as connection:
            wanted = (generations.c.tenant == self._tenant) & (generations.c.name == name)
            files = connection.scalar(select(generations.c.files).where(wanted))
            if files is None:
                raise LibraryDamaged(
                    f"the shared library has no generation {name} any more; the next look finds a newer one"
                )
            for file in files:
                _fetch_file(connection, file, folder)
        sync_folder(folder)

    def publish(self, name: str, folder: Path, *, after: str, forget: bool) -> None:
        """Raises LibraryBusy, SQLAlchemyError."""
        with self._engine.begin() as connection:
            connection.execute(select(func.pg_advisory_xact_lock(literal(_PUBLISHING))))
            number, newest = self._newest(connection)
            if newest != after:
                raise LibraryBusy(f"the library of {self._tenant} was changed by another machine meanwhile; try again")
            files = [_put_file(connection, path) for path in sorted(folder.iterdir())]
            row = {"tenant": self._tenant, "number": number + 1, "name": name, "files": files}
            connection.execute(generations.insert(), {**row, "published": datetime.now(UTC)})
            kept = number + 1 if forget else number + 2 - _KEPT
            own = (generations.c.tenant == self._tenant) & (generations.c.number < kept)
            connection.execute(delete(generations).where(own))
            _drop_unused(connection)

    def _newest(self, connection: Connection) -> tuple[int, str]:
        """The number and the name of the generation in force; (0, '') where there is none."""
        query = (
            select(generations.c.number, generations.c.name)
            .where(generations.c.tenant == self._tenant)
            .order_by(generations.c.number.desc())
        )
        row = connection.execute(query.limit(1)).first()
        return (int(row.number), str(row.name)) if row is not None else (0, "")


def _put_file(connection: Connection, path: Path) -> dict[str, Any]:
    """Stores the pieces that are not there yet; returns what the generation says of the file."""
    whole, digests = hashlib.sha256(), []
    with open(path, "rb") as file:
        while content := file.read(PIECE):
            whole.update(content)
            digest = hashlib.sha256(content).hexdigest()
            digests.append(digest)
            if connection.scalar(select(pieces.c.digest).where(pieces.c.digest == digest)) is None:
                connection.execute(insert(pieces).values(digest=digest, content=content).on_conflict_do_nothing())
    return {"name": path.name, "digest": whole.hexdigest(), "pieces": digests}


def _fetch_file(connection: Connection, file: dict[str, Any], folder: Path) -> None:
    name = str(file["name"])
    if not _NAMED.fullmatch(name):
        raise LibraryDamaged(f"the shared library names a file {name[:60]!r}, which no generation has")
    whole = hashlib.sha256()
    with open(folder / name, "wb") as out:
        for digest in file["pieces"]:
            content = connection.scalar(select(pieces.c.content).where(pieces.c.digest == digest))
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                raise LibraryDamaged(f"a piece of the shared library's {name} is missing or is not what its digest says")
            whole.update(content)
            out.write(content)
        out.flush()
        os.fsync(out.fileno())
    if whole.hexdigest() != file["digest"]:
        raise LibraryDamaged(f"the shared library's {name} is not what its digest says")


def _drop_unused(connection: Connection) -> None:
    """Pieces that no generation of any tenant names."""
    connection.execute(
        text(
            "DELETE FROM library_piece WHERE digest NOT IN (SELECT piece FROM library_generation,"
            " json_array_elements(files) AS file, json_array_elements_text(file -> 'pieces') AS piece)"
        )
    )
