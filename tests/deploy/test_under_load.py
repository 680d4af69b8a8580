"""What an operator does to an installation while it is asked without pause: no question is lost, and the log is whole.

docs/operations.md has the steps, in the words of an installation; here they are those of processes. COUNTERSIGN_AWAY_S=30
leaves the database away for half a minute.
"""

from __future__ import annotations

import os
import re
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.deploy.callers import Load, loaded
from tests.deploy.fleet import Fleet, a_fleet
from tests.deploy.proxies import Proxy, certificate
from tests.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.models]
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
