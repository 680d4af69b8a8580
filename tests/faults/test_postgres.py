"""PostgreSQL crashed, gone and frozen under a service that goes on: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from audit.append.store import AuditStore
from audit.database import tables
from audit.database.engine import create_engine_for
from audit.errors import AuditUnavailable
from audit.verify.whole_log import LogTrust, verify_store
from migrations.run import upgrade
from tests.faults.drivers import GATES, LOG_KEY, Driver, Nursery, origin_of, step
from tests.faults.server import Server, a_server, frozen
from tests.support.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.process]
CRASHES, WRITERS = 3, 2


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server() as server:
        yield server


@pytest.fixture
def own(server: Server) -> Iterator[Engine]:
    """A migrated database on the tests' own server, emptied of what the test before it left."""
    fresh = create_engine_for(server.url)
    with fresh.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    upgrade(server.url)
    yield fresh
    fresh.dispose()


class Listener:
    """Hears all that one driver says, while it runs."""

    def __init__(self, driver: Driver) -> None:
        self.driver, self.heard = driver, list[Any]()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        try:
            while True:
                self.heard.append(self.driver.hear())
        except EOFError:
            return

    def acknowledged(self) -> list[Any]:
        return [one for one in self.heard if one[0] in GATES]

    def end(self) -> None:
        self.driver.kill()
        self._thread.join(20)
        self.driver.rest()


def test_a_server_that_crashes_loses_nothing_acknowledged_and_the_writers_go_on_by_themselves(
    server: Server, own: Engine, nursery: Nursery, tmp_path: Path
) -> None:
    told = {"url": server.url, "keys_url": f"sqlite:///{tmp_path}/keys.db", "folder": str(tmp_path)}
    listeners = [Listener(nursery.start("load", round=n, **told)) for n in range(WRITERS)]
    try:
        for number in range(CRASHES):
            before = [len(one.acknowledged()) for one in listeners]
            eventually(
                lambda before=before: all(len(o.acknowledged()) > n + 10 for o, n in zip(listeners, before, strict=True))
            )
            time.sleep(0.05 * number)
            server.crash()
            server.start()
        before = [len(one.acknowledged()) for one in listeners]
        eventually(lambda: all(len(o.acknowledged()) > n + 10 for o, n in zip(listeners, before, strict=True)))
    finally:
        for one in listeners:
            one.end()
    assert not [said for one in listeners for said in one.heard if said[0] == "error"]
    report = verify_store(
        own, trust=LogTrust((LOG_KEY.key,), file=tmp_path / "outside" / "checkpoints.jsonl", origin_of=origin_of)
    )
    assert report.ok, report.problems
    record = tables.record.c
    with own.connect() as connection:
        rows = connection.execute(select(record.seq, record.kind, record.event_id, record.leaf).order_by(record.seq)).all()
    assert [row.seq for row in rows] == list(range(len(rows)))
    stored = {row.seq: [row.kind, row.event_id, row.leaf.hex()] for row in rows}
    for one in listeners:
        for kind, _query, seq, event_id, leaf in one.acknowledged():
            assert stored[seq] == [kind, event_id, leaf]


def backends(engine: Engine) -> list[int]:
    """Of the log's writers: whoever holds a sign of life."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")
        return list(found.scalars())


def test_a_server_that_stands_still_around_a_commit_is_waited_for_refused_and_nothing_is_there_twice(
    own: Engine, server: Server, opened: Callable[..., AuditStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(own)
    first.append("acme", step("received", "q-0")).wait()
    (pid,) = backends(own)
    other_engine = create_engine_for(server.url)
    other = opened(other_engine)
    commit, still = own.dialect.do_commit, threading.Event()

    def freeze_once(connection: Any) -> None:
        if not still.is_set():
            os.kill(pid, signal.SIGSTOP)
            still.set()
        commit(connection)

    monkeypatch.setattr(own.dialect, "do_commit", freeze_once)
    try:
        ticket = first.append("acme", step("released", "q-0"))
        assert still.wait(10)
        with pytest.raises(AuditUnavailable, match="did not confirm"):  # so nothing is released
            ticket.wait(0.3)
        theirs = other.append("acme", step("received", "q-1"))  # another replica waits for the head
        with pytest.raises(AuditUnavailable, match="did not confirm"):
            theirs.wait(0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert [ticket.wait(20).seq, theirs.wait(20).seq] == [1, 2]
    report = verify_store(own)
    assert (report.ok, report.events) == (True, 3)
    other.close()
    other_engine.dispose()


def test_each_client_s_events_keep_their_order_while_the_server_stands_still_now_and_then(
    own: Engine, opened: Callable[..., AuditStore]
) -> None:
    store = opened(own)
    store.append("acme", step("received", "q-first")).wait()
    (pid,) = backends(own)
    seqs: dict[int, list[int]] = {n: [] for n in range(6)}

    def client(number: int) -> None:
        for turn in range(25):
            seqs[number].append(store.append("acme", step("released", f"q-{number}-{turn}")).wait(30).seq)

    threads = [threading.Thread(target=client, args=(number,)) for number in seqs]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with frozen(pid):
            time.sleep(0.02)
        time.sleep(0.03)
    assert all(mine == sorted(mine) for mine in seqs.values())
    assert sorted(seq for mine in seqs.values() for seq in mine) == list(range(1, 151))
    assert verify_store(own).ok
