"""Many service processes append to one gapless log, on both engines, with one key store between them."""

import json
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from audit.append.store import AuditStore
from audit.database.tables import record
from audit.kinds import JUDGED
from audit.read.reader import AuditReader
from audit.retention.desk import RetentionDesk
from audit.sealing.subject_keys import SubjectKeys
from audit.verify.whole_log import verify_store
from tests.audit.conftest import KEK

pytestmark = pytest.mark.process

PROCESSES, THREADS, EVENTS = 5, 3, 40

SERVICE = """
import json, sys, threading
from audit.database.engine import create_engine_for
from audit.format.events import Entry
from audit.kinds import JUDGED
from audit.sealing.subject_keys import SubjectKeys
from audit.append.store import AuditStore

url, keys_url, name, threads, events = sys.argv[1:4] + [int(one) for one in sys.argv[4:]]
keys = SubjectKeys(keys_url, bytes(range(32)))
store = AuditStore(create_engine_for(url), keys, strict=False)
printing = threading.Lock()
sys.stdin.readline()

def work(thread):
    for number in range(events):
        tenant, subject = ("acme", "other")[number % 2], f"subject {number % 7}"
        entry = Entry(JUDGED, f"{name}.{thread}", None, name, subject, body={"number": number})
        receipt = store.append(tenant, entry).wait(60)
        with printing:
            print(json.dumps([receipt.log, receipt.seq, receipt.event_id, f"{name}.{thread}", number]), flush=True)

workers = [threading.Thread(target=work, args=(thread,)) for thread in range(threads)]
for worker in workers: worker.start()
for worker in workers: worker.join()
store.close()
"""


@pytest.fixture
def keys_url(url: str, tmp_path: Path) -> str:
    """The key store of several machines is on PostgreSQL too, apart from the log in a real deployment."""
    return f"sqlite:///{tmp_path}/shared-keys.db" if url.startswith("sqlite") else url


def start(url: str, keys_url: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(SERVICE), url, keys_url, name, str(THREADS), str(EVENTS)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def acknowledged(said: str) -> list[Any]:
    return [json.loads(line) for line in said.splitlines() if line.endswith("]")]


def test_many_processes_append_to_one_gapless_log_and_read_each_other_s_events(
    url: str, keys_url: str, engine: Engine
) -> None:
    services = [start(url, keys_url, f"p{number}") for number in range(PROCESSES)]
    for service in services:
        assert service.stdin is not None
        service.stdin.write("go\n")
        service.stdin.flush()
    services[0].stdout.readline()  # type: ignore[union-attr]
    services[0].kill()  # one of them dies in the midst of its load
    acks = [ack for service in services for ack in acknowledged(service.communicate(timeout=120)[0])]
    assert [service.returncode for service in services[1:]] == [0] * (PROCESSES - 1)

    report = verify_store(engine)
    assert report.problems == []
    with engine.connect() as connection:
        rows = connection.execute(select(record.c.log, record.c.seq, record.c.event_id).order_by(record.c.seq)).all()
    stored = {(row.log, row.seq): row.event_id for row in rows}
    for log in ("acme", "other"):
        numbers = [row.seq for row in rows if row.log == log]
        assert numbers == list(range(len(numbers)))
    assert {(log, seq): event for log, seq, event, *_ in acks}.items() <= stored.items()
    assert len(rows) - len(acks) <= THREADS + 1  # only the killed one's last events may be stored and not acknowledged

    order: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for log, seq, _, worker, number in acks:
        order[log, worker].append((number, seq))
    assert all([seq for _, seq in sorted(told)] == sorted(seq for _, seq in told) for told in order.values())

    keys = SubjectKeys(keys_url, KEK)
    views = AuditReader(engine, keys).of_kinds("acme", [JUDGED])
    assert {view.state for view in views} == {"open"}
    assert all(view.intact for view in views)
    keys.close()


def test_an_erasure_reaches_processes_in_full_swing(url: str, keys_url: str, engine: Engine) -> None:
    """What they had recorded of the subject before is erased; what they record after opens with a new key."""
    services = [start(url, keys_url, f"p{number}") for number in range(3)]
    keys = SubjectKeys(keys_url, KEK)
    store = AuditStore(engine, keys, strict=False)
    for service in services:
        assert service.stdin is not None
        assert service.stdout is not None
        service.stdin.write("go\n")
        service.stdin.flush()
    for service in services:
        service.stdout.readline()  # type: ignore[union-attr]
    done = RetentionDesk(engine, store, keys).request_erasure("acme", "key:1", "subject 0", "asked")
    assert done.state == "done"
    for service in services:
        service.communicate(timeout=120)
    store.close()
    assert [service.returncode for service in services] == [0] * 3
    mine = [view for view in AuditReader(engine, keys).of_kinds("acme", [JUDGED]) if view.subject == "subject 0"]
    assert {view.state for view in mine if view.seq < (done.decided or 0)} <= {"erased"}
    assert all(view.intact and view.state in ("open", "erased") for view in mine)
    states = [view.state for view in mine]
    assert states.count("erased") >= 1
    assert verify_store(engine).ok
    keys.close()
