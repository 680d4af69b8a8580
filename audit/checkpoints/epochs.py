"""What a restored database may do: nothing, until two people start a new epoch that quotes the history that was lost.

Invariant: a database that is behind, or contradicts, the last checkpoint in the file outside it is refused at
start-up. An epoch is begun by an event of the log itself, which names both approvers and the lost checkpoint, and has an
origin of its own: witnesses never see a log of one name shrink.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, insert, select

from audit.checkpoints.file import FiledCheckpoint, last_checkpoints, read_checkpoints
from audit.checkpoints.stored import current_epoch
from audit.database import tables
from audit.database.engine import writing
from audit.database.tiles import Tiles
from audit.errors import EventRefused, LogDamaged, NoteRefused
from audit.format.events import Entry, Receipt
from audit.format.notes import Checkpoint, Note, VerifierKey, open_checkpoint
from audit.kinds import EPOCH_STARTED


class Ticketed(Protocol):
    def wait(self, timeout: float = ...) -> Receipt: ...


class Appends(Protocol):
    """AuditStore, as far as it is needed here."""

    def append(self, tenant: str, entry: Entry) -> Ticketed: ...


def confirm(engine: Engine, file: Path, keys: Iterable[VerifierKey]) -> None:
    """Compares every log with the last checkpoint that the file has of it. A missing file says nothing.

    Raises LogDamaged where the database is behind or another one, or where the file was altered.
    """
    for kept, problem in contradictions(engine, file, keys):
        raise LogDamaged(
            f"log {kept.log}: {problem}. {file} has a checkpoint of size {kept.size}, epoch {kept.epoch}. Use the"
            " newest database; if what is missing is lost for good, start a new epoch"
            f" (`countersign audit epoch {kept.log}`), which two people must approve"
        )


def contradictions(engine: Engine, file: Path, keys: Iterable[VerifierKey]) -> Iterator[tuple[FiledCheckpoint, str]]:
    """Each log's last checkpoint that the database does not continue, and why. Raises LogDamaged for an altered file."""
    keys = tuple(keys)
    for kept in last_checkpoints(file).values():
        signed = _opened(kept, file, keys)
        with engine.connect() as connection:
            problem = _contradiction(connection, kept, signed)
        if problem:
            yield kept, problem


def start_epoch(
    engine: Engine,
    store: Appends,
    file: Path,
    keys: Iterable[VerifierKey],
    log: str,
    *,
    reason: str,
    approvers: tuple[str, str],
) -> int:
    """Begins the log's next epoch and returns its number. approvers: two different people's names, as pseudonyms.

    Raises EventRefused where they are not two, LogDamaged where the file has nothing of this log to quote, or the database
    does not contradict it: then nothing was lost.
    """
    if not all(approvers) or len({name.strip().casefold() for name in approvers}) != 2:
        raise EventRefused(f"a new epoch needs two different approvers, not {' and '.join(approvers)}")
    kept = last_checkpoints(file).get(log)
    if kept is None:
        raise LogDamaged(f"{file} has no checkpoint of log {log}: there is nothing that a new epoch could quote")
    signed = _opened(kept, file, tuple(keys))
    with engine.connect() as connection:
        if _contradiction(connection, kept, signed) is None:
            raise LogDamaged(f"log {log} continues its last checkpoint in {file}: no new epoch is needed")
        epoch = current_epoch(connection, log) + 1
        if kept.epoch >= epoch:
            raise LogDamaged(
                f"log {log} is in epoch {kept.epoch} in {file}, but the database knows nothing of that epoch's start:"
                " restore a backup from after it"
            )
        if kept.epoch < epoch - 1:
            raise LogDamaged(f"log {log} is in epoch {kept.epoch} in {file}, which knows nothing later: use the newest file")
        agreed = _agreed(connection, file, log, kept.epoch)
    labels: dict[str, str | int] = {
        "epoch": epoch, "agreed_size": agreed, "lost_size": kept.size, "lost_root": signed.root.hex(),
        "lost_note": digest(kept.note), "approver_1": approvers[0], "approver_2": approvers[1],
    }  # fmt: skip
    entry = Entry(EPOCH_STARTED, None, None, approvers[0], f"firm:{log}", labels=labels, body={"reason": reason})
    receipt = store.append(log, entry).wait()
    with writing(engine) as connection:
        connection.execute(insert(tables.epoch).values(log=log, epoch=epoch, first=receipt.seq, note=kept.note))
    return epoch


def digest(note: str) -> str:
    """How the epoch.started event names the note that is quoted in full beside it."""
    return sha256(note.encode()).hexdigest()


def _opened(kept: FiledCheckpoint, file: Path, keys: tuple[VerifierKey, ...]) -> Checkpoint:
    try:
        kept.checkpoint()
        return open_checkpoint(kept.note, keys)[0]
    except NoteRefused as error:
        raise LogDamaged(f"{file}, line {kept.line}: {error}; restore the file, or the key that signed it") from None


def _contradiction(connection: Connection, kept: FiledCheckpoint, signed: Checkpoint) -> str | None:
    """Why the database is not the one whose checkpoint was kept, or not a later state of it."""
    epoch = current_epoch(connection, kept.log)
    if kept.epoch > epoch:
        return f"the database is in epoch {epoch}: it is from before epoch {kept.epoch} was started"
    if kept.epoch < epoch and kept.size <= (quoted := _quoted(connection, kept.log, kept.epoch + 1)):
        return None  # that epoch's start has told of this loss
    if kept.epoch < epoch:
        return f"epoch {kept.epoch + 1} was started after a loss from size {quoted} on: it does not know of this checkpoint"
    size = connection.scalar(select(tables.head.c.size).where(tables.head.c.log == kept.log)) or 0
    if size < kept.size:
        return f"the database has {size} records only: it was cut, or restored from an old backup"
    if Tiles(connection, kept.log).root(kept.size) != signed.root:
        return f"the first {kept.size} records are not those that were signed: the history was rewritten"
    return None


def _quoted(connection: Connection, log: str, epoch: int) -> int:
    """The size that the start of an epoch says was lost."""
    table = tables.epoch
    note = connection.scalar(select(table.c.note).where(table.c.log == log, table.c.epoch == epoch))
    try:
        return Checkpoint.parse(Note.parse(note or "").text).size
    except NoteRefused:
        raise LogDamaged(f"the start of epoch {epoch} of log {log} quotes no checkpoint: it was altered") from None


def _agreed(connection: Connection, file: Path, log: str, epoch: int) -> int:
    """The largest size of this epoch at which the database and the file tell the same history; 0 where there is none."""
    kept = [
        one for one in read_checkpoints(file) if isinstance(one, FiledCheckpoint) and (one.log, one.epoch) == (log, epoch)
    ]
    size = connection.scalar(select(tables.head.c.size).where(tables.head.c.log == log)) or 0
    sound = [one for one in kept if one.size <= size]
    low, high = 0, len(sound)
    while low < high:  # histories that differ at a size differ at all later ones
        middle = (low + high) // 2
        if Tiles(connection, log).root(sound[middle].size) == sound[middle].checkpoint().root:
            low = middle + 1
        else:
            high = middle
    return sound[low - 1].size if low else 0
