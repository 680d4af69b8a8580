"""A clock that is set back or ahead: nothing fails, order stays the sequence's, and the log says that it happened."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from audit.append import clock
from audit.append.store import AuditStore
from audit.read.reader import AuditReader
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from tests.faults.drivers import STEPS, step

HOUR_US = 3_600_000_000


class Hands:
    """The wall clock in the test's hands; the monotonic one goes on by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        true = clock.time_ns
        self.off_us = 0
        monkeypatch.setattr(clock, "time_ns", lambda: true() + self.off_us * 1000)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


def ask(store: AuditStore, query: str, tenant: str = "acme") -> list[int]:
    return [store.append(tenant, step(kind, query)).wait().seq for kind in STEPS]


def jumps(engine: Engine, tenant: str = "acme") -> list[tuple[int, int]]:
    with engine.connect() as connection:
        seqs = connection.exec_driver_sql(
            f"SELECT seq FROM audit_record WHERE kind = 'clock.jumped' AND log = '{tenant}' ORDER BY seq"
        ).scalars()
        return [(seq, told(connection, tenant, seq)["labels"]["by_us"]) for seq in seqs.all()]


def told(connection: Any, tenant: str, seq: int) -> Any:
    query = f"SELECT envelope FROM audit_record WHERE log = '{tenant}' AND seq = {seq}"
    return json.loads(bytes(connection.exec_driver_sql(query).scalar_one()))


@pytest.mark.parametrize("by_us", [-HOUR_US, HOUR_US, -2_000_000], ids=["an hour back", "an hour ahead", "a leap"])
def test_a_clock_that_is_set_is_recorded_and_changes_neither_order_nor_durations(
    engine: Engine, store: AuditStore, keys: SubjectKeys, hands: Hands, by_us: int
) -> None:
    ask(store, "q-1")
    opening = [store.append("acme", step(kind, "q-2")).wait().seq for kind in STEPS[:2]]
    hands.off_us = by_us
    rest = [store.append("acme", step(kind, "q-2")).wait().seq for kind in STEPS[2:]]
    ask(store, "q-3")
    assert (opening, rest) == ([5, 6], [8, 9, 10])
    ((seq, recorded),) = jumps(engine)
    assert seq == 7
    assert abs(recorded - by_us) < 500_000
    reader = AuditReader(engine, keys)
    assert [line.query for line in reader.queries("acme")] == ["q-3", "q-2", "q-1"]
    journey = reader.query("acme", "q-2")
    assert [view.kind for view in journey] == list(STEPS)
    assert all(0 <= view.after_us < 60_000_000 for view in journey)
    assert verify_store(engine).ok


def test_each_log_that_goes_on_says_it_once(engine: Engine, store: AuditStore, hands: Hands) -> None:
    for tenant in ("acme", "other"):
        ask(store, "q-1", tenant)
    hands.off_us = -HOUR_US
    for number in range(3):
        for tenant in ("acme", "other"):
            ask(store, f"q-{number}", tenant)
    assert [seq for seq, _ in jumps(engine)] == [5]
    assert [seq for seq, _ in jumps(engine, "other")] == [5]


def test_a_clock_that_a_time_server_corrects_little_by_little_did_not_jump(
    engine: Engine, store: AuditStore, hands: Hands
) -> None:
    for number in range(30):
        hands.off_us += 100_000
        ask(store, f"q-{number}")
    assert jumps(engine) == []
