"""kill -9 at random points: what was acknowledged is there, the rest is whole, and the next start needs no repair."""

import random
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from audit.checkpoints.file import read_checkpoints
from audit.database import tables
from audit.verify.whole_log import LogTrust, verify_store
from tests.faults.drivers import GATES, LOG_KEY, Nursery, origin_of

pytestmark = pytest.mark.process

# Together with tests/faults/test_service.py: 200 and more on SQLite.
ROUNDS = {"sqlite": 200, "postgresql": 25}
VERIFIED_EVERY = 20


def stored_from(engine: Engine, seq: int) -> dict[int, tuple[str, str, str]]:
    record = tables.record.c
    with engine.connect() as connection:
        rows = connection.execute(
            select(record.seq, record.event_id, record.leaf, record.kind)
            .where(record.log == "acme", record.seq >= seq)
            .order_by(record.seq)
        )
        return {row.seq: (row.kind, row.event_id, row.leaf.hex()) for row in rows}


def test_no_acknowledged_event_is_missing_after_kill_9_at_any_moment(
    nursery: Nursery, engine: Engine, url: str, keys_url: str, tmp_path: Path
) -> None:
    rng = random.Random(1)
    trust = LogTrust(keys=(LOG_KEY.key,), file=tmp_path / "outside" / "checkpoints.jsonl", origin_of=origin_of)
    rounds = ROUNDS[engine.dialect.name]
    known, acknowledged, open_queries = 0, 0, set[str]()
    for number in range(rounds):
        driver = nursery.start("load", url=url, keys_url=keys_url, folder=str(tmp_path), round=number)
        heard: list[Any] = []
        for _ in range(rng.choice((0, 1, 2, 2, 5))):  # some die before they have written anything
            heard.append(driver.hear())
        time.sleep(rng.expovariate(1 / 0.03))
        driver.kill()
        heard += driver.rest()
        assert not [one for one in heard if one[0] == "error"], f"round {number} needed repair: {heard}"
        stored = stored_from(engine, known)
        assert list(stored) == list(range(known, known + len(stored))), f"round {number}: not gapless"
        for kind, _query, seq, event_id, leaf in [one for one in heard if one[0] in GATES]:
            assert stored[seq] == (kind, event_id, leaf), f"round {number}: an acknowledged event is missing"
            acknowledged += 1
        known += len(stored)
        for told in heard:
            if told[0] == "aborted":
                open_queries.update(told[1:])
        if number % VERIFIED_EVERY == VERIFIED_EVERY - 1 or number == rounds - 1:
            report = verify_store(engine, trust=trust)
            assert (report.ok, report.events) == (True, known), report.problems
    assert acknowledged > rounds
    assert not [one for one in read_checkpoints(trust.file or tmp_path) if isinstance(one, str)]
    assert open_queries, "no kill ever hit a query under way"
    no_query_ends_twice(engine)


def no_query_ends_twice(engine: Engine) -> None:
    record = tables.record.c
    ends = select(record.query).where(record.kind == "finished").group_by(record.query).having(func.count() > 1)
    with engine.connect() as connection:
        assert connection.scalars(ends).all() == []
