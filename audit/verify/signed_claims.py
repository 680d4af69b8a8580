"""What signed checkpoints claim of a log, from the database and from the file outside it, for the verifier.

Invariant: a claim is handed on only if its note, its columns and, where keys are known, its signatures agree;
whatever does not is reported with its place. Damage is reported, never raised.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import Any

from audit.checkpoints.file import FiledCheckpoint, read_checkpoints
from audit.errors import NoteRefused
from audit.format.notes import Checkpoint, Note, VerifierKey, open_checkpoint
from audit.kinds import EPOCH_STARTED
from audit.verify.problems import Problems
from audit.verify.snapshot import DAMAGE, Columns, Snapshot, first_line


@dataclass(frozen=True, slots=True)
class LogTrust:
    """Whose signatures count, and where checkpoints are kept outside the database.

    keys: of the log, retired ones too; witnesses: theirs; without keys signatures are not looked at.
    """

    keys: tuple[VerifierKey, ...] = ()
    witnesses: tuple[VerifierKey, ...] = ()
    file: Path | None = None
    origin_of: Callable[[str, int], str] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The first `size` records have this root: so says `where`."""

    size: int
    root: bytes
    where: str


def claims(snapshot: Snapshot, log: str, trust: LogTrust, problems: Problems) -> Iterator[Claim]:
    """By size. Histories that a later epoch gave up claim nothing any more."""
    agreed = _epochs(snapshot, log, trust, problems)
    stored = until_damage(snapshot.checkpoints(log), problems, log, "checkpoint")
    cosigned = _Cosignatures(until_damage(snapshot.cosignatures(log), problems, log, "cosignature"), log, trust, problems)
    ours = _stored(stored, cosigned, log, trust, problems)
    for (epoch, size), same in groupby(merge(ours, _kept(log, trust, problems), key=_place), key=_place):
        seen: set[str] = set()
        for kept, where in same:
            if epoch > 1 and epoch - 1 not in agreed:
                problems.add(log, size - 1, "epoch", f"{where} is of an epoch whose start is missing or was altered")
            if kept.note not in seen and (found := _checked(kept, where, trust, problems)) is not None:
                seen.add(kept.note)
                if size <= agreed.get(epoch, size):
                    yield Claim(found.size, found.root, where)
    cosigned.rest()


_Told = tuple[FiledCheckpoint, str]


def _place(told: _Told) -> tuple[int, int]:
    return told[0].place


def _stored(
    rows: Iterable[Columns], cosigned: "_Cosignatures", log: str, trust: LogTrust, problems: Problems
) -> Iterator[_Told]:
    for epoch, size, root, note in rows:
        where = f"the checkpoint of size {size}, epoch {epoch}, in the database"
        kept = FiledCheckpoint(log, epoch, size, note)
        cosigned.check(kept)
        try:
            sound = kept.checkpoint().root == root
        except NoteRefused:
            sound = True  # said once, when the note itself is looked at
        if not sound:
            problems.add(log, size - 1, "checkpoint", f"{where}: its root is not the one that was signed: it was altered")
        yield kept, where


def _kept(log: str, trust: LogTrust, problems: Problems) -> Iterator[_Told]:
    if trust.file is None:
        return
    place = (0, 0)
    for one in read_checkpoints(trust.file):
        if isinstance(one, str) or one.log != log:
            continue
        if one.place <= place:
            problems.add(log, None, "checkpoint", f"{trust.file}, line {one.line} is out of order: it was moved")
            continue
        place = one.place
        yield one, f"the checkpoint of size {one.size} in {trust.file}, line {one.line}"


def logs_in(trust: LogTrust, problems: Problems) -> set[str]:
    """Which logs the file speaks of. Reports lines that say nothing, and so belong to none."""
    found: set[str] = set()
    for one in read_checkpoints(trust.file) if trust.file is not None else ():
        if isinstance(one, str):
            problems.add("", None, "checkpoint", one)
        else:
            found.add(one.log)
    return found


