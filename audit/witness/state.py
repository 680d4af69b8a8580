"""A witness' memory: one file that knows the last checkpoint cosigned for each log, and every contradiction it was shown.

Invariant: checking and recording are one step, and a cosignature leaves only after what it vouches for is on
disk. A witness that forgot would cosign a rewritten log, so a lost or damaged file stops it. Plain sqlite3, no ORM: a
witness runs on a machine that has nothing else of Countersign.
"""

import logging
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from audit.errors import KeyRefused, NoteRefused, WitnessStopped
from audit.format.notes import COSIGNATURE, Checkpoint, Note, SecretKey, Signature
from audit.whole_file import write_whole
from audit.witness.rules import Offer, Refused, WitnessTrust, judge, origin_hash, screen

MAX_LOGS = 10_000
MAX_EVIDENCE = 100  # for each log: enough for a court, and no way to fill the disk
_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS latest (
    origin TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, note TEXT NOT NULL,
    time INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS evidence (
    id INTEGER PRIMARY KEY, origin TEXT NOT NULL, time INTEGER NOT NULL, reason TEXT NOT NULL,
    held TEXT NOT NULL, offered TEXT NOT NULL, UNIQUE (origin, held, offered)) STRICT;
CREATE TRIGGER IF NOT EXISTS latest_grows BEFORE UPDATE ON latest
    WHEN NEW.size < OLD.size OR NEW.origin <> OLD.origin BEGIN SELECT RAISE(ABORT, 'a cosigned log never shrinks'); END;
CREATE TRIGGER IF NOT EXISTS latest_stays BEFORE DELETE ON latest
    BEGIN SELECT RAISE(ABORT, 'a cosigned log is never forgotten'); END;
CREATE TRIGGER IF NOT EXISTS evidence_stays BEFORE DELETE ON evidence
    BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;
"""


@dataclass(frozen=True, slots=True)
class HeldCheckpoint:
    """What is held of a log: its checkpoint with the log's signatures and this witness' own; time in seconds since 1970."""

    checkpoint: Checkpoint
    note: Note
    time: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two notes of one log, both signed by it, of which the second does not continue the first."""

    origin: str
    time: int
    reason: str
    held: str
    offered: str


class Witness:
    """Answers offers. Thread-safe: `_lock` owns the file, and is held from the check until the record is on disk."""

    def __init__(self, folder: Path, trust: WitnessTrust, *, name: str = "", clock: Callable[[], float] = time.time) -> None:
        """Raises WitnessStopped where another process has the folder, or the folder lost its memory."""
        self._key, self.trust, self._clock = witness_key(folder, name), trust, clock
        self._lock = threading.Lock()
        self._file = _opened(folder / "state.db", new=False)

    @property
    def key(self) -> SecretKey:
        return self._key

    def add_checkpoint(self, body: bytes) -> Signature | Refused:
        """Raises sqlite3.Error where the record could not be written; then nothing was vouched for."""
        try:
            offer = Offer.parse(body)
        except NoteRefused as error:
            return Refused(HTTPStatus.BAD_REQUEST, str(error))
        origin = offer.checkpoint.origin
        keys = self.trust.keys_of(origin)
        if refused_early := screen(offer, keys):
            return refused_early
        by_log = tuple(one for one in offer.note.signatures if any(key.made(one) for key in keys))
        note = Note(offer.note.text, by_log)
        with self._lock, self._file:
            held = self._held(origin)
            refused = judge(offer, held.checkpoint if held else None)
            if refused is None and held is None and self._count("latest") >= MAX_LOGS:
                return Refused(HTTPStatus.FORBIDDEN, f"this witness knows {MAX_LOGS} logs, as many as it will")
            now = int(self._clock())
            if refused is not None:
                if refused.evidence:
                    self._keep(origin, now, refused.reason, held, note)
                return refused
            mine = self._key.sign_at(note.text, now)
            self._file.execute(
                "INSERT INTO latest VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE"
                " SET size = excluded.size, note = excluded.note, time = excluded.time",
                (origin, origin_hash(origin), offer.checkpoint.size, note.plus([mine]).dump(), now),
            )
        if held is None:
            _log.warning("first checkpoint of %s, size %d: taken at its word", ascii(origin), offer.checkpoint.size)
        return mine

    def held(self, origin: str) -> HeldCheckpoint | None:
        with self._lock:
            return self._held(origin)

    def held_by_hash(self, digest: str) -> HeldCheckpoint | None:
        """digest: as `origin_hash` makes it."""
        with self._lock:
            row = self._file.execute("SELECT note, time FROM latest WHERE hash = ?", (digest,)).fetchone()
        return _kept(*row) if row else None

    def logs(self) -> list[HeldCheckpoint]:
        with self._lock:
            rows = self._file.execute("SELECT note, time FROM latest ORDER BY origin").fetchall()
        return [_kept(*row) for row in rows]

    def evidence(self) -> list[Evidence]:
        with self._lock:
            rows = self._file.execute("SELECT origin, time, reason, held, offered FROM evidence ORDER BY id").fetchall()
        return [Evidence(*row) for row in rows]

    def counts(self) -> tuple[int, int]:
        """Logs held, and pieces of evidence kept."""
        with self._lock:
            return self._count("latest"), self._count("evidence")

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def _held(self, origin: str) -> HeldCheckpoint | None:
        row = self._file.execute("SELECT note, time FROM latest WHERE origin = ?", (origin,)).fetchone()
        return _kept(*row) if row else None

    def _keep(self, origin: str, now: int, reason: str, held: HeldCheckpoint | None, offered: Note) -> None:
        self._file.execute(
            "INSERT OR IGNORE INTO evidence (origin, time, reason, held, offered) SELECT ?, ?, ?, ?, ?"
            " WHERE (SELECT count(*) FROM evidence WHERE origin = ?) < ?",
            (origin, now, reason, held.note.dump() if held else "", offered.dump(), origin, MAX_EVIDENCE),
        )

    def _count(self, table: str) -> int:
        return int(self._file.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own names


def witness_key(folder: Path, name: str = "") -> SecretKey:
    """The key of the witness in `folder`; a new folder gets a key named `name` and an empty memory.

    Raises WitnessStopped where the memory is gone, KeyRefused where the key is readable by others, malformed, or has
    another name than the one asked for.
    """
    path, state = folder / "key", folder / "state.db"
    if not path.exists():
        _make(folder, name)
    if not state.exists():
        raise WitnessStopped(
            f"{state} is gone, and with it what this witness cosigned; put it back, or begin with a new key in a new folder"
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyRefused(f"{path} can be read by others than its owner; if nobody has: chmod 600 {path}")
    try:
        key = SecretKey.parse(path.read_text("utf-8"))
    except (NoteRefused, UnicodeDecodeError) as error:
        raise KeyRefused(f"{path}: {error}") from None
    if key.key.algorithm != COSIGNATURE:
        raise KeyRefused(f"{path} holds a log's key; a witness needs one of its own: give it a new folder")
    if name and key.key.name != name:
        raise KeyRefused(f"{path} is named {key.key.name}, not {name}; a new name needs a new key: give a new folder")
    return key


def _make(folder: Path, name: str) -> None:
    """The memory first: a key without one is a witness that forgot."""
    if not name:
        raise KeyRefused(f"there is no witness in {folder}; a new one needs a name")
    made = SecretKey.generate(name, COSIGNATURE)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _opened(folder / "state.db", new=True).close()
    write_whole(folder / "key", f"{made.dump()}\n".encode())


def _opened(path: Path, *, new: bool) -> sqlite3.Connection:
    """With its lock, until it is closed or the process ends. Raises WitnessStopped."""
    if new:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        file = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=1, check_same_thread=False)
        file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = FULL")  # a commit returns after its fsync
        tables = file.execute("SELECT count(*) FROM sqlite_schema WHERE name IN ('latest', 'evidence')").fetchone()[0]
        if new:
            file.executescript(_SCHEMA)
        elif tables != 2:
            raise WitnessStopped(f"{path} is empty; put back the one this witness wrote, or begin in a new folder")
        if (sound := file.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
            raise WitnessStopped(f"{path} is damaged ({sound}); begin with a new key in a new folder")
        for row in file.execute("SELECT note, time FROM latest"):
            _kept(*row)
        file.execute("BEGIN EXCLUSIVE")
        file.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise WitnessStopped(f"another witness uses {path.parent}; stop it first, or give this one a folder") from None
        raise WitnessStopped(f"{path} cannot be opened: {error}") from None
    except (sqlite3.DatabaseError, NoteRefused) as error:
        raise WitnessStopped(f"{path} is damaged ({error}); begin with a new key in a new folder") from None
    return file


def _kept(note: str, seconds: int) -> HeldCheckpoint:
    parsed = Note.parse(note)
    return HeldCheckpoint(Checkpoint.parse(parsed.text), parsed, seconds)
