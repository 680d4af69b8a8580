"""An installation of several replicas as docs/shapes.md describes it, on one machine: PostgreSQL of its own, two processes
of `countersign serve` that share keys and databases, a steady model that speaks OpenAI's API, nginx and HAProxy before both.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from alembic.script import ScriptDirectory
from sqlalchemy import Executable, select, text

from audit.database import tables
from audit.database.engine import create_engine_for
from audit.read.reader import AuditReader
from audit.sealing.kek import load_kek
from audit.sealing.subject_keys import SubjectKeys
from benchmarks import load as benchmark
from migrations.run import alembic_config
from tests.deploy.callers import Heard
from tests.deploy.proxies import KINDS, Proxy, started
from tests.faults.server import Server, a_server
from tests.support.sharing import free_port
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
READY_S = 180
KNOWN_S = 6
"""Until both proxies send questions to a replica that is ready: HAProxy asks twice, nginx gave it up for five seconds."""

ROOMS = ("app", "orchestrator", "moderation", "audit", "retrieval", "inference", "migrations")
NEXT = "9.9.9"
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{before}", None, None


def upgrade() -> None:
    op.create_table("next_thing", sa.Column("id", sa.Text, primary_key=True))
    op.add_column("conversation", sa.Column("next_thing", sa.Text, nullable=True))
    op.add_column("kill_switch", sa.Column("next_thing", sa.Integer, nullable=False, server_default="0"))
"""


