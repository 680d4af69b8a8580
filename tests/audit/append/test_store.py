"""Appending: gapless under load, durable before it is acknowledged, refused in the open when it cannot be."""

import random
import sqlite3
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.engine import make_url

from audit.append import store as storing
from audit.append.store import AuditStore
from audit.database import tables
from audit.database.engine import create_engine_for, writing
from audit.errors import AuditUnavailable, EventRefused
from audit.format.events import Receipt
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from migrations.run import upgrade
from tests.audit.conftest import entry, fill

ROOT = Path(__file__).parents[3]


def in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_the_first_event_of_a_log_has_number_0_and_the_next_follows(store: AuditStore) -> None:
    assert [store.append("acme", entry(n)).wait().seq for n in range(3)] == [0, 1, 2]
    assert store.append("other", entry()).wait().seq == 0


def test_many_threads_and_tenants_get_gapless_numbers_in_each_caller_s_order(engine: Engine, store: AuditStore) -> None:
    receipts: dict[int, list[Receipt]] = defaultdict(list)

    def work(number: int) -> None:
        tickets = [store.append(f"tenant-{number % 3}", entry(n)) for n in range(40)]
        receipts[number] = [ticket.wait(30) for ticket in tickets]

    in_threads(12, work)
    for tenant in range(3):
        mine = [receipts[number] for number in range(12) if number % 3 == tenant]
        assert sorted(one.seq for each in mine for one in each) == list(range(160))
        assert all([one.seq for one in each] == sorted(one.seq for one in each) for each in mine)
    report = verify_store(engine)
    assert (report.ok, report.events) == (True, 480)


def test_events_that_wait_together_share_a_commit(engine: Engine, store: AuditStore) -> None:
    store.append("acme", entry()).wait()
    with writing(engine) as blocker:
        blocker.execute(text("SELECT * FROM audit_log_head FOR UPDATE" if is_postgres(engine) else "SELECT 1"))
        tickets = [store.append("acme", entry(n)) for n in range(300)]
    assert [ticket.wait().seq for ticket in tickets] == list(range(1, 301))
    stats = store.stats()
    assert stats.events == 301
    assert stats.batches <= 3
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.batch)) == stats.batches


