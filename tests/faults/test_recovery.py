"""A query whose process died has its record ended by the next start; one whose process lives is left alone."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from audit.append.abandoned import end_abandoned
from audit.append.store import AuditStore
from audit.database.engine import create_engine_for
from audit.read.reader import AuditReader
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from migrations.run import upgrade
from tests.faults.drivers import Driver, Nursery, step
from tests.support.waiting import eventually

Opened = Callable[..., AuditStore]


@pytest.fixture
def standing(nursery: Nursery, url: str, engine: Engine, keys_url: str, tmp_path: Path) -> Callable[[str], Driver]:
    """Starts a process that stands in the middle of a query."""

    def standing(query: str) -> Driver:
        driver = nursery.start("stand", url=url, keys_url=keys_url, folder=str(tmp_path), query=query)
        assert driver.hear() == query
        return driver

    return standing


@pytest.mark.process
def test_a_query_cut_off_between_its_gates_is_ended_as_aborted_once(
    standing: Callable[[str], Driver], engine: Engine, store: AuditStore, keys: SubjectKeys, opened: Opened
) -> None:
    dead = standing("q-dead")
    dead.kill()
    dead.rest()
    found = end_abandoned(engine, store, grace_s=0.0)
    assert (found.ended, found.undecided) == ((("acme", "q-dead"),), 0)
    *_, last = AuditReader(engine, keys).query("acme", "q-dead")
    assert (last.kind, last.labels["outcome"], last.labels["bot"], last.intact) == ("finished", "aborted", "rag", True)
    assert last.body is not None
    assert (last.body["segments"], last.body["reason"]) == (1, "the process ended before it could finish this answer")
    assert (last.actor, last.subject, last.conversation) == ("actor:9f1c", "subject:d", "conversation-1")
    (line,) = AuditReader(engine, keys).queries("acme", outcome="aborted")
    assert (line.query, line.finished) == ("q-dead", last.time)
    assert end_abandoned(engine, opened(engine), grace_s=0.0).ended == ()
    assert verify_store(engine).ok


@pytest.mark.process
def test_a_query_of_a_process_that_lives_goes_on(
    standing: Callable[[str], Driver], engine: Engine, store: AuditStore, keys: SubjectKeys
) -> None:
    living = standing("q-living")
    store.append("acme", step("received", "q-own")).wait()  # this process's own is under way too
    assert end_abandoned(engine, store, grace_s=0.0).ended == ()
    living.tell("finish")
    assert [living.hear(), living.hear()] == ["released", "finished"]
    living.kill()
    living.rest()
    assert end_abandoned(engine, store, grace_s=0.0).ended == ()
    kinds = [one.kind for one in AuditReader(engine, keys).query("acme", "q-living")]
    assert kinds == ["received", "routed", "released", "released", "finished"]


@pytest.mark.process
def test_several_that_start_at_once_end_it_once(
    standing: Callable[[str], Driver], engine: Engine, opened: Opened, keys: SubjectKeys
) -> None:
    for number in range(3):
        dead = standing(f"q-{number}")
        dead.kill()
        dead.rest()
    found: list[tuple[str, str]] = []
    stores = [opened(engine) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda store=store: found.extend(end_abandoned(engine, store, grace_s=0.0).ended))
        for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [("acme", "q-0"), ("acme", "q-1"), ("acme", "q-2")]
    assert [[one.kind for one in AuditReader(engine, keys).query("acme", f"q-{n}")].count("finished") for n in range(3)] == [
        1, 1, 1,
    ]  # fmt: skip


def test_a_store_that_was_closed_is_no_longer_present(engine: Engine, opened: Opened) -> None:
    first, second = opened(engine), opened(engine)
    first.append("acme", step("received", "q-1")).wait()
    assert end_abandoned(engine, second, grace_s=0.0).ended == ()
    first.close()
    ended = eventually(lambda: end_abandoned(engine, second, grace_s=0.0).ended)  # PostgreSQL notices a little later
    assert ended == (("acme", "q-1"),)


@pytest.mark.postgres
def test_a_writer_between_two_connections_is_given_time_to_come_back(
    postgres_url: str, opened: Opened, request: pytest.FixtureRequest
) -> None:
    """On PostgreSQL its sign of life goes with its connection, until its next event."""
    upgrade(postgres_url)
    ours, theirs = create_engine_for(postgres_url), create_engine_for(postgres_url)
    request.addfinalizer(ours.dispose)
    request.addfinalizer(theirs.dispose)
    connections: list[int] = []
    event.listen(theirs, "connect", lambda raw, _record: connections.append(raw.info.backend_pid))
    living, store = opened(theirs), opened(ours)
    living.append("acme", step("received", "q-1")).wait()
    with ours.connect() as connection:
        for pid in connections:
            connection.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    found = end_abandoned(ours, store)
    assert (found.ended, found.undecided) == ((), 1)
    living.append("acme", step("routed", "q-1")).wait()
    assert end_abandoned(ours, store, grace_s=0.0).ended == ()
