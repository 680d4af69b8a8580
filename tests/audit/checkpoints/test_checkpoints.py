"""Checkpoints: issued whatever happens, kept outside the database too, and a database that contradicts them is refused."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from audit.append.store import AuditStore
from audit.checkpoints.epochs import confirm, start_epoch
from audit.checkpoints.file import CheckpointFile, FiledCheckpoint, last_checkpoints, read_checkpoints
from audit.checkpoints.issuer import Checkpointer
from audit.checkpoints.stored import latest_checkpoint
from audit.database.engine import create_engine_for
from audit.database.tables import TABLES
from audit.database.tiles import prove_consistency
from audit.errors import EventRefused, KeyRefused, LogDamaged, NoteRefused
from audit.format.merkle import CompactRange
from audit.format.notes import COSIGNATURE, Checkpoint, Note, SecretKey, Signature, open_checkpoint, verified
from audit.format.proofs import check_consistency
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import LogTrust, verify_store
from migrations.run import upgrade
from tests.audit.conftest import fill
from tests.audit.database.test_tiles import leaves_of
from tests.audit.verify.test_whole_log import Vandal
from tests.support.waiting import eventually

KEY = SecretKey.generate("audit.example")
NEW_TABLES = ("audit_tile", "audit_checkpoint", "audit_cosignature", "audit_epoch")
WITNESS = SecretKey.generate("witness.example", COSIGNATURE)
ROOT = Path(__file__).parents[3]


def origin_of(log: str, epoch: int) -> str:
    return f"audit.example/audit/{log}/e{epoch}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "outside" / "checkpoints.jsonl"


@pytest.fixture
def started(file: Path) -> Iterator[Callable[..., Checkpointer]]:
    """Starts checkpointers and closes them at the end."""
    running: list[Checkpointer] = []

    def started(engine: Engine, *, signers: tuple[Any, ...] = (KEY,), file: Path = file, **options: Any) -> Checkpointer:
        running.append(Checkpointer(engine, signers, origin_of, file=file, **options))
        return running[-1]

    yield started
    for one in running:
        one.close()


def root_at(engine: Engine, size: int, log: str = "acme") -> bytes:
    tree = CompactRange()
    tree.extend(leaves_of(engine, log)[:size])
    return tree.root()


Started = Callable[..., Checkpointer]


def test_a_checkpoint_is_signed_stored_and_kept_outside(
    engine: Engine, store: AuditStore, file: Path, started: Started
) -> None:
    fill(store, 13)
    note = started(engine).issue("acme")
    checkpoint, _ = open_checkpoint(note.dump(), [KEY.key])
    assert checkpoint == Checkpoint("audit.example/audit/acme/e1", 13, root_at(engine, 13))
    assert latest_checkpoint(engine, "acme") == note
    assert latest_checkpoint(engine, "acme", at_least=13) == note
    assert latest_checkpoint(engine, "acme", at_least=14) is None
    assert latest_checkpoint(engine, "other") is None
    assert [kept.note for kept in read_checkpoints(file) if isinstance(kept, FiledCheckpoint)] == [note.dump()]


def test_logs_that_grow_get_checkpoints_by_themselves(engine: Engine, store: AuditStore, started: Started) -> None:
    started(engine, every_s=0.2)
    fill(store, 3)
    fill(store, 5, tenant="other")
    for log, count in (("acme", 3), ("other", 5)):
        note = eventually(lambda log=log, count=count: latest_checkpoint(engine, log, count))
        assert open_checkpoint(note.dump(), [KEY.key])[0].root == root_at(engine, count, log)


def test_many_events_do_not_wait_for_the_time(engine: Engine, store: AuditStore, started: Started) -> None:
    started(engine, every_s=3600, every_events=20)
    fill(store, 5)
    eventually(lambda: latest_checkpoint(engine, "acme", 5))  # the first is always due
    fill(store, 19, start=8)
    fill(store, 9, start=40)
    assert eventually(lambda: latest_checkpoint(engine, "acme", 25))


def test_a_log_that_does_not_grow_gets_no_second_checkpoint(
    engine: Engine, store: AuditStore, file: Path, started: Started
) -> None:
    fill(store, 4)
    checkpointer = started(engine, every_s=0.05)
    eventually(lambda: latest_checkpoint(engine, "acme", 4))
    time.sleep(0.3)
    assert checkpointer.issue("acme") == latest_checkpoint(engine, "acme")
    assert (checkpointer.stats().issued, len(list(read_checkpoints(file)))) == (1, 1)


def test_closing_leaves_nothing_without_a_checkpoint(engine: Engine, store: AuditStore, started: Started) -> None:
    checkpointer = started(engine, every_s=3600)
    fill(store, 6)
    checkpointer.close()
    assert latest_checkpoint(engine, "acme", 6)


def test_an_empty_log_has_nothing_to_sign(engine: Engine, started: Started) -> None:
    with pytest.raises(ValueError, match="no records"):
        started(engine).issue("acme")


def test_each_checkpoint_continues_the_one_before(engine: Engine, store: AuditStore, file: Path, started: Started) -> None:
    checkpointer = started(engine, every_s=3600)
    for number in range(6):
        fill(store, 7, start=number * 8)
        checkpointer.issue("acme")
    kept = [one.checkpoint() for one in read_checkpoints(file) if isinstance(one, FiledCheckpoint)]
    assert [one.size for one in kept][-6:] == [7, 14, 21, 28, 35, 42]
    for old, new in pairwise(kept):
        proof = prove_consistency(engine, "acme", old.size, new.size)
        check_consistency(old.size, new.size, old.root, new.root, proof)
    assert verify_store(engine).ok


# Keys


def test_a_rotation_signs_with_both_keys_and_is_recorded_once(engine: Engine, store: AuditStore, started: Started) -> None:
    new = SecretKey.generate("audit.example")
    fill(store, 5)
    first = started(engine, every_s=3600, record=store.append)
    first.issue("acme")
    first.close()
    second = started(engine, signers=(new, KEY), every_s=3600, record=store.append)
    second.issue("acme")
    fill(store, 5, start=8)
    note = second.issue("acme")
    for key in (KEY.key, new.key):
        assert open_checkpoint(note.dump(), [key])
    fill(store, 5, start=16)
    second.issue("acme")
    with engine.connect() as connection:
        told = connection.execute(text("SELECT envelope FROM audit_record WHERE kind = 'key.rotated'")).scalars().all()
    assert [json.loads(bytes(one))["labels"]["added"] for one in told] == [f"{new.key.name}+{new.key.hash.hex()}"]


class Broken:
    """A key service that is down until it is not."""

    def __init__(self) -> None:
        self.down = True
        self.key = KEY.key

    def sign(self, text: str) -> Signature:
        if self.down:
            raise KeyRefused("the key service cannot be reached")
        return KEY.sign(text)


def test_a_key_service_that_is_down_stops_checkpoints_not_appends_and_they_come_back(
    engine: Engine, store: AuditStore, started: Started
) -> None:
    signer = Broken()
    checkpointer = started(engine, signers=(signer,), every_s=0.05)
    fill(store, 5)
    eventually(lambda: "key service" in checkpointer.stats().problem)
    fill(store, 5, start=8)
    assert latest_checkpoint(engine, "acme") is None
    signer.down = False
    eventually(lambda: latest_checkpoint(engine, "acme", 10))
    eventually(lambda: not checkpointer.stats().problem)


# Witnesses


def cosigning(note: Note) -> Note:
    return note.plus([WITNESS.sign(note.text)])


def test_cosignatures_are_stored_and_given_with_the_checkpoint(engine: Engine, store: AuditStore, started: Started) -> None:
    fill(store, 5)
    note = started(engine, every_s=3600, offer=cosigning).issue("acme")
    assert set(verified(note, [KEY.key, WITNESS.key])) == {str(KEY.key), str(WITNESS.key)}
    assert latest_checkpoint(engine, "acme") == note


def test_a_witness_that_fails_or_hangs_stops_no_checkpoint_and_is_asked_again(
    engine: Engine, store: AuditStore, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.checkpoints.issuer._OFFER_AGAIN_S", 0.1)
    mended, hanging = threading.Event(), threading.Event()

    def offer(note: Note) -> Note:
        if not mended.is_set():
            hanging.set()
            mended.wait(20)
            raise OSError("the witness cannot be reached")
        return cosigning(note)

    checkpointer = started(engine, every_s=0.05, offer=offer)
    fill(store, 5)
    assert hanging.wait(20)
    fill(store, 5, start=8)
    eventually(lambda: latest_checkpoint(engine, "acme", 10))
    assert checkpointer.stats().unwitnessed == 1
    mended.set()
    eventually(lambda: checkpointer.stats().unwitnessed == 0)
    assert verified(latest_checkpoint(engine, "acme", 10) or Note("", ()), [WITNESS.key])


def test_a_checkpoint_that_was_never_witnessed_is_offered_at_the_next_start(
    engine: Engine, store: AuditStore, started: Started
) -> None:
    fill(store, 5)
    started(engine, every_s=3600).issue("acme")
    started(engine, every_s=0.1, offer=cosigning)
    eventually(lambda: verified(latest_checkpoint(engine, "acme") or Note("", ()), [WITNESS.key]))


# Histories that were rewritten


def test_a_history_that_was_rewritten_or_cut_is_not_signed(
    url: str, engine: Engine, store: AuditStore, started: Started
) -> None:
    checkpointer = started(engine, every_s=0.05)
    fill(store, 20)
    eventually(lambda: latest_checkpoint(engine, "acme", 20))
    fill(store, 2, tenant="other")
    vandal = Vandal(url)
    vandal("UPDATE audit_log_head SET root = :root WHERE log = 'acme'", root=bytes(32))
    vandal("UPDATE audit_log_head SET size = 21 WHERE log = 'acme'")
    vandal(
        "INSERT INTO audit_record SELECT log, 20, 'x', kind, query, conversation, actor, subject, ts, bot, verdict,"
        " outcome, envelope, leaf, chain FROM audit_record WHERE log = 'acme' AND seq = 19"
    )
    eventually(lambda: "is not signed at size 21" in checkpointer.stats().problem)
    with pytest.raises(LogDamaged, match="not signed at size 21"):
        checkpointer.issue("acme")
    eventually(lambda: latest_checkpoint(engine, "other", 2))  # others are not held up
    vandal("UPDATE audit_log_head SET size = 12 WHERE log = 'acme'")
    with pytest.raises(LogDamaged, match="it was cut"):
        checkpointer.issue("acme")
    vandal.engine.dispose()


# Several processes


def test_several_checkpointers_share_a_log_and_a_file(
    url: str, engine: Engine, store: AuditStore, file: Path, started: Started
) -> None:
    engines = [create_engine_for(url) for _ in range(3)]
    several = [started(one, every_s=0.05, every_events=3) for one in engines]
    for number in range(30):
        fill(store, 4, start=number * 4)
        time.sleep(0.01)
    eventually(lambda: latest_checkpoint(engine, "acme", 120))
    for one in several:
        one.close()
    kept = list(read_checkpoints(file))
    assert all(isinstance(one, FiledCheckpoint) for one in kept)
    sizes = [one.size for one in kept if isinstance(one, FiledCheckpoint)]
    assert sizes == sorted(set(sizes))
    assert last_checkpoints(file)["acme"].size == 120
    confirm(engine, file, [KEY.key])
    assert verify_store(engine).ok
    assert [one.stats().problem for one in several] == [""] * 3


PROCESS = """
import sys, time
from pathlib import Path
from audit.checkpoints.issuer import Checkpointer
from audit.database.engine import create_engine_for
from audit.sealing.subject_keys import SubjectKeys
from audit.database.tables import TABLES
from audit.append.store import AuditStore
from audit.format.notes import SecretKey
from tests.audit.conftest import KEK, entry
url, folder, key = sys.argv[1:]
engine = create_engine_for(url)
store = AuditStore(engine, SubjectKeys(f"sqlite:///{folder}/keys.db", KEK))
Checkpointer(engine, [SecretKey.parse(key)], lambda log, epoch: f"audit.example/audit/{log}/e{epoch}",
             file=Path(folder) / "outside" / "checkpoints.jsonl", every_s=0.02, every_events=5)
