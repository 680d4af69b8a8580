"""A PostgreSQL server of the tests' own, to be stopped, crashed and frozen; nobody else's database is on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.sharing import free_port

USER = "postgres"


class Server:
    """Durable as it comes: fsync and synchronous_commit are on."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self._binaries, self._data, self._folder = binaries, folder / "data", folder
        self._as = USER if os.getuid() == 0 else None  # PostgreSQL refuses to run as root
        if self._as:
            shutil.chown(folder, self._as)
        self.port = free_port()
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", USER, "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-o", options, "-w", "start")

    def crash(self) -> None:
        """At once, without a word to anybody, and without a last checkpoint."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        subprocess.run(
            command, check=True, user=self._as, cwd=self._folder, timeout=60, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def a_server() -> Iterator[Server]:
    """Skips the test where PostgreSQL's programs are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = shutil.which("initdb") or (str(found[-1]) if found else None)
    if path is None:
        pytest.skip("PostgreSQL's own programs (initdb, pg_ctl) are not installed here")
    folder = Path(tempfile.mkdtemp(prefix="countersign-postgres-"))  # not below a folder that only root may enter
    try:
        server = Server(Path(path).parent, folder)
        server.start()
        yield server
        server.crash()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that neither runs nor dies."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
