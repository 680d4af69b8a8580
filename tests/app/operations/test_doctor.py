"""The doctor names what is wrong and what to do; each check is shown something that it must not pass."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.cli.audit.roles import OTHER_TABLES
from app.operations.checks import host, reach
from app.operations.checks import log as log_checks
from app.operations.checks.result import Check, looked
from app.settings import Settings
from app.wiring.deployment import open_deployment
from audit.database.engine import create_engine_for
from audit.database.roles import service_statements
from migrations.run import upgrade
from tests.app.wiring.test_settings import countersign, folder
from tests.audit.conftest import postgres_url
from tests.support.events import said

__all__ = ["folder", "postgres_url"]


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    """A log with ten signed records."""
    settings = Settings(home=tmp_path / "var", audit_origin="bank.example")
    deployment = open_deployment(settings)
    for number in range(10):
        deployment.audit.append("halden", said(number)).wait()
    deployment.checkpoints.issue("halden")
    deployment.close()
    return settings


def states(checks: Iterable[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def only(checks: Iterable[Check]) -> Check:
    (found,) = checks
    return found


def test_a_sound_log_is_found_sound(site: Settings) -> None:
    for look in (log_checks.database, log_checks.keys, log_checks.checkpoints, host.modes, host.clock):
        assert {check.state for check in look(site)} <= {"ok", "warn"}, list(look(site))


def test_keys_of_the_environment_are_keys_too(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a container has them, from a secret: no file is missed."""
    monkeypatch.setenv("COUNTERSIGN_AUDIT_KEY", site.audit_key_path.read_text())
    site.audit_key_path.unlink()
    assert only(log_checks.keys(site)).state == "ok"
    monkeypatch.delenv("COUNTERSIGN_AUDIT_KEY")
    assert only(log_checks.keys(site)).told.startswith("the signing keys")


def test_a_missing_database_is_told_with_the_command_that_makes_it(tmp_path: Path) -> None:
    found = only(log_checks.database(Settings(home=tmp_path / "none")))
    assert (found.state, found.fix) == ("fail", "make it: countersign migrate")
    assert not (tmp_path / "none").exists()