number = 0
while True:
    store.append("acme", entry(number)).wait()
    number += 1
    if number % 20 == 0:
        print(number, flush=True)
"""


@pytest.mark.process
@pytest.mark.parametrize("rounds", [3])
def test_processes_killed_at_work_leave_checkpoints_that_fit_and_need_no_repair(
    url: str, engine: Engine, keys: SubjectKeys, tmp_path: Path, file: Path, started: Started, rounds: int
) -> None:
    for turn in range(rounds):
        command = [sys.executable, "-c", PROCESS, url, str(tmp_path), KEY.dump()]
        processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        try:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline(), "the process died by itself"
            time.sleep(0.05 * turn)
        finally:
            for process in processes:
                process.send_signal(signal.SIGKILL)
                process.communicate(timeout=20)
        confirm(engine, file, [KEY.key])
    checkpointer = started(engine)
    checkpointer.issue("acme")
    confirm(engine, file, [KEY.key])
    assert not [one for one in read_checkpoints(file) if isinstance(one, str)]
    assert verify_store(engine).ok


# The file


def kept(size: int, log: str = "acme", epoch: int = 1) -> FiledCheckpoint:
    body = Checkpoint(origin_of(log, epoch), size, bytes([size % 256]) * 32).text()
    return FiledCheckpoint(log, epoch, size, Note(body, (KEY.sign(body),)).dump())


def test_a_torn_last_line_is_passed_over_and_the_next_one_stands_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.jsonl"
    CheckpointFile(path).append([kept(1), kept(2)])
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for length in range(last, len(whole)):
        path.write_bytes(whole[:length])
        assert last_checkpoints(path)["acme"].size == 1
        CheckpointFile(path).append([kept(3)])
        assert [one.size for one in read_checkpoints(path) if isinstance(one, FiledCheckpoint)] == [1, 3]
        assert not [one for one in read_checkpoints(path) if isinstance(one, str)]


def test_the_file_only_goes_forward_whoever_writes(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.jsonl"
    one, other = CheckpointFile(path), CheckpointFile(path)
    one.append([kept(5)])
    other.append([kept(4), kept(6), kept(1, log="beta")])
    one.append([kept(6), kept(7), kept(1, log="beta")])
    other.append([kept(3, epoch=2), kept(9)])
    places = [(one.log, one.place) for one in read_checkpoints(path) if isinstance(one, FiledCheckpoint)]
    assert places == [("acme", (1, 5)), ("acme", (1, 6)), ("beta", (1, 1)), ("acme", (1, 7)), ("acme", (2, 3))]
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_flipped_bit_of_the_file_is_noticed(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.jsonl"
    CheckpointFile(path).append([kept(1), kept(2)])
    sound = path.read_bytes()
    for at in range(len(sound) - 1):  # without its last newline the last line counts as torn
        for bit in range(8):
            damaged = bytearray(sound)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            refused = False
            for one in read_checkpoints(path):
                try:
                    assert isinstance(one, FiledCheckpoint)
                    one.checkpoint()
                    open_checkpoint(one.note, [KEY.key])
                except (AssertionError, NoteRefused):
                    refused = True
            assert refused, (at, bit)


def test_a_file_that_cannot_be_written_gets_its_checkpoints_later(
    engine: Engine, store: AuditStore, file: Path, started: Started
) -> None:
    file.parent.write_text("in the way")
    checkpointer = started(engine, every_s=0.05)
    fill(store, 5)
    eventually(lambda: "exists" in checkpointer.stats().problem)
    assert latest_checkpoint(engine, "acme", 5)
    file.parent.unlink()
    eventually(lambda: file.exists() and last_checkpoints(file)["acme"].size == 5)
    eventually(lambda: not checkpointer.stats().problem)


# Restored databases


@pytest.fixture
def restored(tmp_path: Path, opened: Callable[..., AuditStore], file: Path, started: Started) -> Iterator[Engine]:
    """A SQLite database as it was 20 events ago, beside a checkpoint file that is up to date."""
    path, backup = tmp_path / "live.db", tmp_path / "backup.db"
    upgrade(f"sqlite:///{path}")
    engine = create_engine_for(f"sqlite:///{path}")
    store = opened(engine)
    checkpointer = started(engine, every_s=3600)
    fill(store, 30)
    checkpointer.issue("acme")
    with sqlite3.connect(path) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    source.close()
    target.close()
    fill(store, 20, start=32)
    checkpointer.issue("acme")
    confirm(engine, file, [KEY.key])
    checkpointer.close()
    store.close()
    engine.dispose()
    for left in tmp_path.glob("live.db*"):
        left.unlink()
    shutil.copy(backup, path)
    engine = create_engine_for(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def test_a_restored_database_is_refused_until_a_new_epoch_quotes_what_was_lost(
    restored: Engine, opened: Callable[..., AuditStore], file: Path, started: Started
) -> None:
    with pytest.raises(LogDamaged, match=r"30 records only.*countersign audit epoch acme"):
        confirm(restored, file, [KEY.key])
    store = opened(restored)
    with pytest.raises(EventRefused, match="two different approvers"):
        start_epoch(restored, store, file, [KEY.key], "acme", reason="disk lost", approvers=("actor:1", "Actor:1 "))
    epoch = start_epoch(restored, store, file, [KEY.key], "acme", reason="disk lost", approvers=("actor:1", "actor:2"))
    assert epoch == 2
    confirm(restored, file, [KEY.key])
    with restored.connect() as connection:
        row = connection.execute(text("SELECT envelope FROM audit_record WHERE kind = 'epoch.started'")).one()
        quoted = connection.execute(text("SELECT first, note FROM audit_epoch")).one()
    labels = json.loads(bytes(row[0]))["labels"]
    assert (labels["approver_1"], labels["approver_2"]) == ("actor:1", "actor:2")
    assert (labels["agreed_size"], labels["lost_size"], quoted.first) == (30, 50, 30)
    assert quoted.note == last_checkpoints(file)["acme"].note
    fill(store, 5, start=80)
    note = started(restored, every_s=3600).issue("acme")
    assert Checkpoint.parse(note.text).origin == "audit.example/audit/acme/e2"
    confirm(restored, file, [KEY.key])
    with pytest.raises(LogDamaged, match="no new epoch is needed"):
        start_epoch(restored, store, file, [KEY.key], "acme", reason="again", approvers=("actor:1", "actor:2"))
    assert verify_store(restored).ok


def test_an_old_database_that_went_on_by_itself_is_refused_too(
    restored: Engine, opened: Callable[..., AuditStore], file: Path
) -> None:
    store = opened(restored)
    fill(store, 40, start=80)
    with pytest.raises(LogDamaged, match="the history was rewritten"):
        confirm(restored, file, [KEY.key])
    start_epoch(restored, store, file, [KEY.key], "acme", reason="x", approvers=("actor:1", "actor:2"))
    confirm(restored, file, [KEY.key])


def test_a_database_from_before_the_epoch_is_refused(
    restored: Engine, opened: Callable[..., AuditStore], file: Path, started: Started, tmp_path: Path
) -> None:
    store = opened(restored)
    start_epoch(restored, store, file, [KEY.key], "acme", reason="x", approvers=("actor:1", "actor:2"))
    started(restored, every_s=3600).issue("acme")
    store.close()
    older = tmp_path / "older.db"
    shutil.copy(tmp_path / "backup.db", older)
    engine = create_engine_for(f"sqlite:///{older}")
    with pytest.raises(LogDamaged, match="from before epoch 2 was started"):
        confirm(engine, file, [KEY.key])
    with pytest.raises(LogDamaged, match="restore a backup from after it"):
        start_epoch(engine, opened(engine), file, [KEY.key], "acme", reason="x", approvers=("actor:1", "actor:2"))
    engine.dispose()


def test_a_cut_tail_is_refused_on_both_engines_even_with_its_checkpoints_gone(
    url: str, engine: Engine, store: AuditStore, file: Path, started: Started
) -> None:
    checkpointer = started(engine, every_s=3600)
    fill(store, 40)
    checkpointer.issue("acme")
    checkpointer.close()
    store.close()
    confirm(engine, file, [KEY.key])
    vandal = Vandal(url)
    cut_clean(vandal, 25)
    with pytest.raises(LogDamaged, match="25 records only"):
        confirm(engine, file, [KEY.key])
    vandal.engine.dispose()


def cut_clean(vandal: Vandal, size: int) -> None:
    """Cuts the tail and everything that would give the cut away inside the database."""
    tree = CompactRange()
    with vandal.engine.connect() as connection:
        rows = connection.execute(text("SELECT leaf FROM audit_record WHERE log = 'acme' ORDER BY seq"))
        tree.extend(bytes(row[0]) for row in list(rows)[:size])
    vandal(
        f"UPDATE audit_log_head SET size = {size}, root = :root, peaks = :peaks, chain ="
        f" (SELECT chain FROM audit_record WHERE log = 'acme' AND seq = {size - 1}) WHERE log = 'acme'",
        f"DELETE FROM audit_record WHERE log = 'acme' AND seq >= {size}",
        f"DELETE FROM audit_payload WHERE log = 'acme' AND seq >= {size}",
        f"DELETE FROM audit_batch WHERE log = 'acme' AND size > {size}",
        f"DELETE FROM audit_tile WHERE log = 'acme' AND idx >= {size // 8}",
        f"DELETE FROM audit_checkpoint WHERE log = 'acme' AND size > {size}",
        f"DELETE FROM audit_cosignature WHERE log = 'acme' AND size > {size}",
        root=tree.root(),
        peaks=tree.dump(),
    )


def test_a_checkpoint_file_that_was_altered_or_is_another_s_is_refused(
    engine: Engine, store: AuditStore, file: Path, started: Started
) -> None:
    fill(store, 10)
    started(engine, every_s=3600).issue("acme")
    with pytest.raises(LogDamaged, match="no given key signed"):
        confirm(engine, file, [SecretKey.generate("audit.example").key])
    data = file.read_text()
    file.write_text(data.replace('"size":10', '"size":11'))
    with pytest.raises(LogDamaged, match="line 1"):
        confirm(engine, file, [KEY.key])
    file.write_text("x" + data)
    with pytest.raises(LogDamaged, match="line 1 is no checkpoint"):
        confirm(engine, file, [KEY.key])


def test_without_a_file_there_is_nothing_to_contradict(engine: Engine, store: AuditStore, tmp_path: Path) -> None:
    fill(store, 3)
    confirm(engine, tmp_path / "none", [KEY.key])
    assert not os.path.exists(tmp_path / "none")


# The verifier


@pytest.fixture
def signed(url: str, engine: Engine, store: AuditStore, started: Started) -> Iterator[Vandal]:
    """A log with two checkpoints, both cosigned, in the vandal's hands."""
    checkpointer = started(engine, every_s=3600, offer=cosigning)
    for start in (0, 16):
        fill(store, 13, start=start)
        checkpointer.issue("acme")
    checkpointer.close()
    store.close()
    vandal = Vandal(url)
    yield vandal
    vandal.engine.dispose()


