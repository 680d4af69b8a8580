"""Every bit of a sample, flipped: the verifier says so, and names the record, batch, tile, checkpoint or cosignature.

A flip stands alone in its row, but each verification looks at many of them, so that every position of every column can be
tried. Keys (log, seq, size) are tried in tests/audit/verify/test_whole_log.py, the file outside in
tests/audit/checkpoints/test_checkpoints.py.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from audit.append.store import AuditStore
from audit.checkpoints.issuer import Checkpointer
from audit.database.engine import create_engine_for
from audit.database.tiles import LEAVES
from audit.database.triggers import sqlite_triggers
from audit.format.notes import COSIGNATURE, Note, SecretKey
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import LogTrust, verify_store
from migrations.run import upgrade
from tests.audit.conftest import KEK, entry
from tests.faults.drivers import LOG_KEY, origin_of

WITNESS = SecretKey("witness.example", bytes(range(1, 33)), COSIGNATURE)
RECORDS, PART = 120, 4  # records of the long log, and of each of its batches and checkpoints
SHORT_LOGS = 16


@dataclass(frozen=True)
class Filled:
    path: Path
    engine: Engine
    trust: LogTrust
    client: sqlite3.Connection

    def wrong(self, tenant: str | None = None, trust: LogTrust | None = None) -> set[tuple[str, int | None]]:
        """Log and number of each problem; that the guards are down is known."""
        report = verify_store(self.engine, tenant, trust=trust)
        assert report.unlisted == 0
        return {(problem.log, problem.seq) for problem in report.problems if problem.what != "guard"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A long log with tiles, checkpoints and cosignatures, and short ones, whose heads matter. The guards are down."""
    folder = tmp_path_factory.mktemp("bits")
    path = folder / "main.db"
    upgrade(f"sqlite:///{path}")
    engine = create_engine_for(f"sqlite:///{path}")
    keys = SubjectKeys(f"sqlite:///{folder}/keys.db", KEK)
    store = AuditStore(engine, keys, strict=False)
    file = folder / "checkpoints.jsonl"

    def cosigned(note: Note) -> Note:
        return note.plus([WITNESS.sign(note.text)])

    checkpointer = Checkpointer(engine, [LOG_KEY], origin_of, file=file, every_s=3600, every_events=10_000, offer=cosigned)
    for number in range(RECORDS):
        ticket = store.append("acme", entry(number))
        if number % PART == PART - 1:
            ticket.wait()
            checkpointer.issue("acme")
    for number in range(SHORT_LOGS):
        for event in range(3):
            store.append(f"short-{number:02}", entry(event)).wait()
    store.close()
    checkpointer.close()
    client = sqlite3.connect(path, isolation_level=None)
    client.execute("PRAGMA synchronous=OFF")
    for name in sqlite_triggers():
        client.execute(f"DROP TRIGGER {name}")
    trust = LogTrust((LOG_KEY.key,), (WITNESS.key,), file, origin_of)
    filled = Filled(path, engine, trust, client)
    assert filled.wrong(trust=trust) == set()
    yield filled
    client.close()
    engine.dispose()
    keys.close()


Place = tuple[str, int | None]


