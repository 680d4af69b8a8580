"""Starting a whole deployment: on nothing, several at once; and on a database that is not the one that was signed for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.settings import Settings
from app.wiring.deployment import open_deployment
from audit.database.engine import create_engine_for
from audit.errors import LogDamaged
from audit.verify.whole_log import LogTrust, Report, verify_store
from tests.faults.drivers import ROOT, step

STARTED = 4
SERVICE = """
import sys
from pathlib import Path
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from tests.faults.drivers import step
print("imported", flush=True)
sys.stdin.readline()
deployment = open_deployment(Settings(home=Path(sys.argv[1])))
for number in range(20):
    receipt = deployment.audit.append("halden", step("received", f"{sys.argv[2]}-{number}")).wait(30)
    print(receipt.seq, flush=True)
deployment.close()
"""


@pytest.mark.process
def test_processes_that_start_at_once_on_an_empty_home_share_one_log_and_its_keys(tmp_path: Path) -> None:
    home = tmp_path / "var"
    command = [sys.executable, "-c", SERVICE, str(home)]
    services = [
        subprocess.Popen([*command, str(n)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(STARTED)
    ]
    for service in services:
        assert service.stdout is not None
        assert service.stdout.readline() == "imported\n"
    for service in services:
        assert service.stdin is not None
        service.stdin.write("go\n")
        service.stdin.flush()
    receipts = [int(line) for service in services for line in service.communicate(timeout=120)[0].split()]
    assert [service.returncode for service in services] == [0] * STARTED
    assert sorted(receipts) == list(range(20 * STARTED))
    deployment = open_deployment(Settings(home=home))  # one key-encryption key and one signing key, or this would refuse
    views = [deployment.reader.query("halden", f"{n}-{m}")[0] for n in range(STARTED) for m in range(20)]
    assert {(view.state, view.intact) for view in views} == {("open", True)}
    trust = LogTrust(deployment.signing.public, file=deployment.settings.checkpoint_path)
    deployment.close()
    report = verify(home, trust)
    assert (report.ok, report.events) == (True, 20 * STARTED), report.problems


def verify(home: Path, trust: LogTrust) -> Report:
    engine = create_engine_for(Settings(home=home).url)
    try:
        return verify_store(engine, trust=trust)
    finally:
        engine.dispose()


def live(home: Path, first: int, end: int, word: str = "said") -> LogTrust:
    """A deployment that lived a while and was closed properly. It signs where it is told to, and at no size between."""
    deployment = open_deployment(Settings(home=home, checkpoint_every_s=60))
    for number in range(first, end):
        last = deployment.audit.append("halden", step("released", f"q-{number}", body={"text": f"{word} {number}"}))
    last.wait(30)
    deployment.checkpoints.issue("halden")
    trust = LogTrust(deployment.signing.public, file=deployment.settings.checkpoint_path)
    deployment.close()
    return trust


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COUNTERSIGN_HOME": str(home), "COUNTERSIGN_LOG_FILE": str(home.parent / "log")}
    run = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(run, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)


def database(home: Path) -> Path:
    return Path(Settings(home=home).url.removeprefix("sqlite:///"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.mark.process
def test_an_old_database_beside_a_newer_checkpoint_file_is_refused_at_the_start_and_named_by_the_verifier(
    home: Path, tmp_path: Path
) -> None:
    live(home, 0, 12)
    shutil.copy(database(home), tmp_path / "old")
    trust = live(home, 12, 20)
    assert verify(home, trust).ok
    shutil.copy(tmp_path / "old", database(home))
    with pytest.raises(LogDamaged, match=r"12 records only: it was cut, or restored from an old backup\. .* of size 20"):
        open_deployment(Settings(home=home))
    found = command(home, "audit", "verify", "--json")
    assert found.returncode == 1
    problems = json.loads(found.stdout)["problems"]
    assert [(one["seq"], one["what"]) for one in problems] == [(12, "missing")], problems
    assert "of size 20" in problems[0]["detail"]


@pytest.mark.process
def test_a_restored_database_serves_again_after_two_people_began_a_new_epoch(home: Path, tmp_path: Path) -> None:
    live(home, 0, 12)
    shutil.copy(database(home), tmp_path / "old")
    trust = live(home, 12, 20)
    shutil.copy(tmp_path / "old", database(home))
    refused = command(home, "serve", "--light", "--port", "1")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1), refused.stderr
    assert "countersign audit epoch" in refused.stderr
    alone = command(home, "audit", "epoch", "halden", "--reason", "case 1", "--approver", "a.m", "--approver", "A.M")
    assert alone.returncode == 2
    begun = command(home, "audit", "epoch", "halden", "--reason", "case 1", "--approver", "a.m", "--approver", "b.s")
    assert begun.returncode == 0, begun.stderr
    assert "/e2" in begun.stderr
    live(home, 30, 35)
    assert command(home, "audit", "verify").returncode == 0
    assert verify(home, trust).events > 12 + 5


def test_a_history_forked_with_the_same_keys_is_refused_at_the_start_and_named_by_the_verifier(
    home: Path, tmp_path: Path
) -> None:
    """Both histories are sound in themselves, signed by the log's own key, and differ from record 12 on."""
    live(home, 0, 12)
    other = tmp_path / "other"
    shutil.copytree(home, other)
    trust = live(home, 12, 20)
    live(other, 12, 24, "never said")
    assert verify(other, LogTrust(trust.keys)).ok
    shutil.copy(database(other), database(home))
    with pytest.raises(LogDamaged, match="the history was rewritten"):
        open_deployment(Settings(home=home))
    report = verify(home, trust)
    assert [(problem.seq, problem.what) for problem in report.problems] == [(12, "history")], report.problems
    assert "records 12 to 19 are not what was signed" in report.problems[0].detail
