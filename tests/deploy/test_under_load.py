"""What an operator does to an installation while it is asked without pause: no question is lost, and the log is whole.

docs/operations.md has the steps, in the words of an installation; here they are those of processes. COUNTERSIGN_AWAY_S=30
leaves the database away for half a minute.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import pytest

from benchmarks.load import memory_mib
from tests.deploy.callers import Load, loaded
from tests.deploy.fleet import NEXT, ROOT, Fleet, a_fleet, next_version
from tests.deploy.proxies import Proxy, certificate
from tests.support.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.models, pytest.mark.process]
WARM, SOAKED, LEAK_KIB = 450, 250, 40
AWAY_S = float(os.environ.get("COUNTERSIGN_AWAY_S", "6"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    folder.chmod(0o755)
    with a_fleet(folder) as found:
        yield found


def nothing_is_lost(fleet: Fleet, load: Load, before: int) -> None:
    assert load.heard.failed == []
    assert set(load.heard.ways) == {"json", "stream", "openai"}
    assert fleet.questions() - before == len(load.heard.receipts)
    fleet.verify(load.heard)


def test_a_rolling_upgrade_with_a_migration_loses_no_question(fleet: Fleet, tmp_path: Path) -> None:
    """The older replicas go on while a newer version has migrated the database under them, until it is their turn."""
    newer, before = next_version(tmp_path), fleet.questions()
    with loaded(fleet.addresses, fleet.trusted, fleet.key) as load:
        fleet.told("migrate", source=newer)
        load.more(24)
        fleet.roll(newer)
        load.more(12)
    assert {one.version() for one in fleet.replicas} == {NEXT}
    nothing_is_lost(fleet, load, before)
    refused = fleet.countersign("serve", source=ROOT)
    assert (refused.returncode, "migrated by a newer version" in refused.stderr) == (2, True)
    assert len(refused.stderr.splitlines()) == 1


def test_the_log_s_key_is_exchanged_and_no_question_is_lost(fleet: Fleet) -> None:
    before = fleet.questions()
    (old,) = fleet.told("audit", "keys").split()
    with loaded(fleet.addresses, fleet.trusted, fleet.key) as load:
        fleet.told("audit", "rotate-key")
        fleet.roll()
        load.more(12)
        new, again = fleet.told("audit", "keys").split()
        assert again == old
        eventually(lambda: {new, old} <= set(fleet.signed_by()))
        fleet.told("audit", "retire-key", old)
        load.more(6)
    nothing_is_lost(fleet, load, before)


def test_a_backup_under_load_restores_to_a_log_that_verifies(fleet: Fleet, tmp_path: Path) -> None:
    with loaded(fleet.addresses, fleet.trusted, fleet.key) as load:
        made = fleet.told("backup", "--to", str(tmp_path / "log"), "--keys-to", str(tmp_path / "keys"))
        load.more(12)
    assert load.heard.failed == []
    time.sleep(2)  # until a checkpoint covers what the backup lacks
    newest = [word for one in fleet.replicas for word in ("--checkpoints", str(one.home / "checkpoints.jsonl"))]
    other = fleet.elsewhere(tmp_path / "second")
    agreed = ["--reason", "rehearsal", "--approver", "a.meyer", "--approver", "b.sato"]
    where = ["--from", made.splitlines()[0], "--keys-from", str(tmp_path / "keys")]
    told = other.told("restore", *where, *newest, *agreed)
    assert "log halden is in epoch 2 now" in told
    assert "the log verifies" in told
    assert json.loads(other.countersign("audit", "verify", "--json").stdout)["ok"]


def test_certificates_and_callers_keys_are_exchanged_and_no_question_is_lost(fleet: Fleet) -> None:
    before = fleet.questions()
    seen = {one.kind: shown(one) for one in fleet.proxies}
    with loaded(fleet.addresses, fleet.trusted, fleet.key) as load:
        fleet.key = load.key = fleet.told("keys", "create", "--label", "new").split()[-1]
        load.more(12)
        (old,) = re.findall(r"(\w+) +│ portal ", fleet.told("keys", "list"))
        fleet.told("keys", "revoke", old)
        load.more(12)
        for one in fleet.proxies:
            old_file = (one.folder / "server.crt").read_text()
            certificate(one.folder)
            load.trust(old_file + (one.folder / "server.crt").read_text())
            one.reload()
            eventually(lambda one=one: shown(one) != seen[one.kind])
        load.more(24)
    assert load.heard.failed == []
    nothing_is_lost(fleet, load, before)


def shown(proxy: Proxy) -> str:
    """The certificate that a new connection sees."""
    return ssl.get_server_certificate(("127.0.0.1", proxy.port))


def test_the_database_goes_away_and_comes_back_and_nobody_repairs_anything(fleet: Fleet) -> None:
    with loaded(fleet.addresses, fleet.trusted, fleet.key) as load:
        fleet.database.crash()
        eventually(lambda: load.heard.problems, 60)
        time.sleep(AWAY_S)
        fleet.database.start()
        eventually(lambda: all(one.status() == 200 for one in fleet.replicas), 60)
        time.sleep(2)
        failed = len(load.heard.failed)
        load.more(24)
        time.sleep(1)
        assert load.heard.failed[failed:] == []
    assert {told["status"] for told in load.heard.problems} == {503}
    assert {told["type"] for told in load.heard.problems} <= {
        "urn:countersign:problem:audit_unavailable",
        "urn:countersign:problem:database_unavailable",
    }
    assert [told for told in load.heard.problems if "retry_after" in told and told["retry_after"] is None] == []
    fleet.verify(load.heard)
    eventually(lambda: not fleet.unended(), 30)


def test_memory_stays_flat(fleet: Fleet) -> None:
    """The short form of `benchmarks/load.py --soak 60`, of one replica. Its first few hundred answers fill what is kept
    anyway (some 20 MiB); after that, what 40 KiB an answer would add is a leak."""
    one = fleet.replicas[0]
    assert one.process is not None
    seen: list[tuple[int, float]] = []
    with loaded([f"http://127.0.0.1:{one.port}"] * 4, fleet.trusted, fleet.key, pause_s=0) as load:
        load.more(WARM, 180)
        while len(load.heard.receipts) < WARM + SOAKED:
            load.more(4)
            seen.append((len(load.heard.receipts), memory_mib([one.process.pid])))
    assert load.heard.failed == []
    (few, less), (many, more) = (middle(part) for part in (seen[: len(seen) // 4], seen[-len(seen) // 4 :]))
    growth = 1024 * (more - less) / (many - few)
    assert growth < LEAK_KIB, f"{growth:.0f} KiB an answer: {less:.0f} MiB after {few}, {more:.0f} MiB after {many}"


def middle(seen: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Median answers and median memory, in MiB: what comes and goes counts for nothing."""
    return median(count for count, _ in seen), median(size for _, size in seen)
