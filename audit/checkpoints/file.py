"""Checkpoints in an append-only file outside the database, one JSON line each.

Invariant: a line is on disk before `append` returns, lines are only ever added, and per log they go forward. A
crash may tear the last line; it is closed with a mark and passed over. Any other line that cannot be read is damage. Several
processes may share the file (a lock is held while writing), or keep one each.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.errors import LogDamaged, NoteRefused
from audit.format.notes import Checkpoint, Note
from audit.whole_file import sync_folder

_TORN = b"#torn\n"


@dataclass(frozen=True, slots=True)
class FiledCheckpoint:
    """One checkpoint. note: the whole signed note; line: where it stands in a file, from 1."""

    log: str
    epoch: int
    size: int
    note: str
    line: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return self.epoch, self.size

    def checkpoint(self) -> Checkpoint:
        """Raises NoteRefused where the note is none, or is about something else than this line says."""
        note = Note.parse(self.note)
        found = Checkpoint.parse(note.text)
        if found.size != self.size or not found.origin.endswith(f"/audit/{self.log}/e{self.epoch}"):
            raise NoteRefused(f"the note speaks of {found.origin} at size {found.size}, not of what stands beside it")
        if note.dump() != self.note:
            raise NoteRefused("the note is not in its one form: it was altered")
        return found

    def dump(self) -> bytes:
        named = {"log": self.log, "epoch": self.epoch, "size": self.size, "note": self.note}
        return json.dumps(named, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class CheckpointFile:
    """Appends. Owned by one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_to = 0
        self._lines = 0
        self._last: dict[str, tuple[int, int]] = {}

    def append(self, kept: Iterable[FiledCheckpoint]) -> None:
        """Those that are newer than what the file has of their log. Raises OSError, LogDamaged."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with open(os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released with the file
            torn = self._catch_up(file.fileno())
            last, text = dict(self._last), b""
            for one in kept:
                if one.place > last.get(one.log, (0, 0)):
                    last[one.log] = one.place
                    text += one.dump()
            if not text:
                return
            text = _TORN + text if torn else text
            while text:
                text = text[file.write(text) :]
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)

    def _catch_up(self, handle: int) -> bool:
        """Reads what was added since, by whomever. Returns whether the last line is torn."""
        with open(os.dup(handle), "rb") as file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    return True
                self._read_to += len(line)
                self._lines += 1
                if (one := _parsed(line, self._lines, self.path)) is not None:
                    self._last[one.log] = max(one.place, self._last.get(one.log, (0, 0)))
        return False


def read_checkpoints(path: Path) -> Iterator[FiledCheckpoint | str]:
    """Every checkpoint in order; a sentence for every line that cannot be read. Nothing where there is no file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                found = _parsed(line, number, path)
            except LogDamaged as error:
                yield str(error)
            else:
                if found is not None:
                    yield found


def last_checkpoints(path: Path) -> dict[str, FiledCheckpoint]:
    """The newest of every log. Raises LogDamaged where a line cannot be read."""
    last: dict[str, FiledCheckpoint] = {}
    for found in read_checkpoints(path):
        if isinstance(found, str):
            raise LogDamaged(found)
        if found.log not in last or found.place > last[found.log].place:
            last[found.log] = found
    return last


def _parsed(line: bytes, number: int, path: Path) -> FiledCheckpoint | None:
    if not line.endswith(b"\n") or line.endswith(_TORN):
        return None
    try:
        read = json.loads(line)
        found = FiledCheckpoint(read["log"], read["epoch"], read["size"], read["note"], number)
        sound = found.dump() == line
    except (ValueError, LookupError, TypeError, UnicodeError):
        sound = False
    if not sound:
        raise LogDamaged(
            f"{path}, line {number} is no checkpoint: it was altered; restore the file from where it is copied to"
        )
    return found
