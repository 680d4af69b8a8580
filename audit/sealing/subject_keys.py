"""One key per data subject, in a store of its own, so that a subject's events can be made unreadable one day.

Invariant: a key is on disk before the first byte sealed with it leaves this file, and no key is ever on disk
unwrapped. A destroyed key opens nothing any more, in any process, within a second: each gives up the keys that it kept.
The key store is never the log's database, nor in its backups: restoring the log must not undo an erasure.

A sealed body names its key. A destroyed key leaves a tombstone, so that "erased" is told apart from "altered" and from
"lost"; a subject who comes back after an erasure gets a new key, and the old events stay unreadable.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PoolProxiedConnection,
    Table,
    Text,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from audit.database.engine import create_engine_for, writing
from audit.errors import KeyDestroyed, KeyMissing, KeyRefused, SealBroken
from audit.sealing.kek import KEY_SIZE

NONCE_SIZE = 12
ID_SIZE = 8
KEPT_OPEN = 4096
LOOK_EVERY_S = {"sqlite": 0.005, "postgresql": 0.25}
"""A use after this long asks the store whether a key was destroyed: microseconds on SQLite, a round trip on PostgreSQL."""
NEVER_OLDER_S = 0.5  # while one thread asks, others go on with the keys they have, but not with what was known longer ago
FIRM = "firm:"
"""Subjects that stand for a tenant itself. What is sealed for them (holds, retention, erasures) cannot be erased."""
STAFF = "staff:"
"""Subjects that stand for those who work with the log. What is sealed for them (who looked, and why) cannot be erased."""
KEPT = (FIRM, STAFF)
_SEALED_V2 = b"\x02"
_BODY_AT = 1 + ID_SIZE + NONCE_SIZE
_CHECK = ""  # no subject is empty: this row proves that the key-encryption key is the right one
_LOCK = 0x4B657973  # "Keys", any constant that all processes share

metadata = MetaData()
_number = BigInteger().with_variant(Integer, "sqlite")
_key = Table(
    "sealing_key",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("generation", _number, primary_key=True, autoincrement=False),
    Column("id", LargeBinary, nullable=False),
    Column("wrapped", LargeBinary),  # none: destroyed
    Column("destroyed", _number, unique=True),  # ordinal of this destruction within the store: each one shows
    sqlite_strict=True,
)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """keys: SHA-256 of the ids of the keys destroyed now, in hex.

    scrubbed: their bytes were overwritten in the store's files. On PostgreSQL its write-ahead log may keep them, wrapped.
    """

    keys: tuple[str, ...]
    scrubbed: bool


@dataclass(frozen=True, slots=True)
class _Key:
    id: bytes
    cipher: AESGCM


class SubjectKeys:
    """Seals and opens bodies for subjects. Thread-safe; the store owns the keys.

    `_lock` owns the ones kept open, but a key that is kept is used without it: under load all threads would queue there
    whenever one of them asks the store.
    """

    def __init__(self, url: str, kek: bytes) -> None:
        """url: `sqlite:///file` or `postgresql+psycopg://…`, apart from the log's database.

        Raises KeyRefused where `kek` is not this store's key.
        """
        if len(kek) != KEY_SIZE:
            raise KeyRefused(f"the key-encryption key has {len(kek)} bytes, not {KEY_SIZE}")
        self._kek = AESGCM(kek)
        self._engine = create_engine_for(url, secure_delete=True)
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._look_every = LOOK_EVERY_S[self._engine.dialect.name]
        self._open_keys: dict[tuple[str, bytes], _Key] = {}  # by subject and id; b"": the one that seals
        self._lock = threading.Lock()
        self._watch: PoolProxiedConnection | None = None
        self._ask: Callable[[str], sqlite3.Cursor]
        self._version = self._destructions = 0
        self._looked = float("-inf")
        with writing(self._engine) as connection:  # of two processes that start at once one makes the table
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            metadata.create_all(connection)
        self._own_key(_CHECK)

    def seal(self, subject: str, plaintext: bytes, context: bytes = b"") -> bytes:
        """AES-256-GCM under the subject's key, made now if there is none. `context` must be given again to open."""
        nonce = os.urandom(NONCE_SIZE)
        key = self._own_key(subject)
        return _SEALED_V2 + key.id + nonce + key.cipher.encrypt(nonce, plaintext, _bound(subject, key.id, context))

    def open(self, subject: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Raises KeyDestroyed where the key was destroyed, KeyMissing where the store has never had one for the subject,
        SealBroken where anything was altered or mixed up."""
        if sealed[:1] != _SEALED_V2 or len(sealed) < _BODY_AT:
            raise SealBroken(f"sealed body of subject {subject} has an unknown format: it was altered")
        key = self._named_key(subject, sealed[1 : 1 + ID_SIZE])
        try:
            return key.cipher.decrypt(sealed[1 + ID_SIZE : _BODY_AT], sealed[_BODY_AT:], _bound(subject, key.id, context))
        except (InvalidTag, ValueError):
            raise SealBroken(f"sealed body of subject {subject} was altered, or is another event's") from None

    def destroy(self, subject: str) -> Destroyed:
        """Makes everything sealed for the subject so far unreadable for good. Repeating it is harmless.

        Raises KeyRefused for the firm's own subject and for those who work with the log.
        """
        if subject == _CHECK or subject.startswith(KEPT):
            raise KeyRefused(
                f"subject {subject!r} is the firm itself, or works with its log: these keys keep holds, erasures and looks"
                " readable, and stay"
            )
        with self._lock:
            with writing(self._engine) as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                at = connection.scalar(select(func.coalesce(func.max(_key.c.destroyed), 0)))
                found = connection.execute(
                    select(_key.c.generation, _key.c.id).where(_key.c.subject == subject, _key.c.wrapped.is_not(None))
                ).all()
                for number, row in enumerate(found, int(at or 0) + 1):
                    connection.execute(
                        update(_key)
                        .where(_key.c.subject == subject, _key.c.generation == row.generation)
                        .values(wrapped=None, destroyed=number)
                    )
            self._open_keys.clear()
            return Destroyed(tuple(sha256(row.id).hexdigest() for row in found), self._scrub())

    def has_key(self, subject: str) -> bool:
        """Whether anything sealed for the subject can still be opened."""
        return self._stored(subject) is not None

    def close(self) -> None:
        with self._lock:
            self._open_keys.clear()
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._engine.dispose()

    def _own_key(self, subject: str) -> _Key:
        """The key that seals for the subject now."""
        if (known := self._at_hand(subject, b"")) is not None:
            return known
        with self._lock:
            if (known := self._kept(subject, b"")) is not None:
                return known
            row = self._stored(subject) or self._created(subject)
            return self._keep(subject, b"", _Key(row[0], AESGCM(self._unwrap(subject, *row))))

    def _named_key(self, subject: str, key_id: bytes) -> _Key:
        if (known := self._at_hand(subject, key_id)) is not None:
            return known
        with self._lock:
            if (known := self._kept(subject, key_id)) is not None:
                return known
            with self._engine.connect() as connection:
                rows = connection.execute(select(_key.c.id, _key.c.wrapped).where(_key.c.subject == subject)).all()
            if not rows:
                raise KeyMissing(f"subject {subject} has no key in this key store: was it lost, or replaced?")
            named = [row for row in rows if row.id == key_id]
            if not named:
                raise SealBroken(f"sealed body of subject {subject} names a key that the subject never had: it was altered")
            if named[0].wrapped is None:
                raise KeyDestroyed(f"the key of subject {subject} was destroyed: what it sealed can no longer be read")
            return self._keep(subject, key_id, _Key(key_id, AESGCM(self._unwrap(subject, key_id, named[0].wrapped))))

    def _at_hand(self, subject: str, key_id: bytes) -> _Key | None:
        """A kept key, without waiting for another thread."""
        age = time.monotonic() - self._looked
        if age >= self._look_every:
            if self._lock.acquire(blocking=False):
                try:
                    return self._kept(subject, key_id)
                finally:
                    self._lock.release()
            if age >= NEVER_OLDER_S:
                return None
        return self._open_keys.get((subject, key_id))

    def _kept(self, subject: str, key_id: bytes) -> _Key | None:
        if self._was_one_destroyed():
            self._open_keys.clear()
        return self._open_keys.get((subject, key_id))

    def _keep(self, subject: str, key_id: bytes, key: _Key) -> _Key:
        self._open_keys[subject, key_id] = key
        if len(self._open_keys) > KEPT_OPEN:
            del self._open_keys[next(iter(self._open_keys))]
        return key

    def _was_one_destroyed(self) -> bool:
        """Whether a process has destroyed a key since the last look."""
        now = time.monotonic()
        if now - self._looked < self._look_every:
            return False
        grown = self._destructions_grown()
        self._looked = now  # only now: threads that do not wait for this one go by it
        return grown

    def _destructions_grown(self) -> bool:
        if self._sqlite:
            version = self._asked("data_version")[0]
            if version == self._version:
                return False  # nobody has written anything
            self._version = version
        with self._engine.connect() as connection:
            count = connection.scalar(select(func.max(_key.c.destroyed))) or 0
        grown, self._destructions = count != self._destructions, count
        return grown

    def _asked(self, pragma: str) -> tuple[int, ...]:
        """A pragma's answer on a connection that never holds a transaction open."""
        try:
            if self._watch is None:
                self._watch = self._engine.raw_connection()  # not the pool's again until close
                self._ask = self._watch.driver_connection.execute  # type: ignore[union-attr]
            return tuple(self._ask(f"PRAGMA {pragma}").fetchone() or ())
        except sqlite3.Error as error:
            raise KeyRefused(f"the key store {self._engine.url.database} cannot be read: {error}") from error

    def _scrub(self) -> bool:
        """Overwrites what was deleted: SQLite has zeroed the row (secure_delete); its write-ahead log is emptied here."""
        if self._sqlite:
            busy = self._asked("wal_checkpoint(TRUNCATE)")[0]
            return not busy
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM FULL sealing_key"))
        return False

    def _stored(self, subject: str) -> tuple[bytes, bytes] | None:
        living = select(_key.c.id, _key.c.wrapped).where(_key.c.subject == subject, _key.c.wrapped.is_not(None))
        with self._engine.connect() as connection:
            row = connection.execute(living).first()
        return (row.id, row.wrapped) if row else None

    def _created(self, subject: str) -> tuple[bytes, bytes]:
        key_id, nonce = os.urandom(ID_SIZE), os.urandom(NONCE_SIZE)
        wrapped = nonce + self._kek.encrypt(nonce, AESGCM.generate_key(KEY_SIZE * 8), _wrap_bound(subject, key_id))
        try:
            with writing(self._engine) as connection:
                last = connection.scalar(select(func.max(_key.c.generation)).where(_key.c.subject == subject)) or 0
                if theirs := connection.execute(
                    select(_key.c.id, _key.c.wrapped).where(_key.c.subject == subject, _key.c.wrapped.is_not(None))
                ).first():
                    return theirs.id, theirs.wrapped
                connection.execute(insert(_key).values(subject=subject, generation=last + 1, id=key_id, wrapped=wrapped))
        except IntegrityError:  # another process was first: its key is the subject's key
            if (found := self._stored(subject)) is None:
                raise
            return found
        return key_id, wrapped

    def _unwrap(self, subject: str, key_id: bytes, wrapped: bytes) -> bytes:
        try:
            return self._kek.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], _wrap_bound(subject, key_id))
        except (InvalidTag, ValueError):
            raise KeyRefused(
                f"the key-encryption key does not open {self._engine.url.database}"
                f"{f' (subject {subject})' if subject else ''}: give the key this store was made with"
            ) from None


def _bound(subject: str, key_id: bytes, context: bytes) -> bytes:
    return b"countersign/body/v2\0" + key_id + subject.encode() + b"\0" + context


def _wrap_bound(subject: str, key_id: bytes) -> bytes:
    return b"countersign/subject-key/v2\0" + key_id + subject.encode()