def flipped(value: Any, bit: int) -> Any:
    """None where the value has no such bit."""
    if isinstance(value, int):
        return (value ^ (1 << bit) if bit < 63 else value - 2**63) if bit < 64 else None
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    if bit >= len(raw) * 8:
        return None
    raw[bit // 8] ^= 1 << bit % 8
    return bytes(raw)


def try_every_bit(
    table: str,
    column: str,
    rows: Sequence[tuple[int, Any, Callable[[set[Place]], bool]]],
    filled: Filled,
    wrong_now: Callable[[], set[Place]],
    apart: int = 1,
) -> None:
    """rows: rowid, value, and whether a set of places names this row; every bit position is flipped in one of them.

    apart: rows from one flip of a look to the next.
    """
    kind = "BLOB" if isinstance(rows[0][1], bytes) else "INTEGER" if isinstance(rows[0][1], int) else "TEXT"
    update = f"UPDATE {table} SET {column} = CAST(? AS {kind}) WHERE rowid = ?"  # a flipped byte need not be UTF-8
    bit = looked = 0
    while any(flipped(value, bit) is not None for _, value, _ in rows):
        tried = []
        for at in range(looked % apart, len(rows), apart):
            rowid, value, named = rows[at]
            if (damaged := flipped(value, bit)) is not None:
                filled.client.execute(update, [damaged, rowid])
                tried.append((bit, rowid, value, named))
            bit += 1
        wrong = wrong_now()
        for _, rowid, value, _ in tried:
            filled.client.execute(update, [value, rowid])
        assert [(at, rowid) for at, rowid, _, named in tried if not named(wrong)] == [], wrong
        assert len(wrong) <= len(tried), f"something untouched is blamed: {wrong}, not {[one[:2] for one in tried]}"
        looked += 1
    assert wrong_now() == set()


def names(log: str, first: int | None, end: int | None = None) -> Callable[[set[Place]], bool]:
    places = {(log, first)} if first is None or end is None else {(log, seq) for seq in range(first, end)}
    return lambda wrong: bool(places & wrong)


RECORD = (
    "event_id",
    "kind",
    "query",
    "conversation",
    "actor",
    "subject",
    "ts",
    "bot",
    "verdict",
    "envelope",
    "leaf",
    "chain",
)


def long_log(filled: Filled) -> set[Place]:
    return filled.wrong("acme")


def signed(filled: Filled) -> set[Place]:
    return filled.wrong("acme", filled.trust)


@pytest.mark.parametrize("column", RECORD)
def test_every_bit_of_a_record_is_named_with_its_number(filled: Filled, column: str) -> None:
    found = filled.client.execute(f"SELECT rowid, {column}, seq FROM audit_record WHERE log = 'acme' ORDER BY seq")
    rows = [(rowid, value, names("acme", seq)) for rowid, value, seq in found.fetchall()]
    try_every_bit("audit_record", column, rows, filled, lambda: long_log(filled), apart=3)


def test_every_bit_of_a_sealed_body_is_named_with_its_number(filled: Filled) -> None:
    found = filled.client.execute("SELECT rowid, sealed, seq FROM audit_payload WHERE log = 'acme' ORDER BY seq")
    rows = [(rowid, value, names("acme", seq)) for rowid, value, seq in found.fetchall()]
    try_every_bit("audit_payload", "sealed", rows, filled, lambda: long_log(filled))


@pytest.mark.parametrize("column", ["first", "root"])
def test_every_bit_of_a_batch_is_named_with_its_records(filled: Filled, column: str) -> None:
    query = f"SELECT rowid, {column}, first, size FROM audit_batch WHERE log = 'acme' ORDER BY size"
    found = filled.client.execute(query).fetchall()
    rows = [(rowid, value, names("acme", first, size)) for rowid, value, first, size in found]
    try_every_bit("audit_batch", column, rows, filled, lambda: long_log(filled), apart=3)


def test_every_bit_of_a_tile_is_named_with_its_first_record(filled: Filled) -> None:
    found = filled.client.execute("SELECT rowid, hashes, idx FROM audit_tile WHERE log = 'acme' ORDER BY idx").fetchall()
    rows = [(rowid, value, names("acme", idx * LEAVES)) for rowid, value, idx in found]
    try_every_bit("audit_tile", "hashes", rows, filled, lambda: long_log(filled))


@pytest.mark.parametrize("column", ["root", "note"])
def test_every_bit_of_a_checkpoint_is_named_with_its_last_record(filled: Filled, column: str) -> None:
    query = f"SELECT rowid, {column}, size FROM audit_checkpoint WHERE log = 'acme' ORDER BY size"
    found = filled.client.execute(query).fetchall()
    assert len(found) == RECORDS // PART
    rows = [(rowid, value, names("acme", size - 1)) for rowid, value, size in found]
    try_every_bit("audit_checkpoint", column, rows, filled, lambda: signed(filled))


@pytest.mark.parametrize("column", ["witness", "line"])
def test_every_bit_of_a_cosignature_is_named_with_its_last_record(filled: Filled, column: str) -> None:
    query = f"SELECT rowid, {column}, size FROM audit_cosignature WHERE log = 'acme' ORDER BY size"
    found = filled.client.execute(query).fetchall()
    assert len(found) == RECORDS // PART
    rows = [(rowid, value, names("acme", size - 1)) for rowid, value, size in found]
    try_every_bit("audit_cosignature", column, rows, filled, lambda: signed(filled))


@pytest.mark.parametrize("column", ["size", "chain", "root", "peaks"])
def test_every_bit_of_a_head_is_named_with_its_log(filled: Filled, column: str) -> None:
    query = f"SELECT rowid, {column}, log FROM audit_log_head WHERE log LIKE 'short-%' ORDER BY log"

    def named(log: str) -> Callable[[set[Place]], bool]:
        return lambda wrong: any(place[0] == log for place in wrong)

    rows = [(rowid, value, named(log)) for rowid, value, log in filled.client.execute(query).fetchall()]
    try_every_bit("audit_log_head", column, rows, filled, filled.wrong)
