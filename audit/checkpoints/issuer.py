"""Issues signed checkpoints: into the database, into a file outside it, and on to the witnesses.

Invariant: nothing is signed that does not continue what this log signed before (the consistency proof is checked
first), so a history that was rewritten under a running service gets no signature. Whoever stores a checkpoint of a size
first wins, so several processes share one log. Neither a witness nor a full disk stops the next checkpoint.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, insert
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from audit.checkpoints.file import CheckpointFile
from audit.checkpoints.stored import Issued, cosignatures, latest_checkpoint, logs_to_sign, stored_checkpoint
from audit.database import tables
from audit.database.engine import writing
from audit.database.tiles import Tiles
from audit.errors import AuditError, LogDamaged, NoteRefused, ProofRefused
from audit.format.events import Entry
from audit.format.notes import Checkpoint, Note, Signature, Signer
from audit.format.proofs import check_consistency, consistency_proof
from audit.kinds import KEY_ROTATED

Offer = Callable[[Note], Note]
_OFFER_AGAIN_S = 10.0
_LOOKS_A_SECOND = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckpointStats:
    """For metrics. unwitnessed: logs whose newest checkpoint lacks cosignatures; problem: of the last look, or empty."""

    issued: int
    failed: int
    unwitnessed: int
    problem: str


class Checkpointer:
    """One thread that looks after every log of a database, and one that talks to witnesses. Thread-safe.

    `_work` owns what is known of each log, and the file; `_changed` owns what is to be offered and the counters.
    """

    def __init__(
        self,
        engine: Engine,
        signers: Sequence[Signer],
        origin_of: Callable[[str, int], str],
        *,
        file: Path,
        every_s: float = 1.0,
        every_events: int = 256,
        offer: Offer | None = None,
        witnesses: int = 1,
        record: Callable[[str, Entry], object] | None = None,
    ) -> None:
        """origin_of: a log and its epoch to its origin line. offer: returns the note with the cosignatures it got.
        witnesses: how many are hoped for; with fewer the same checkpoint is offered again, every ten seconds.
        record: told of a rotation of keys in a log, as an event, like AuditStore.append.
        """
        if not signers:
            raise ValueError("a checkpoint needs at least one signer")
        self._engine, self._signers, self._origin_of = engine, tuple(signers), origin_of
        self._every_s, self._every_events = every_s, every_events
        self._offer, self._witnesses, self._record = offer, witnesses, record
        self._work = threading.Lock()
        self._known: dict[str, Issued] = {}
        self._filed: dict[str, tuple[int, int]] = {}
        self._file = CheckpointFile(file)
        self._to_tell: list[tuple[str, Entry]] = []
        self._changed = threading.Condition()
        self._unwitnessed: dict[str, Issued] = {}
        self._news = False
        self._closed = threading.Event()
        self._issued = self._failed = 0
        self._problem = ""
        self._threads = [threading.Thread(target=self._run, name="audit-checkpoints", daemon=True)]
        if offer is not None:
            self._threads.append(threading.Thread(target=self._run_offers, name="audit-witnesses", daemon=True))
        for thread in self._threads:
            thread.start()

    def issue(self, log: str) -> Note:
        """A checkpoint of all that is stored now, offered to the witnesses before this returns.

        Raises LogDamaged where the log contradicts its last checkpoint, ValueError where it is empty, and what the database,
        the file or a key service raises.
        """
        problems = self._look(only=log)
        if problems:
            raise LogDamaged(problems[0])
        with self._changed:
            waiting = self._unwitnessed.get(log)
        if waiting is not None:
            self._offer_one(waiting)
        found = latest_checkpoint(self._engine, log)
        if found is None:
            raise ValueError(f"log {log} has no records: there is nothing to sign")
        return found

    def stats(self) -> CheckpointStats:
        with self._changed:
            return CheckpointStats(self._issued, self._failed, len(self._unwitnessed), self._problem)

    def close(self, timeout: float = 10.0) -> None:
        """Checkpoints what is left, offers it once, stops."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout)

    # The checkpoints

    def _run(self) -> None:
        while not self._closed.wait(min(self._every_s, 1.0) / _LOOKS_A_SECOND):
            self._look_safely()
        self._look_safely(everything=True)

    def _look_safely(self, *, everything: bool = False) -> None:
        try:
            problems = self._look(everything=everything)
        except Exception as error:  # the thread must outlive whatever happens to database, disk or key service
            if not isinstance(error, SQLAlchemyError | AuditError | OSError):
                _log.exception("checkpoints failed in an unforeseen way")
            problems = [" ".join(str(getattr(error, "orig", None) or error).split())[:300]]
        with self._changed:
            self._failed += bool(problems)
            if problems and problems[0] != self._problem:
                _log.error("no checkpoint: %s", problems[0])
            self._problem = problems[0] if problems else ""

    def _look(self, *, only: str | None = None, everything: bool = False) -> list[str]:
        """Issues what is due. Returns a sentence for each log that must not be signed."""
        with self._work:
            problems: list[str] = []
            made: list[Issued] = []
            with self._engine.connect() as connection:
                for log, size, root, epoch in logs_to_sign(connection, only):
                    try:
                        if one := self._made(connection, log, epoch, size, root, at_once=everything or only is not None):
                            made.append(one)
                    except (LogDamaged, ProofRefused, NoteRefused, ValueError) as error:
                        problems.append(f"log {log} is not signed at size {size}: {error}; run `countersign audit verify`")
            self._store(made)
            self._keep()
            while self._record is not None and self._to_tell:
                self._record(*self._to_tell[0])
                self._to_tell.pop(0)
        return problems

    def _made(self, connection: Connection, log: str, epoch: int, size: int, root: bytes, *, at_once: bool) -> Issued | None:
        known = self._known.get(log)
        if known is not None and known.epoch == epoch and not self._is_due(known, size, at_once=at_once):
            return None
        known = self._refreshed(connection, log, epoch)
        if not self._is_due(known, size, at_once=at_once):
            return None
        _check_growth(Tiles(connection, log), known, size, root)
        text = Checkpoint(self._origin_of(log, epoch), size, root).text()
        return Issued(log, epoch, size, root, Note(text, tuple(signer.sign(text) for signer in self._signers)))

    def _refreshed(self, connection: Connection, log: str, epoch: int) -> Issued:
        """What is known of a log, after a look at what other processes stored."""
        known, stored = self._known.get(log), stored_checkpoint(connection, log, epoch)
        if stored is None:
            return Issued(log, epoch, 0, b"", Note("", ()), seen=-math.inf)
        if known is not None and known == stored:
            return known
        self._known[log] = stored
        if known is None and not cosignatures(connection, stored):
            self._hand_over(stored)
        return stored

    def _is_due(self, known: Issued, size: int, *, at_once: bool) -> bool:
        grown = size - known.size
        waited = time.monotonic() - known.seen >= self._every_s
        return grown != 0 and (at_once or waited or grown >= self._every_events)

    def _store(self, made: Sequence[Issued]) -> None:
        """All at once; one by one where another process was first with one of them."""
        if not made:
            return
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(tables.checkpoint), [one.row() for one in made])
        except IntegrityError:
            if len(made) > 1:
                for one in made:
                    self._store([one])
                return
            with self._engine.connect() as connection:
                theirs = stored_checkpoint(connection, made[0].log, made[0].epoch)
            if theirs is None or theirs.size < made[0].size:
                raise
            self._known[made[0].log] = theirs
            return
        for one in made:
            before, self._known[one.log] = self._known.get(one.log), one
            if before is not None and before.keys != one.keys:
                self._to_tell.append((one.log, _rotated(one.log, before.keys, one.keys)))
            self._hand_over(one)
        with self._changed:
            self._issued += len(made)

    def _keep(self) -> None:
        """Brings the file up to date, also with what others issued, or what a full disk kept out of it before."""
        behind = [one for one in self._known.values() if self._filed.get(one.log) != (one.epoch, one.size)]
        if behind:
            self._file.append(one.kept() for one in behind)
            self._filed.update((one.log, (one.epoch, one.size)) for one in behind)

    # The witnesses

    def _hand_over(self, one: Issued) -> None:
        if self._offer is not None:
            with self._changed:
                self._unwitnessed[one.log] = one
                self._news = True
                self._changed.notify_all()

    def _run_offers(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._closed.is_set(), _OFFER_AGAIN_S)
                self._news = False
                waiting = list(self._unwitnessed.values())
            last = self._closed.is_set()
            if last:
                self._threads[0].join()  # its last checkpoints are to be offered too
                with self._changed:
                    waiting = list(self._unwitnessed.values())
            for one in waiting:
                self._offer_one(one)
            if last:
                return

    def _offer_one(self, one: Issued) -> None:
        if self._offer is None:
            return
        try:
            gained = set(self._offer(one.note).signatures) - set(one.note.signatures)
            self._store_cosignatures(one, sorted(gained, key=Signature.line))
        except Exception as error:  # whatever a witness does, checkpoints go on
            _log.warning("checkpoint %s of log %s is not witnessed: %s", one.size, one.log, error)
            return
        with self._changed:
            if len(gained) >= self._witnesses and self._unwitnessed.get(one.log) is one:
                del self._unwitnessed[one.log]

    def _store_cosignatures(self, one: Issued, gained: Iterable[Signature]) -> None:
        for signature in gained:
            row = {"log": one.log, "epoch": one.epoch, "size": one.size}
            row |= {"witness": f"{signature.name}+{signature.key_hash.hex()}", "line": signature.line()}
            try:
                with writing(self._engine) as connection:
                    connection.execute(insert(tables.cosignature).values(row))
            except IntegrityError:
                continue  # this witness has cosigned it before


def _check_growth(tiles: Tiles, known: Issued, size: int, root: bytes) -> None:
    """The head's tree must be the one that was signed, grown. Raises ProofRefused, LogDamaged, ValueError."""
    if known.size == 0:
        if tiles.root(size) != root:
            raise LogDamaged("the head's root is not that of the records")
        return
    if size < known.size:
        raise LogDamaged(f"it has {size} records, but {known.size} are signed: it was cut")
    proof = tiles.prove(lambda node: consistency_proof(known.size, size, node))
    check_consistency(known.size, size, known.root, root, proof)


def _rotated(log: str, before: frozenset[tuple[str, bytes]], after: frozenset[tuple[str, bytes]]) -> Entry:
    """What the log says of itself when other keys sign than before. Keys are written name+hash."""

    def named(keys: Iterable[tuple[str, bytes]]) -> str:
        return " ".join(sorted(f"{name}+{digest.hex()}" for name, digest in keys))[:256]

    labels = {"signing": named(after), "added": named(after - before), "removed": named(before - after)}
    return Entry(KEY_ROTATED, None, None, "service", f"firm:{log}", labels=labels)
