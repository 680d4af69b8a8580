"""Commands that only read the log or append to it: they open no more than that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from app.settings import Settings
from app.wiring.deployment import open_deployment
from app.wiring.read_side import open_read_side
from audit.checkpoints.issuer import latest_checkpoint
from audit.database.engine import create_engine_for
from audit.errors import LogDamaged
from audit.format.events import Entry
from audit.format.notes import Checkpoint
from audit.kinds import SEARCHED
from migrations.run import DatabaseAhead, DatabaseBehind
from tests.support.events import step

HEAVY = ("jax", "flax", "spacy", "presidio_analyzer", "faiss", "flask", "gguf")
COMMANDS = (
    "audit list",
    "audit hold list",
    "audit export --output -",
    "policy shadow-report",
    "switch list",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of an installation whose log has one event, and whose service does not run."""
    found = Settings(home=tmp_path / "var")
    deployment = open_deployment(found)
    deployment.audit.append("halden", step("received", "q_1", "s_1", conversation="c_1")).wait()
    deployment.close()
    return found


def stand_at(settings: Settings, revision: str) -> None:
    engine = create_engine_for(settings.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :at"), {"at": revision})
    engine.dispose()


@pytest.mark.process
@pytest.mark.parametrize("command", COMMANDS)
def test_looking_into_the_log_loads_no_model_and_no_web_server(settings: Settings, tmp_path: Path, command: str) -> None:
    code = (
        "import atexit, json, sys; from app.cli import main; "
        f"atexit.register(lambda: print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]), file=sys.stderr)); "
        f"main({command.split()!r})"
    )
    environ = {**os.environ, "COUNTERSIGN_HOME": str(settings.home)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert json.loads(done.stderr.splitlines()[-1]) == []
    assert "Traceback" not in done.stderr


def test_what_a_command_appends_is_signed_by_the_next_service_and_not_by_the_command(settings: Settings) -> None:
    others = set(threading.enumerate())  # another test's deployment may run in this process
    with open_read_side(settings) as log:
        signed = [one.name for one in set(threading.enumerate()) - others if one.name == "audit-checkpoints"]
        before = latest_checkpoint(log.engine, "halden")
        log.audit.append("halden", Entry(SEARCHED, None, None, "terminal", "staff:terminal", body={"filters": {}})).wait()
    assert signed == []
    deployment = open_deployment(settings)
    try:
        assert len(deployment.reader.of_kinds("halden", (SEARCHED,))) == 1
        covering = deployment.checkpoints.issue("halden")
    finally:
        deployment.close()
    assert before is not None
    assert [Checkpoint.parse(note.text).size for note in (before, covering)] == [1, 2]


def test_a_database_of_an_earlier_version_is_not_migrated_by_a_command(settings: Settings) -> None:
    stand_at(settings, "0001")
    with pytest.raises(DatabaseBehind, match="countersign migrate"):
        open_read_side(settings)


def test_a_database_of_a_newer_version_is_not_written_to(settings: Settings) -> None:
    stand_at(settings, "9999")
    with pytest.raises(DatabaseAhead, match="newer version"):
        open_read_side(settings)


def test_a_log_that_is_behind_its_last_signed_checkpoint_is_not_appended_to(settings: Settings, tmp_path: Path) -> None:
    restored = Settings(home=tmp_path / "restored", checkpoint_file=settings.checkpoint_path)
    restored.home.joinpath("keys").mkdir(parents=True)
    restored.audit_key_path.write_bytes(settings.audit_key_path.read_bytes())
    restored.audit_key_path.chmod(0o600)
    with pytest.raises(LogDamaged):
        open_deployment(restored)
    with pytest.raises(LogDamaged, match="countersign audit epoch"):
        open_read_side(restored)