def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    site = Settings(home=tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert only(log_checks.database(site)).state == "fail"


def test_guards_that_somebody_removed_are_told(site: Settings) -> None:
    with sqlite3.connect(site.home / "countersign.sqlite") as connection:
        connection.execute("DROP TRIGGER audit_record_delete")
    assert states(log_checks.database(site))["append only"] == "fail"


def test_secrets_that_others_may_read_are_told_with_the_chmod(site: Settings) -> None:
    site.kek_path.chmod(0o644)
    found = next(check for check in host.modes(site) if check.state == "fail")
    assert found.fix == f"others could read it: chmod 600 {site.kek_path}"


@pytest.mark.parametrize("mode", [0o755, 0o705, 0o701, 0o704, 0o751])
def test_files_that_everybody_on_the_machine_can_read_in_are_told(site: Settings, mode: int) -> None:
    logs = site.model_copy(update={"log_file": site.home.parent / "service.log", "spans_file": site.home.parent / "spans"})
    assert {check.state for check in host.modes(site)} == {"ok"}
    for path in (logs.home, logs.log_file, logs.spans_file):
        assert path is not None
        path.touch() if path != logs.home else None
        path.chmod(mode)
    found = [check for check in host.modes(logs) if check.state == "warn"]
    assert [check.fix for check in found] == [f"chmod o-rwx {p}" for p in (logs.home, logs.log_file, logs.spans_file)]


def test_a_missing_key_and_a_key_of_another_store_are_told(site: Settings) -> None:
    kept = site.audit_key_path.read_bytes()
    site.audit_key_path.unlink()
    assert only(log_checks.keys(site)).state == "fail"
    assert not site.audit_key_path.exists()  # looking makes nothing
    site.audit_key_path.write_bytes(kept)
    site.audit_key_path.chmod(0o600)
    site.kek_path.unlink()
    site.kek_path.write_text("A" * 43 + "=\n")
    site.kek_path.chmod(0o600)
    assert only(looked([("keys", log_checks.keys)], site)).state == "fail"


def test_a_database_behind_its_last_checkpoint_is_told(site: Settings) -> None:
    for path in site.home.glob("countersign.sqlite*"):
        path.unlink()
    upgrade(site.url)
    assert states(log_checks.checkpoints(site))["checkpoint of halden"] == "fail"


def test_a_log_that_grew_and_is_not_signed_is_told(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    deployment = open_deployment(site)
    deployment.checkpoints.close()
    deployment.audit.append("halden", said(11)).wait()
    deployment.close()
    assert only(log_checks.checkpoints(site)).state == "ok"  # for the moment
    monkeypatch.setattr(log_checks.time, "time", lambda: time.time_ns() / 1e9 + 3600)
    found = only(log_checks.checkpoints(site))
    assert (found.state, found.told[:26]) == ("fail", "covers 10 of 11 records, t")


def test_a_clock_behind_the_log_is_told(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host.time, "time", lambda: time.time_ns() / 1e9 - 3600)
    assert only(host.clock(site)).state == "fail"


def test_too_little_memory_for_the_model_is_told(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_cgroup_limit", lambda: 10**9)
    found = only(host.memory(site))
    assert (found.state, "light = true" in found.fix) == ("fail", True)


def test_a_damaged_model_is_told(site: Settings, tmp_path: Path) -> None:
    states_of = states(log_checks.models(site.model_copy(update={"models_dir": tmp_path / "none", "light": True})))
    assert set(states_of.values()) == {"fail"}


@pytest.mark.postgres
def test_on_postgresql_the_owner_is_warned_of_and_the_service_s_role_is_well(postgres_url: str, tmp_path: Path) -> None:
    upgrade(postgres_url)
    owner = Settings(home=tmp_path, database_url=postgres_url)
    assert "warn" in states(log_checks.database(owner)).values()
    parsed = make_url(postgres_url)
    schema = str(parsed.query["options"]).partition("search_path=")[2]
    role = f"doctor_{schema[-8:]}"
    engine = create_engine_for(postgres_url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'doctor'"))
        for statement in service_statements(role, schema, OTHER_TABLES):
            connection.exec_driver_sql(statement)
    try:
        url = parsed.set(username=role, password="doctor").render_as_string(hide_password=False)
        found = states(log_checks.database(Settings(home=tmp_path, database_url=url)))
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        engine.dispose()
    assert found == {"database": "ok", "append only": "ok"}


def watched(code: str) -> list[str]:
    """What a process that runs `code` reached for."""
    head = "import json, socket, sys, time\nfrom app.operations.checks.reach import Watch\nwatch = Watch()"
    script = f"{head}\n{code}\nprint(json.dumps(watch.reached))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.process
@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("try: socket.create_connection(('192.0.2.1', 80), timeout=0.05)\nexcept OSError: pass", "192.0.2.1"),
        ("try: socket.getaddrinfo('nowhere.invalid', 80)\nexcept OSError: pass", "nowhere.invalid"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.9', 9))", "127.0.0.9"),
        ("import httpx\ntry: httpx.get('http://nowhere.invalid', timeout=0.1)\nexcept Exception: pass", "nowhere.invalid"),
    ],
)
def test_the_watch_sees_what_python_asks_for(code: str, address: str) -> None:
    assert address in watched(code)


@pytest.mark.process
def test_the_watch_sees_a_socket_that_a_library_opened_by_itself() -> None:
    """Through libc, past Python's hooks."""
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None)\nhandle = libc.socket(2, 2, 0)\n"
        "address = b'\\x02\\x00\\x00\\x35' + bytes([127, 0, 0, 53]) + bytes(8)\n"
        "assert libc.connect(handle, address, 16) == 0\ntime.sleep(0.2)"
    )
    assert watched(code) == ["127.0.0.53"]


def test_an_address_that_was_reached_for_fails_and_one_that_the_settings_name_does_not(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        Path(command[-1]).write_text(json.dumps({"answered": 2, "reached": ["127.0.0.1", "wit.example", "tracker.example"]}))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(reach.subprocess, "run", answered)
    named = site.model_copy(update={"witnesses": ("http://wit.example:1 key",)})
    assert [(one.state, one.told) for one in reach.outgoing(named)] == [("fail", "reached for tracker.example")]


@pytest.mark.process
def test_the_command_fails_where_a_check_does(folder: Path) -> None:
    done = countersign(folder, "doctor", "--quick", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {"name": "database", "state": "fail"}.items() <= next(one for one in found if one["name"] == "database").items()
    assert all(one["fix"] for one in found if one["state"] != "ok")
