"""Two services and one library in PostgreSQL: what one host ingests the other answers from, also when one was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from inference.store.model_store import ModelStore
from tests.audit.conftest import postgres_url
from tests.deploy.fleet import Replica
from tests.support.scripted_engine import MODEL, engines_saying, saying
from tests.support.sharing import free_port
from tests.support.waiting import eventually

__all__ = ["postgres_url"]
pytestmark = [pytest.mark.postgres, pytest.mark.process, pytest.mark.models]
QUESTION = "What is the redemption fee of the Halvard Fund?"


@dataclass
class Host:
    """A replica with a disk of its own."""

    replica: Replica
    key: str

    def countersign(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", *arguments],
            cwd=self.replica.source, env=dict(self.replica.environment), capture_output=True, text=True, timeout=240,
            check=False,
        )  # fmt: skip

    def answer(self) -> str:
        url, headers = f"http://127.0.0.1:{self.replica.port}/v1/chat", {"Authorization": f"Bearer {self.key}"}
        answered = httpx.post(url, json={"message": QUESTION}, headers=headers, timeout=90, trust_env=False).json()
        return str(answered.get("answer", answered))


@pytest.fixture
def hosts(postgres_url: str, tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    store = ModelStore()
    if missing := [name for name in ("all-minilm-l6-v2", "en-core-web-md") if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
    with engines_saying(saying("A fee is a charge. ")) as (engine,):
        engine.models = [{"id": MODEL, "digest": "ab" * 32}]
        found = [_host(tmp_path, name, postgres_url, engine.url) for name in ("one", "two")]
        made = found[0].countersign("keys", "create", "--label", "portal")
        assert made.returncode == 0, made.stderr
        for host in found:
            host.key = made.stdout.split()[-1]
            host.replica.start()
        try:
            for host in found:
                host.replica.until_ready()
            yield found[0], found[1]
        finally:
            for host in found:
                if host.replica.process is not None:
                    host.replica.process.kill()
                    host.replica.process.wait(20)


def _host(tmp_path: Path, name: str, url: str, engine: str) -> Host:
    home, port = tmp_path / name, free_port()
    home.mkdir()
    shared = {
        "COUNTERSIGN_DATABASE_URL": url,
        "COUNTERSIGN_KEYS_DATABASE_URL": f"sqlite:///{tmp_path}/subjects.db",
        "COUNTERSIGN_KEY_FILE": str(tmp_path / "kek"),
        "COUNTERSIGN_AUDIT_KEY_FILE": str(tmp_path / "audit"),
        "COUNTERSIGN_ENGINES": engine,
        "COUNTERSIGN_SEARCH_ENCODER": "minilm",
        "COUNTERSIGN_DOCUMENTS": '{"store": "postgresql", "poll_s": 0.2}',
        "COUNTERSIGN_LOG_LEVEL": "INFO",
        "COUNTERSIGN_CONFIG": str(tmp_path / "none.toml"),
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERSIGN_")}
    return Host(Replica(port, home, {**clean, **shared, "COUNTERSIGN_HOME": str(home), "COUNTERSIGN_PORT": str(port)}), "")


def test_what_one_host_ingests_the_other_answers_from_also_when_the_first_is_killed(
    hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    one, two = hosts
    share = tmp_path / "share"
    share.mkdir()
    document = share / "halvard.md"
    document.write_text("# Halvard Fund\n\nThe redemption fee of the Halvard Fund is 1.75 percent of the value redeemed.\n")
    assert "1.75" not in two.answer()
    done = one.countersign("ingest", str(share), "--access", "public")
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: "library.followed" in two.replica.log.read_text(), 60)
    assert "1.75" in two.answer()
    assert "1.75" in one.answer()

    assert one.replica.process is not None
    one.replica.process.kill()
    one.replica.process.wait(20)
    document.write_text("# Halvard Fund\n\nThe redemption fee of the Halvard Fund is 2.25 percent of the value redeemed.\n")
    assert one.countersign("ingest", str(share)).returncode == 0  # the host lives, its service is gone
    eventually(lambda: two.replica.log.read_text().count("library.followed") == 2, 60)
    answered = two.answer()
    assert "2.25" in answered
    assert "1.75" not in answered