@pytest.fixture
def trust(file: Path) -> LogTrust:
    return LogTrust((KEY.key,), (WITNESS.key,), file, origin_of)


def flips(value: Any) -> Iterator[Any]:
    """The value with one bit altered, for every bit that leaves it storable in its column."""
    raw = value.encode() if isinstance(value, str) else bytes(value) if not isinstance(value, int) else None
    if raw is None:
        yield from (value ^ (1 << bit) for bit in range(40))
        return
    for at in range(len(raw)):
        for bit in range(8):
            altered = bytearray(raw)
            altered[at] ^= 1 << bit
            if not isinstance(value, str):
                yield bytes(altered)
            elif 0 not in altered:
                try:
                    yield altered.decode()
                except UnicodeDecodeError:
                    continue


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("audit_checkpoint", column) for column in ("log", "epoch", "size", "root", "note")),
        *(("audit_cosignature", column) for column in ("log", "epoch", "size", "witness", "line")),
    ],
)
def test_a_flipped_bit_of_a_checkpoint_or_cosignature_is_named(
    engine: Engine, signed: Vandal, trust: LogTrust, table: str, column: str
) -> None:
    assert verify_store(engine, trust=trust).ok
    with engine.connect() as connection:
        before = connection.execute(text(f"SELECT {column} FROM {table} WHERE size = 13")).scalar_one()
    row = {"audit_checkpoint": "the checkpoint of size", "audit_cosignature": "cosign"}[table]
    step = 11 if signed.engine.dialect.name == "sqlite" else 41  # every bit of a note: the file's test above
    for after in list(flips(before))[::step]:
        signed(f"UPDATE {table} SET {column} = :after WHERE log = 'acme' AND size = 13", after=after)
        report = verify_store(engine, trust=trust)
        assert not report.ok, after
        assert any(row in problem.detail for problem in report.problems), (after, report.problems)
        place = "log = :log AND size = :size"
        log, size = (after, 13) if column == "log" else ("acme", after if column == "size" else 13)
        signed(f"UPDATE {table} SET {column} = :before WHERE {place}", before=before, log=log, size=size)
    assert verify_store(engine, trust=trust).ok


