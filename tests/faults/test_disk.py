"""A disk that is full, or that fails to confirm: refused in the open, nothing half said, and recovered where it can be."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from app.serving.application import create_app
from app.settings import Settings
from app.wiring.deployment import Deployment
from app.wiring.service import Service
from audit.database.engine import create_engine_for
from audit.verify.whole_log import verify_store
from tests.faults.drivers import ROOT, Nursery
from tests.faults.service import scripted

QUESTION = "What is inflation, and what does it do to a bond?"


@contextmanager
def quota(deployment: Deployment, pages: int) -> Iterator[None]:
    """The database may grow by so many pages and no more."""
    with deployment.engine.connect() as connection:
        most = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one()) + pages

    def bound(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")

    def free(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {2**30}")

    event.listen(deployment.engine, "begin", bound)
    try:
        yield
    finally:
        event.remove(deployment.engine, "begin", bound)
        event.listen(deployment.engine, "begin", free)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "sse"])
def test_a_full_disk_means_503_and_not_a_byte_of_an_unrecorded_answer_and_passes_without_a_restart(
    tmp_path: Path, stream: bool
) -> None:
    service = Service.open(Settings(home=tmp_path / "var"))
    deployment = service.deployment
    key = deployment.keys.create("halden", "caller", "test", ())
    client = create_app(service).test_client()

    def ask() -> Any:
        body = {"message": QUESTION, "stream": stream}
        return client.post("/v1/chat", json=body, headers={"Authorization": f"Bearer {key}"})

    with scripted(service, pause_s=0.0):
        assert "Sentence 3 about" in ask().text
        statuses, texts = [], []
        with quota(deployment, pages=30):
            for _ in range(20):
                response = ask()
                statuses.append(response.status_code)
                texts.append(response.text)
        refused = [text for text in texts if "audit_unavailable" in text]
        assert len(refused) >= 5
        assert not [text for text in refused if "event: done" in text]
        if not stream:
            assert set(statuses) == {200, 503}
            assert not [text for text in refused if "Sentence" in text]
        spoken = sum(text.count("event: segment") for text in texts)
        after = ask()
        assert after.status_code == 200
        assert "Sentence 3 about" in after.text
        released = [kind for kind in kinds(deployment) if kind == "released"]
        assert len(released) >= spoken
    service.close()
    engine = create_engine_for(deployment.settings.url)
    assert verify_store(engine).ok
    engine.dispose()


def kinds(deployment: Deployment) -> list[str]:
    with deployment.engine.connect() as connection:
        return list(connection.exec_driver_sql("SELECT kind FROM audit_record").scalars())


@pytest.mark.process
def test_files_that_may_not_grow_refuse_events_keep_the_acknowledged_ones_and_recover_without_a_restart(
    nursery: Nursery, sqlite_file: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{sqlite_file}"
    driver = nursery.start("limited", url=url, keys_url=f"sqlite:///{tmp_path}/keys.db", folder=str(tmp_path))

    def append() -> Any:
        driver.tell("append")
        return driver.hear()

    acknowledged = [append() for _ in range(30)]
    driver.tell(f"limit {(tmp_path / 'main.db-wal').stat().st_size + 20_000}")
    answers = [append() for _ in range(60)]
    refused = [one for one in answers if one[0] == "refused"]
    assert refused
    assert "disk" in refused[0][1] or "full" in refused[0][1]
    driver.tell("free")
    acknowledged += [one for one in answers if one[0] == "ok"]
    acknowledged += [append() for _ in range(10)]
    driver.kill()
    driver.rest()
    assert [one[0] for one in acknowledged] == ["ok"] * len(acknowledged)
    assert [one[1] for one in acknowledged] == list(range(len(acknowledged)))
    engine = create_engine_for(url)
    report = verify_store(engine)
    assert (report.ok, report.events) == (True, len(acknowledged)), report.problems
    engine.dispose()


SHIM = """
#include <errno.h>
#include <unistd.h>
#include <stdlib.h>
#include <sys/syscall.h>
static int broken(void) { const char *flag = getenv("FAULTY_DISK"); return flag && access(flag, F_OK) == 0; }
int fsync(int file) { if (broken()) { errno = EIO; return -1; } return syscall(SYS_fsync, file); }
int fdatasync(int file) { if (broken()) { errno = EIO; return -1; } return syscall(SYS_fdatasync, file); }
"""
WRITER = """
import json, os, sys
from audit.database.engine import create_engine_for
from audit.errors import AuditUnavailable
from audit.sealing.subject_keys import SubjectKeys
from audit.append.store import AuditStore
from tests.faults.drivers import KEK, step
store = AuditStore(create_engine_for(sys.argv[1]), SubjectKeys(sys.argv[2], KEK))
def append():
    try:
        return store.append("acme", step("released", "q-1")).wait().seq
    except AuditUnavailable as error:
        return str(error)
said = [append(), append()]
open(os.environ["FAULTY_DISK"], "w").close()
said += [append()]
os.unlink(os.environ["FAULTY_DISK"])
said += [append(), append()]
print(json.dumps(said))
"""


@pytest.mark.process
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (cc) to build the faulty disk with")
def test_a_disk_that_did_not_confirm_a_write_is_not_believed_a_second_time(sqlite_file: Path, tmp_path: Path) -> None:
    (tmp_path / "shim.c").write_text(SHIM)
    library = tmp_path / "shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "shim.c")], check=True)
    environ = {**os.environ, "LD_PRELOAD": str(library), "FAULTY_DISK": str(tmp_path / "faulty")}
    command = [sys.executable, "-c", WRITER, f"sqlite:///{sqlite_file}", f"sqlite:///{tmp_path}/keys.db"]
    found = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
    first, second, lost, later, last = json.loads(found.stdout)
    assert (first, second) == (0, 1)
    assert "cannot be written" in lost
    assert "restart the service" in later
    assert "restart the service" in last
    engine = create_engine_for(f"sqlite:///{sqlite_file}")
    assert verify_store(engine).ok
    engine.dispose()