@dataclass
class Replica:
    """One `countersign serve`. source: the tree of the version that runs; log: what it says."""

    port: int
    home: Path
    environment: Mapping[str, str]
    source: Path = ROOT
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home / "service.log"

    def start(self, source: Path | None = None) -> None:
        self.source = source or self.source
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve"], cwd=self.source, env={**os.environ, **self.environment},
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def until_ready(self) -> None:
        eventually(self._ready, READY_S)

    def stop(self) -> int:
        """As the unit does it: SIGTERM, and wait. Returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def version(self) -> str:
        described = httpx.get(f"http://127.0.0.1:{self.port}/openapi.json", timeout=5, trust_env=False).json()
        return str(described["info"]["version"])

    def status(self) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"it ended by itself: {self.log.read_text()[-2000:]}"
        return self.status() == 200


@dataclass
class Fleet:
    """Everything, running. folder: what the replicas share; environment: of any command for this installation."""

    folder: Path
    database: Server
    replicas: Sequence[Replica]
    proxies: Sequence[Proxy]
    environment: Mapping[str, str]
    key: str

    @property
    def addresses(self) -> list[str]:
        return [f"https://localhost:{one.port}" for one in self.proxies]

    @property
    def trusted(self) -> Path:
        """The certificates of all proxies."""
        path = self.folder / "trusted.pem"
        path.write_text("".join((one.folder / "server.crt").read_text() for one in self.proxies))
        return path

    @property
    def source(self) -> Path:
        return self.replicas[0].source

    def countersign(self, *arguments: str, source: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command of the version that runs, or of another's tree."""
        environ = {**os.environ, **self.environment, "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            cwd=source or self.source, env=environ, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def told(self, *arguments: str, source: Path | None = None) -> str:
        """What a command that succeeds says."""
        done = self.countersign(*arguments, source=source)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr  # tables and notes go to the latter

    def roll(self, source: Path | None = None) -> None:
        """Replica after replica, as docs/operations.md says: told to end, started anew, and waited for."""
        for replica in self.replicas:
            assert replica.stop() == 0, replica.log.read_text()[-2000:]
            replica.start(source)
            replica.until_ready()
            time.sleep(KNOWN_S)

    def verify(self, heard: Heard) -> None:
        """Each answer's record is whole and where its receipt says, nothing was asked twice, no number is missing, and the
        log verifies."""
        engine = create_engine_for(self.database.url)
        keys = SubjectKeys(self.environment["COUNTERSIGN_KEYS_DATABASE_URL"], load_kek(self.folder / "kek"))
        try:
            reader, record = AuditReader(engine, keys), tables.record.c
            with engine.connect() as connection:
                numbers = list(
                    connection.execute(select(record.seq).where(record.log == "halden").order_by(record.seq)).scalars()
                )
            assert numbers == list(range(len(numbers)))
            for query, receipt in heard.receipts.items():
                events = reader.query("halden", query)
                kinds = [event.kind for event in events]
                assert (kinds[0], kinds.count("received"), kinds.count("finished")) == ("received", 1, 1), (query, kinds)
                ending = events[-1]
                assert (ending.seq, ending.leaf) == (receipt["seq"], receipt["leaf"]), query
        finally:
            keys.close()
            engine.dispose()
        report = json.loads(self.countersign("audit", "verify", "--json").stdout)
        assert report["ok"], report

    def signed_by(self) -> list[str]:
        """The keys, as `countersign audit keys` prints them, that signed the newest checkpoint."""
        made = tables.checkpoint.c
        newest = select(made.note).where(made.log == "halden").order_by(made.epoch.desc(), made.size.desc()).limit(1)
        (note,) = self._stored(newest)
        ids = {b64decode(line.split()[2])[:4].hex() for line in note.splitlines() if line.startswith("\u2014 ")}
        return [key for key in self.told("audit", "keys").split() if key.split("+")[1] in ids]

    def elsewhere(self, home: Path) -> Fleet:
        """A second, empty installation with databases of its own on the same server; nothing of it runs."""
        home.mkdir()
        urls = []
        for name in ("second", "second_subjects"):
            with psycopg.connect(self.database.url.replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
            urls.append(f"{self.database.url.rpartition('/')[0]}/{name}")
        environment = {
            **self.environment, "COUNTERSIGN_HOME": str(home), "COUNTERSIGN_DATABASE_URL": urls[0],
            "COUNTERSIGN_KEYS_DATABASE_URL": urls[1], "COUNTERSIGN_KEY_FILE": str(home / "kek"),
            "COUNTERSIGN_AUDIT_KEY_FILE": str(home / "audit"),
        }  # fmt: skip
        return Fleet(home, self.database, self.replicas, (), environment, "")

    def unended(self) -> list[str]:
        """Queries that were begun and have no end in the log."""
        kind = "SELECT query FROM audit_record WHERE kind = '{}'"
        return self._stored(text(f"{kind.format('received')} EXCEPT {kind.format('finished')}"))

    def questions(self) -> int:
        """How many the log has received."""
        (count,) = self._stored(text("SELECT count(*) FROM audit_record WHERE kind = 'received'"))
        return int(count)

    def _stored(self, statement: Executable) -> list[Any]:
        """The first column of what the log's database says."""
        engine = create_engine_for(self.database.url)
        try:
            with engine.connect() as connection:
                return list(connection.execute(statement).scalars())
        finally:
            engine.dispose()


def next_version(folder: Path) -> Path:
    """The tree of a version that does not exist yet: this one, and a migration that adds what only the new one uses."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "app" / "__init__.py").write_text((ROOT / "app" / "__init__.py").read_text() + f'\n__version__ = "{NEXT}"\n')
    (folder / "migrations" / "versions" / "9999_next.py").write_text(MIGRATION.format(before=head()))
    return folder


def head() -> str:
    """The newest migration of this version."""
    found = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert found is not None
    return found


@contextmanager
def a_fleet(folder: Path) -> Iterator[Fleet]:
    """Both replicas ready, both proxies in front of them, and a caller's key."""
    with ExitStack() as stack:
        database = stack.enter_context(a_server())
        with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE DATABASE subjects")
        model, log = free_port(), folder / "model.log"
        command = [sys.executable, str(Path(benchmark.__file__)), "--model-port", str(model)]
        stack.enter_context(benchmark.started(command, {}, log))
        shared = {
            "COUNTERSIGN_DATABASE_URL": database.url,
            "COUNTERSIGN_KEYS_DATABASE_URL": database.url.rpartition("/")[0] + "/subjects",
            "COUNTERSIGN_KEY_FILE": str(folder / "kek"),
            "COUNTERSIGN_AUDIT_KEY_FILE": str(folder / "audit"),
            "COUNTERSIGN_AUDIT_ORIGIN": "log.bank.example",
            "COUNTERSIGN_ENGINES": f"http://127.0.0.1:{model}",
            "COUNTERSIGN_ENGINE_MODEL": benchmark.MODEL,
            "COUNTERSIGN_OPEN_WHEN_READY": "true",
            "COUNTERSIGN_LOG_LEVEL": "INFO",
        }
        replicas = []
        for name in ("one", "two"):
            home, port = folder / name, free_port()
            home.mkdir()
            own = {**shared, "COUNTERSIGN_HOME": str(home), "COUNTERSIGN_PORT": str(port)}
            replicas.append(Replica(port, home, own))
        fleet = Fleet(folder, database, replicas, (), replicas[0].environment, "")
        fleet.key = fleet.told("keys", "create", "--label", "portal").split()[-1]
        stack.callback(lambda: [one.process.kill() for one in replicas if one.process and one.process.poll() is None])
        for one in replicas:
            one.start()
        for one in replicas:
            one.until_ready()
        found = []
        for kind in KINDS:
            (folder / kind).mkdir()
            found.append(stack.enter_context(started(kind, folder / kind, *(one.port for one in replicas))))
        fleet.proxies = found
        yield fleet