def test_a_clean_cut_is_seen_with_the_file_and_only_with_it(
    engine: Engine, signed: Vandal, trust: LogTrust, file: Path
) -> None:
    cut_clean(signed, 22)
    assert verify_store(engine).ok
    problem = verify_store(engine, trust=trust).problems[0]
    assert (problem.log, problem.seq, problem.what) == ("acme", 22, "missing")
    assert problem.detail.startswith("records 22 to 25 are missing: the checkpoint of size 26 in ")
    assert f"{file}, line 2" in problem.detail


def test_a_log_that_is_gone_altogether_is_named(engine: Engine, signed: Vandal, trust: LogTrust) -> None:
    signed(*(f"DELETE FROM {table} WHERE log = 'acme'" for table in TABLES))
    assert verify_store(engine).ok
    problems = verify_store(engine, trust=trust).problems
    assert [(p.log, p.seq, p.what) for p in problems] == [("acme", 0, "missing")]


def test_a_history_rewritten_throughout_is_placed_between_two_checkpoints(
    engine: Engine, signed: Vandal, trust: LogTrust, keys: SubjectKeys
) -> None:
    """The forger writes the log anew from record 17 on, with everything that is computed from it."""
    cut_clean(signed, 17)
    store = AuditStore(engine, keys, strict=False)
    fill(store, 20, start=100)
    store.close()
    assert verify_store(engine).ok
    problems = verify_store(engine, trust=trust).problems
    assert [(p.log, p.seq, p.what) for p in problems] == [("acme", 13, "history")]
    assert "records 13 to 25 are not what was signed" in problems[0].detail


