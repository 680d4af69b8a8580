"""One key per data subject, in a file of its own, so that a subject's events can be made unreadable one day.

What must stay true: a key is on disk before the first byte sealed with it leaves this file, and no key is ever on disk
unwrapped. The key store is never the log's database, nor in its backups: restoring the log must not undo an erasure.
Destroying keys comes with erasure; a process keeps opened keys in memory, so erasure must reach every process.
"""

import base64
import binascii
import os
import stat
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, LargeBinary, MetaData, Table, Text, insert, select
from sqlalchemy.exc import IntegrityError

from audit.engine import create_engine_for
from audit.errors import KeyMissing, KeyRefused, SealBroken

KEY_SIZE = 32
NONCE_SIZE = 12
KEPT_OPEN = 4096
_SEALED_V1 = b"\x01"
_CHECK = ""  # no subject is empty: this row proves that the key-encryption key is the right one

metadata = MetaData()
_subject_key = Table(
    "subject_key",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    sqlite_strict=True,
)


class SubjectKeys:
    """Seals and opens bodies for subjects. Thread-safe: `_lock` owns the keys kept open; the file owns the rest."""

    def __init__(self, url: str, kek: bytes) -> None:
        """url: `sqlite:///file`, apart from the log's database. Raises KeyRefused where `kek` is not this store's key."""
        if len(kek) != KEY_SIZE:
            raise KeyRefused(f"the key-encryption key has {len(kek)} bytes, not {KEY_SIZE}")
        self._kek = AESGCM(kek)
        self._engine = create_engine_for(url, secure_delete=True)
        self._open_keys: OrderedDict[str, AESGCM] = OrderedDict()
        self._lock = threading.Lock()
        metadata.create_all(self._engine)
        self._key(_CHECK, create=True)

    def seal(self, subject: str, plaintext: bytes, context: bytes = b"") -> bytes:
        """AES-256-GCM under the subject's key, made now if there is none. `context` must be given again to open."""
        nonce = os.urandom(NONCE_SIZE)
        key = self._key(subject, create=True)
        return _SEALED_V1 + nonce + key.encrypt(nonce, plaintext, _bound(subject, context))

    def open(self, subject: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Raises KeyMissing where the subject has no key, SealBroken where anything was altered or mixed up."""
        if sealed[:1] != _SEALED_V1:
            raise SealBroken(f"sealed body of subject {subject} has an unknown format: it was altered")
        key = self._key(subject, create=False)
        nonce, text = sealed[1 : 1 + NONCE_SIZE], sealed[1 + NONCE_SIZE :]
        try:
            return key.decrypt(nonce, text, _bound(subject, context))
        except (InvalidTag, ValueError):
            raise SealBroken(f"sealed body of subject {subject} was altered, or is another event's") from None

    def close(self) -> None:
        self._engine.dispose()

    def _key(self, subject: str, *, create: bool) -> AESGCM:
        with self._lock:
            if (known := self._open_keys.get(subject)) is not None:
                self._open_keys.move_to_end(subject)
                return known
            wrapped = self._stored(subject)
            if wrapped is None:
                if not create:
                    raise KeyMissing(f"subject {subject} has no key: its events can no longer be read")
                wrapped = self._created(subject)
            key = AESGCM(self._unwrap(subject, wrapped))
            self._open_keys[subject] = key
            if len(self._open_keys) > KEPT_OPEN:
                self._open_keys.popitem(last=False)
            return key

    def _stored(self, subject: str) -> bytes | None:
        with self._engine.connect() as connection:
            found: bytes | None = connection.scalar(select(_subject_key.c.wrapped).where(_subject_key.c.subject == subject))
            return found

    def _created(self, subject: str) -> bytes:
        nonce = os.urandom(NONCE_SIZE)
        wrapped = nonce + self._kek.encrypt(nonce, AESGCM.generate_key(KEY_SIZE * 8), _wrap_bound(subject))
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_subject_key).values(subject=subject, wrapped=wrapped))
        except IntegrityError:  # another process was first: its key is the subject's key
            theirs = self._stored(subject)
            if theirs is None:
                raise
            return theirs
        return wrapped

    def _unwrap(self, subject: str, wrapped: bytes) -> bytes:
        try:
            return self._kek.decrypt(wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:], _wrap_bound(subject))
        except (InvalidTag, ValueError):
            raise KeyRefused(
                f"the key-encryption key does not open {self._engine.url.database}"
                f"{f' (subject {subject})' if subject else ''}: give the key this store was made with"
            ) from None


def load_kek(path: Path, environ: Mapping[str, str] = os.environ, name: str = "COUNTERSIGN_KEK") -> bytes:
    """The key-encryption key from the environment (base64) where it is set, else from `path`, made with mode 0600 if absent.

    Raises KeyRefused where it is malformed, or where the file can be read by others.
    """
    if text := environ.get(name):
        return _decoded(text, f"environment variable {name}")
    if not path.exists():
        _create(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyRefused(f"{path} can be read by others (mode {mode:04o}): chmod 600 it, and replace the key if it leaked")
    return _decoded(path.read_text("ascii", "replace"), str(path))


def _create(path: Path) -> None:
    """Of two processes that start at once one wins, and neither ever sees half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_SIZE)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(made, path)
        except FileExistsError:
            return
    finally:
        os.unlink(made)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_SIZE:
        raise KeyRefused(f"{source} does not hold {KEY_SIZE} bytes in base64: make one with `openssl rand -base64 32`")
    return key


def _bound(subject: str, context: bytes) -> bytes:
    return b"countersign/body/v1\0" + subject.encode() + b"\0" + context


def _wrap_bound(subject: str) -> bytes:
    return b"countersign/subject-key/v1\0" + subject.encode()
