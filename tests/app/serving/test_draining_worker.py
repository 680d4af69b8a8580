"""The service's door at its start and at its end: a real server, a real socket, nobody cut off who was let in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from app.wiring.key_material import open_keys
from tests.support.sharing import free_port
from tests.support.waiting import eventually

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]


@dataclass
class Service:
    """The real server with a scripted model (tests/faults/service.py)."""

    process: subprocess.Popen[bytes]
    port: int
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=5)

    def ask(self, **more: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        body = {"message": "What is inflation?", **more}
        return httpx.post(f"{self.url}/v1/chat", json=body, headers=headers, trust_env=False, timeout=30)

    def is_open(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True

    def until_ready(self) -> None:
        eventually(lambda: self.is_open() and self.get("/readyz").status_code == 200, 60)


@contextmanager
def service(home: Path, **settings: str) -> Iterator[Service]:
    engine, ring = open_keys(Settings(home=home))
    key = ring.create("halden", "caller", "test", ())
    engine.dispose()
    port = free_port()
    environ = {**os.environ, "COUNTERSIGN_LOG_FILE": str(home.parent / "service.log"), **settings}
    command = [sys.executable, "-m", "tests.faults.service", str(home), str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        yield Service(process, port, key)
    finally:
        process.kill()
        process.wait(20)


def test_a_service_that_is_to_end_says_so_and_still_answers_until_the_door_is_closed(tmp_path: Path) -> None:
    with service(tmp_path / "var", COUNTERSIGN_DRAIN_GRACE_S="2") as found:
        found.until_ready()
        kept = ask_on_one_connection(found)
        found.process.terminate()
        eventually(lambda: found.get("/readyz").status_code == 503)
        answer = found.ask()
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
        assert ask_on_one_connection(found, kept) is None, "it said that the connection stays"
        assert found.process.wait(30) == 0
        assert not found.is_open()


def ask_on_one_connection(found: Service, sock: socket.socket | None = None) -> socket.socket | None:
    """The connection, where it is kept after the answer."""
    sock = sock or socket.create_connection(("127.0.0.1", found.port), timeout=10)
    sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
    said = b""
    while b'"ok"}' not in said:
        more = sock.recv(4096)
        assert more, "the connection broke before an answer"
        said += more
    if b"connection: close" in said.lower():
        sock.close()
        return None
    return sock


def test_the_door_closes_before_the_last_answer_ends_and_whoever_was_let_in_is_answered(tmp_path: Path) -> None:
    """Of connections that are made all the time until the first is refused, each gets its answer, however late it asks."""
    with service(tmp_path / "var", COUNTERSIGN_DRAIN_GRACE_S="0.5") as found:
        found.until_ready()
        found.process.terminate()
        connected = []
        while True:
            try:
                connected.append(socket.create_connection(("127.0.0.1", found.port), timeout=5))
            except OSError:
                break
            time.sleep(0.01)
        assert found.process.poll() is None, "the door was open until the process had ended"
        for sock in connected:
            assert ask_on_one_connection(found, sock) is None
        assert found.process.wait(30) == 0
        assert len(connected) > 10


def test_an_interrupt_ends_it_at_once_also_while_it_is_leaving(tmp_path: Path) -> None:
    with service(tmp_path / "var", COUNTERSIGN_DRAIN_GRACE_S="20") as found:
        found.until_ready()
        found.process.terminate()
        eventually(lambda: found.get("/readyz").status_code == 503)
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(10) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="a listening socket can be shut and opened again on Linux alone")
def test_a_service_may_keep_its_door_closed_until_it_is_ready(tmp_path: Path) -> None:
    """The first answer that it ever gives at /readyz is that it is ready."""
    with service(tmp_path / "var", COUNTERSIGN_OPEN_WHEN_READY="true") as found:
        seen: list[int] = []

        def look() -> bool:
            try:
                seen.append(found.get("/readyz").status_code)
            except httpx.ConnectError:
                return False
            return True

        eventually(look, 60)
        assert seen == [200]
        assert found.ask().status_code == 200
        found.process.terminate()
        assert found.process.wait(30) == 0


def test_a_service_whose_database_is_away_says_so_in_one_line_and_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://service:secret@127.0.0.1:{free_port()}/countersign"
    environ = {**os.environ, "COUNTERSIGN_DATABASE_URL": url, "COUNTERSIGN_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "app", "migrate"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "the database cannot be used" in done.stderr
    assert "secret" not in done.stderr