def test_every_waiting_thread_wakes_also_beside_some_that_gave_up(engine: Engine, store: AuditStore) -> None:
    store.append("acme", entry()).wait()
    seen: list[int] = []
    gave_up: list[int] = []
    left = threading.Semaphore(0)

    def work(number: int) -> None:
        ticket = tickets[number // 3]  # three threads for each
        try:
            seen.append(ticket.wait(0.01 if number % 4 == 1 else 300).seq)
        except AuditUnavailable:
            gave_up.append(number)
            left.release()

    with writing(engine) as blocker:
        blocker.execute(text("SELECT * FROM audit_log_head FOR UPDATE" if is_postgres(engine) else "SELECT 1"))
        tickets = [store.append("acme", entry(n)) for n in range(20)]
        threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(60)]
        for thread in threads:
            thread.start()
        for _ in range(15):
            assert left.acquire(timeout=30)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert sorted(gave_up) == list(range(1, 60, 4))
    assert sorted(seen) == sorted(1 + number // 3 for number in range(60) if number % 4 != 1)


def test_a_batch_never_exceeds_512_events(engine: Engine, store: AuditStore) -> None:
    store.append("acme", entry()).wait()
    with writing(engine) as blocker:
        blocker.execute(text("SELECT * FROM audit_log_head FOR UPDATE" if is_postgres(engine) else "SELECT 1"))
        tickets = [store.append("acme", entry(n)) for n in range(1100)]
    assert tickets[-1].wait(30).seq == 1100
    assert store.stats().largest_batch == 512


def is_postgres(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def test_an_acknowledged_event_is_there_for_another_connection(engine: Engine, store: AuditStore) -> None:
    receipt = store.append("acme", entry()).wait()
    with engine.connect() as connection:
        row = connection.execute(select(tables.record).where(tables.record.c.event_id == receipt.event_id)).one()
    assert (row.log, row.seq, row.leaf.hex()) == (receipt.log, receipt.seq, receipt.leaf)


def test_closing_writes_what_is_pooled_and_then_refuses(engine: Engine, opened: Callable[..., AuditStore]) -> None:
    store = opened(engine)
    tickets = [store.append("acme", entry(n)) for n in range(200)]
    store.close()
    assert [ticket.wait(0).seq for ticket in tickets] == list(range(200))
    with pytest.raises(AuditUnavailable, match="closed"):
        store.append("acme", entry())


def test_nothing_of_a_body_is_in_the_clear_in_the_database(sqlite_file: Path, opened: Callable[..., AuditStore]) -> None:
    engine = create_engine_for(f"sqlite:///{sqlite_file}")
    store = opened(engine)
    store.append("acme", entry(body={"text": "Marguerite Duval, DE89370400440532013000"})).wait()
    on_disk = b"".join(path.read_bytes() for path in sqlite_file.parent.iterdir())
    assert b"judged" in on_disk
    assert b"Duval" not in on_disk
    assert b"DE8937" not in on_disk
    engine.dispose()


def test_an_event_without_a_canonical_form_is_refused_and_the_log_goes_on(engine: Engine, store: AuditStore) -> None:
    for body in ({"score": 0.5}, {"text": "\ud800"}, {"text": "x" * (1 << 20)}):
        with pytest.raises(EventRefused):
            store.append("acme", entry(body=body))
    with pytest.raises(EventRefused):
        store.append("", entry())
    assert store.append("acme", entry()).wait().seq == 0
    assert verify_store(engine).ok


# Faults


@pytest.mark.process
def test_a_full_disk_refuses_events_and_the_store_recovers_without_a_restart(
    sqlite_file: Path, opened: Callable[..., AuditStore]
) -> None:
    engine = create_engine_for(f"sqlite:///{sqlite_file}")
    limit = [2**30]

    @event.listens_for(engine, "begin")
    def bound(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {limit[0]}")

    store = opened(engine)
    fill(store, 20)
    with engine.connect() as connection:
        limit[0] = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one()) + 3
    acknowledged = 20
    with pytest.raises(AuditUnavailable, match="full"):  # noqa: PT012  at some event, not known which
        for n in range(200):
            store.append("acme", entry(n, query=f"during-{n}")).wait()
            acknowledged += 1
    report = verify_store(engine)
    assert (report.ok, report.events) == (True, acknowledged)
    limit[0] = 2**30
    assert store.append("acme", entry(query="after")).wait().seq == acknowledged
    assert verify_store(engine).ok
    engine.dispose()


def test_a_query_that_lost_an_event_lets_nothing_out_any_more(sqlite_file: Path, opened: Callable[..., AuditStore]) -> None:
    engine = create_engine_for(f"sqlite:///{sqlite_file}")
    store = opened(engine, retry_for=0.0)
    fill(store, 5)
    failing = [True]

    @event.listens_for(engine, "before_cursor_execute")
    def fail(_connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        if failing[0] and statement.startswith("INSERT INTO audit_record"):
            raise sqlite3.OperationalError("disk I/O error")

    lost = store.append("acme", entry(query="unlucky"))
    with pytest.raises(AuditUnavailable):
        lost.wait()
    failing[0] = False
    with pytest.raises(AuditUnavailable, match="earlier event of this query"):
        store.append("acme", entry(kind="released", query="unlucky")).wait()
    assert store.append("acme", entry(kind="released", query="lucky")).wait().seq == 6
    assert store.append("other", entry(kind="released", query="unlucky")).wait().seq == 0
    assert verify_store(engine).ok
    engine.dispose()


def test_a_query_that_goes_on_is_not_forgotten_as_incomplete_however_many_others_lose_events(
    engine: Engine, opened: Callable[..., AuditStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "_LOST_KEPT", 3)
    store = opened(engine)
    seal = storing.seal_body

    def failing_for_some(keys: SubjectKeys, subject: str, *rest: Any) -> Any:
        if subject == "subject:none":
            raise OSError("the key store is away")
        return seal(keys, subject, *rest)

    monkeypatch.setattr(storing, "seal_body", failing_for_some)
    for other in ("goes on", *(f"other {number}" for number in range(8))):
        with pytest.raises(AuditUnavailable, match="key store"):
            store.append("acme", entry(query=other, subject="subject:none"))
        with pytest.raises(AuditUnavailable, match="earlier event of this query"):
            store.append("acme", entry(kind="released", query="goes on")).wait()


def test_a_key_store_that_cannot_be_used_makes_the_log_unavailable(
    engine: Engine, store: AuditStore, tmp_path: Path
) -> None:
    store.append("acme", entry()).wait()
    client = sqlite3.connect(tmp_path / "keys.db")
    client.execute("DROP TABLE sealing_key")
    client.close()
    with pytest.raises(AuditUnavailable, match="key store"):
        store.append("acme", entry(subject="subject:new"))
    assert verify_store(engine).events == 1


def test_a_full_pool_refuses_instead_of_growing(engine: Engine, opened: Callable[..., AuditStore]) -> None:
    store = opened(engine, capacity=8, patience=0.05)
    store.append("acme", entry()).wait()
    with writing(engine) as blocker:
        blocker.execute(text("SELECT * FROM audit_log_head FOR UPDATE" if is_postgres(engine) else "SELECT 1"))
        tickets = [store.append("acme", entry(n)) for n in range(8)]
        with pytest.raises(AuditUnavailable, match="pool is full"):
            store.append("acme", entry(query="one too many"))
        with pytest.raises(AuditUnavailable, match="did not confirm"):
            tickets[0].wait(0.05)
    assert [ticket.wait().seq for ticket in tickets] == list(range(1, 9))


def driver_error(engine: Engine, message: str) -> Exception:
    return psycopg.OperationalError(message) if is_postgres(engine) else sqlite3.OperationalError(message)


def test_a_commit_whose_confirmation_was_lost_doubles_nothing(
    engine: Engine, store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 5)
    commits = [0]
    commit = engine.dialect.do_commit

    def unreliable(connection: Any) -> None:
        commits[0] += 1
        if commits[0] % 5 != 1:
            commit(connection)  # on the disk, but nobody is told
        if commits[0] % 5 in (1, 3):
            raise driver_error(engine, "connection is locked up")

    monkeypatch.setattr(engine.dialect, "do_commit", unreliable)
    receipts = [store.append("acme", entry(n)).wait() for n in range(40)]
    monkeypatch.undo()
    assert commits[0] > 60
    assert [one.seq for one in receipts] == list(range(5, 45))
    report = verify_store(engine)
    assert (report.ok, report.events) == (True, 45)


@pytest.mark.postgres
def test_a_terminated_connection_is_taken_up_again(
    postgres_url: str, opened: Callable[..., AuditStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(postgres_url)
    engine = create_engine_for(postgres_url)
    store = opened(engine)
    fill(store, 5)
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    commit = engine.dialect.do_commit
    killed = [0]
    with psycopg.connect(plain, autocommit=True) as admin:

        def kill_now_and_then(connection: Any) -> None:
            if random.random() < 0.3:
                killed[0] += 1
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.driver_connection.info.backend_pid])
            commit(connection)

        random.seed(1)
        monkeypatch.setattr(engine.dialect, "do_commit", kill_now_and_then)
        receipts = [store.append("acme", entry(n)).wait() for n in range(30)]
        monkeypatch.undo()
    assert killed[0] > 3
    assert [one.seq for one in receipts] == list(range(5, 35))
    assert verify_store(engine).ok
    engine.dispose()


@pytest.mark.parametrize("column", ["size", "chain", "root", "peaks"])
def test_nothing_is_appended_to_a_head_that_was_tampered_with(
    sqlite_file: Path, opened: Callable[..., AuditStore], column: str
) -> None:
    engine = create_engine_for(f"sqlite:///{sqlite_file}")
    first = opened(engine)
    fill(first, 7)
    first.close()
    client = sqlite3.connect(sqlite_file)
    client.execute("DROP TRIGGER audit_log_head_update")
    client.execute(f"UPDATE audit_log_head SET {column} = " + ("6" if column == "size" else "zeroblob(length(chain))"))
    client.commit()
    client.close()
    with pytest.raises(AuditUnavailable, match=r"audit verify|do not fit"):
        opened(engine).append("acme", entry()).wait()
    engine.dispose()


# Several processes

WRITER = """
import sys, threading
from audit.database.engine import create_engine_for
from audit.sealing.subject_keys import SubjectKeys
from audit.append.store import AuditStore
from tests.audit.conftest import KEK, entry
url, keys_url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = AuditStore(create_engine_for(url), SubjectKeys(keys_url, KEK))
lock = threading.Lock()
def work(number):
    for n in range(count):
        receipt = store.append("acme", entry(n)).wait(60)
        with lock:
            print(receipt.seq, receipt.event_id, receipt.leaf, flush=True)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
store.close()
"""


def writer(url: str, keys_url: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, keys_url, str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def acknowledged(process: subprocess.Popen[str]) -> list[tuple[int, str, str]]:
    assert process.stdout is not None
    lines = [line.split() for line in process.stdout if line.endswith("\n")]
    return [(int(seq), event_id, leaf) for seq, event_id, leaf in lines]


@pytest.mark.process
def test_two_processes_share_one_gapless_log(engine: Engine, url: str, tmp_path: Path, keys: SubjectKeys) -> None:
    processes = [writer(url, f"sqlite:///{tmp_path}/keys.db", 40) for _ in range(2)]
    receipts = [one for process in processes for one in acknowledged(process)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(seq for seq, _, _ in receipts) == list(range(320))
    report = verify_store(engine)
    assert (report.ok, report.events) == (True, 320)


@pytest.mark.process
def test_a_writer_killed_in_mid_load_leaves_every_acknowledged_event_and_a_sound_log(
    engine: Engine, url: str, tmp_path: Path, keys: SubjectKeys, opened: Callable[..., AuditStore]
) -> None:
    receipts: list[tuple[int, str, str]] = []
    for seen in (5, 60, 200):
        process = writer(url, f"sqlite:///{tmp_path}/keys.db", 100_000)
        assert process.stdout is not None
        for _ in range(seen):
            seq, event_id, leaf = process.stdout.readline().split()
            receipts.append((int(seq), event_id, leaf))
        process.kill()
        receipts += acknowledged(process)
        process.wait(60)
    report = verify_store(engine)
    assert report.ok, report.problems
    record = tables.record.c
    with engine.connect() as connection:
        stored = {
            (row.seq, row.event_id, row.leaf.hex())
            for row in connection.execute(select(record.seq, record.event_id, record.leaf))
        }
    assert set(receipts) <= stored
    assert opened(engine).append("acme", entry()).wait().seq == report.events
