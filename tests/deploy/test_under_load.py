"""What an operator does to an installation while it is asked without pause: no question is lost, and the log is whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deploy.callers import loaded
from tests.deploy.fleet import Fleet, a_fleet

pytestmark = [pytest.mark.postgres, pytest.mark.models]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    folder.chmod(0o755)
    with a_fleet(folder) as found:
        yield found


def test_a_rolling_upgrade_loses_no_question(fleet: Fleet) -> None:
    before = fleet.questions()
    with loaded(fleet.addresses, fleet.trusted, fleet.key) as load:
        fleet.roll()
        load.more(12)
    assert load.heard.failed == []
    assert set(load.heard.ways) == {"json", "stream", "openai"}
    assert fleet.questions() - before == len(load.heard.receipts)
    fleet.verify(load.heard)