def test_a_checkpoint_signed_by_another_key_is_no_checkpoint(engine: Engine, signed: Vandal, file: Path) -> None:
    other = LogTrust((SecretKey.generate("audit.example").key,), (), file, origin_of)
    problems = verify_store(engine, trust=other).problems
    assert {problem.what for problem in problems} == {"checkpoint"}
    assert "no given key signed" in problems[0].detail


def test_a_removed_checkpoint_row_leaves_a_cosignature_behind(engine: Engine, signed: Vandal, trust: LogTrust) -> None:
    signed("DELETE FROM audit_checkpoint WHERE size = 13")
    assert [(p.what, p.seq) for p in verify_store(engine, trust=trust).problems] == [("cosignature", 12)]


def test_damage_of_the_file_is_named_with_its_line(engine: Engine, signed: Vandal, trust: LogTrust, file: Path) -> None:
    sound = file.read_bytes()
    first, second = sound.splitlines(keepends=True)
    for damaged, line in (
        (b"x" + sound, "line 1"),
        (second + first, "line 2"),
        (sound.replace(b'"size":26', b'"size":27'), "line 2"),
    ):
        file.write_bytes(damaged)
        problems = verify_store(engine, trust=trust).problems
        assert problems
        assert all(line in problem.detail for problem in problems), problems