def _checked(kept: FiledCheckpoint, where: str, trust: LogTrust, problems: Problems) -> Checkpoint | None:
    try:
        found = kept.checkpoint()
        if trust.origin_of is not None and found.origin != (origin := trust.origin_of(kept.log, kept.epoch)):
            raise NoteRefused(f"its origin is {found.origin}, not {origin}")
        if trust.keys:
            _signed(kept.note, trust.keys)
    except NoteRefused as error:
        problems.add(kept.log, kept.size - 1, "checkpoint", f"{where}: {error}")
        return None
    return found


def _signed(note: str, keys: tuple[VerifierKey, ...]) -> None:
    """Every signature that the log itself put there is one of its keys', and good."""
    _, opened = open_checkpoint(note, keys)
    for signature in opened.signatures:
        if not any(key.made(signature) for key in keys):
            raise NoteRefused(f"it is signed by an unknown key, {signature.name}+{signature.key_hash.hex()}")


class _Cosignatures:
    """Goes along with the checkpoints, in the same order."""

    def __init__(self, rows: Iterator[Columns], log: str, trust: LogTrust, problems: Problems) -> None:
        self._rows, self._log, self._trust, self._problems = rows, log, trust, problems
        self._next = next(rows, None)

    def check(self, kept: FiledCheckpoint) -> None:
        while self._next is not None and self._next[:2] <= kept.place:
            epoch, size, witness, line = self._next
            if (epoch, size) == kept.place:
                self._one(kept, witness, line)
            else:
                self._without(epoch, size, witness)
            self._next = next(self._rows, None)

    def rest(self) -> None:
        while self._next is not None:
            self._without(*self._next[:3])
            self._next = next(self._rows, None)

    def _one(self, kept: FiledCheckpoint, witness: str, line: str) -> None:
        try:
            text = Note.parse(kept.note).text
        except NoteRefused:
            return  # the checkpoint itself is reported
        try:
            note = Note.parse(f"{text}\n{line}")
            if len(note.signatures) != 1 or note.signatures[0].line() != line:
                raise NoteRefused("it is not one line in its one form: it was altered")
            signature = note.signatures[0]
            if witness != (named := f"{signature.name}+{signature.key_hash.hex()}"):
                raise NoteRefused(f"it is {named}'s")
            for key in self._trust.witnesses:
                if key.made(signature):
                    key.check(text, signature)
        except NoteRefused as error:
            self._report(kept.size, f"the cosignature of {witness} for size {kept.size}, epoch {kept.epoch}: {error}")

    def _without(self, epoch: Any, size: Any, witness: Any) -> None:
        self._report(size, f"{witness} cosigned size {size}, epoch {epoch}, but there is no such checkpoint: it was removed")

    def _report(self, size: Any, detail: str) -> None:
        self._problems.add(self._log, size - 1 if isinstance(size, int) else None, "cosignature", detail)


def _epochs(snapshot: Snapshot, log: str, trust: LogTrust, problems: Problems) -> dict[int, int]:
    """Epoch to the size up to which its checkpoints still hold, for those that were given up. Checks the rows."""
    agreed: dict[int, int] = {}
    expected = 2
    for epoch, first, note in until_damage(iter(snapshot.epochs(log)), problems, log, "epoch"):
        try:
            if epoch != expected:
                raise NoteRefused(f"epoch {expected} was expected")
            told = json.loads(snapshot.envelope(log, first) or b"{}")
            labels = told.get("labels", {})
            if told.get("kind") != EPOCH_STARTED.name or labels.get("epoch") != epoch:
                raise NoteRefused(f"record {first} did not start it")
            if sha256(note.encode()).hexdigest() != labels["lost_note"]:
                raise NoteRefused("the checkpoint that it quotes is not the one that its event names: it was altered")
            if trust.keys:
                open_checkpoint(note, trust.keys)
            agreed[epoch - 1] = labels["agreed_size"]
        except (NoteRefused, ValueError, LookupError, TypeError, AttributeError, *DAMAGE) as error:
            problems.add(log, first if isinstance(first, int) else None, "epoch", f"the start of epoch {epoch}: {error}")
        expected += 1
    return agreed


def until_damage(rows: Iterator[Columns], problems: Problems, log: str, what: str) -> Iterator[Columns]:
    try:
        yield from rows
    except DAMAGE as error:
        problems.add(log, None, "unreadable", f"audit_{what} cannot be read on: {first_line(error)}")
