"""`countersign audit verify` says where nothing outside the database was there to compare with.

The kind of fault: a check that could not be made is passed over in silence, and the result reads as if it had been.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.settings import Settings
from app.wiring.deployment import open_deployment
from tests.support.events import said

Verify = Callable[..., Result]
WORDS = "nothing outside the database vouches"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Two logs with signed records, and nobody at work."""
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "var"))
    settings = Settings()
    deployment = open_deployment(settings)
    for tenant in ("halden", "other"):
        deployment.audit.append(tenant, said(1)).wait()
        deployment.checkpoints.issue(tenant)
    deployment.close()
    return settings


def verify(*more: str) -> Result:
    return CliRunner().invoke(cli, ["audit", "verify", *more], standalone_mode=False)


def test_with_the_file_of_checkpoints_nothing_more_is_said(site: Settings) -> None:
    done = verify()
    assert "unchanged" in done.output
    assert WORDS not in done.output
    assert json.loads(verify("--json").stdout)["alone"] == []


@pytest.mark.parametrize("change", ["gone", "empty", "of another log", "moved away"])
def test_without_it_each_log_that_stands_alone_is_named(site: Settings, change: str) -> None:
    path = site.checkpoint_path
    match change:
        case "gone":
            path.unlink()
        case "empty":
            path.write_text("")
        case "of another log":
            path.write_text("".join(line for line in path.read_text().splitlines(True) if '"other"' in line))
        case _:
            path.rename(path.with_suffix(".aside"))
    alone = ["halden"] if change == "of another log" else ["halden", "other"]
    done = " ".join(verify().output.split())
    assert done.count(WORDS) == len(alone)
    assert sorted(json.loads(verify("--json").stdout)["alone"]) == alone
    assert json.loads(verify("--json", "--tenant", "halden").stdout)["alone"] == ["halden"]