def test_an_epoch_s_start_that_was_altered_is_named(
    restored: Engine, opened: Callable[..., AuditStore], started: Started, file: Path, tmp_path: Path, trust: LogTrust
) -> None:
    store = opened(restored)
    start_epoch(restored, store, file, [KEY.key], "acme", reason="x", approvers=("actor:1", "actor:2"))
    fill(store, 5, start=80)
    started(restored, every_s=3600).issue("acme")
    store.close()
    assert verify_store(restored, trust=trust).ok
    vandal = Vandal(f"sqlite:///{tmp_path}/live.db")
    with restored.connect() as connection:
        note = connection.execute(text("SELECT note FROM audit_epoch")).scalar_one()
    for column, before, values in (
        ("note", note, list(flips(note))[::29]), ("first", 30, [29, 31, 1000]), ("epoch", 2, [3, 4]),
        ("log", "acme", ["acmf"]),
    ):  # fmt: skip
        for after in values:
            vandal(f"UPDATE audit_epoch SET {column} = :after", after=after)
            assert "epoch" in {p.what for p in verify_store(restored, trust=trust).problems}, (column, after)
            vandal(f"UPDATE audit_epoch SET {column} = :before", before=before)
    vandal("DELETE FROM audit_epoch")
    assert "epoch" in {p.what for p in verify_store(restored, trust=trust).problems}
    vandal.engine.dispose()


# What the database itself refuses

ATTACKS = {
    **{f"delete from {table}": f"DELETE FROM {table}" for table in NEW_TABLES},
    **{f"update {table}": f"UPDATE {table} SET log = log" for table in NEW_TABLES},
    **{f"a second row of {table}": f"INSERT INTO {table} SELECT * FROM {table}" for table in NEW_TABLES},
    "a tile ahead": "INSERT INTO audit_tile SELECT log, idx + 9, hashes FROM audit_tile WHERE idx = 1",
    "a tile without its records": "INSERT INTO audit_tile SELECT log, 5, hashes FROM audit_tile WHERE idx = 4",
    "a tile before the first": "INSERT INTO audit_tile SELECT log, -1, hashes FROM audit_tile WHERE idx = 1",
    "a checkpoint of more than there is": "INSERT INTO audit_checkpoint SELECT log, epoch, size + 100, root, note"
    " FROM audit_checkpoint",
    "a checkpoint behind the last": "INSERT INTO audit_checkpoint SELECT log, epoch, size - 1, root, note"
    " FROM audit_checkpoint",
    "a checkpoint of an epoch that was not started": "INSERT INTO audit_checkpoint SELECT log, 3, size, root, note"
    " FROM audit_checkpoint",
    "a checkpoint of an epoch that is over": "INSERT INTO audit_checkpoint SELECT log, 1, size, root, note"
    " FROM audit_checkpoint",
    "a cosignature of nothing": "INSERT INTO audit_cosignature SELECT log, epoch, size + 1, witness, line"
    " FROM audit_cosignature",
    "an epoch that skips one": "INSERT INTO audit_epoch SELECT log, epoch + 2, first, note FROM audit_epoch",
    "the first epoch": "INSERT INTO audit_epoch SELECT log, 1, first, note FROM audit_epoch",
    "an epoch without its event": "INSERT INTO audit_epoch SELECT log, epoch + 1, first + 100, note FROM audit_epoch",
}
ON_SQLITE = {
    **{f"replace {table}": f"REPLACE INTO {table} SELECT * FROM {table}" for table in NEW_TABLES},
}
ON_POSTGRES = {
    **{f"truncate {table}": f"TRUNCATE {table}" for table in NEW_TABLES},
    **{f"replication role, then update {table}": f"SET session_replication_role = replica; UPDATE {table} SET log = log"
       for table in NEW_TABLES},
}  # fmt: skip


def test_no_statement_alters_what_was_signed(
    url: str, engine: Engine, opened: Callable[..., AuditStore], started: Started, tmp_path: Path
) -> None:
    """Every attack of the tables above, by whoever owns the database and left the guards alone."""
    store = opened(engine)
    fill(store, 40)
    note = Note("x\n", ()).dump()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO audit_epoch VALUES ('acme', 2, 30, :note)"), {"note": note})
    started(engine, every_s=3600, offer=cosigning).issue("acme")
    owner = create_engine(url)
    postgres = owner.dialect.name == "postgresql"
    before = everything(owner)
    assert all(before)
    for name, attack in (ATTACKS | (ON_POSTGRES if postgres else ON_SQLITE)).items():
        with pytest.raises(DBAPIError, match="append-only"), owner.begin() as connection:  # noqa: PT012  one has two steps
            for statement in attack.split("; "):
                connection.exec_driver_sql(statement)
        assert everything(owner) == before, name
    owner.dispose()


def everything(engine: Engine) -> list[list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return [[tuple(row) for row in connection.execute(text(f"SELECT * FROM {t} ORDER BY 1, 2"))] for t in NEW_TABLES]
