"""The recipe "a command" of docs/extending.md, followed for real: a file (here: this one) and a line of the table."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from app.cli.main import _COMMANDS
from app.cli.main import cli as shipped
from app.cli.shared import InputError, open_read_side, plain, put
from app.settings import Settings
from app.wiring.deployment import open_deployment
from audit.kinds import RECEIVED, SEARCHED
from tests.support.events import step

# --- what the new file holds


@click.command()
@click.option("--since", "first", type=int, default=0, help="Number of the first event.")
def count_queries(first: int) -> None:
    """How many queries the log has. Looking is recorded.

    \b
    countersign count-queries
    """
    from app.identity.subjects import TERMINAL, staff
    from audit.format.events import Entry

    if first < 0:
        raise InputError(f"--since: {plain(str(first))} is before the log begins; give 0 or more")
    with open_read_side() as side:
        tenant = side.settings.tenant
        side.audit.append(tenant, Entry(SEARCHED, None, None, TERMINAL, staff(TERMINAL), body={"filters": {}})).wait()
        put({"queries": sum(event.seq >= first for event in side.reader.of_kinds(tenant, (RECEIVED,)))})


# --- and what comes of it


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> click.Group:
    """The command with its line in the table."""
    monkeypatch.setitem(_COMMANDS, "count-queries", (__name__, "How many queries the log has."))
    assert isinstance(shipped, click.Group)
    return shipped


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COUNTERSIGN_HOME", str(tmp_path / "var"))
    return tmp_path / "var"


def run(cli: click.Group, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_it_stands_in_the_list_with_its_line_and_is_imported_when_it_is_used(cli: click.Group) -> None:
    assert "count-queries  How many queries the log has." in run(cli, "--help").stdout
    assert "countersign count-queries" in run(cli, "count-queries", "--help").stdout


def test_it_reads_the_log_and_its_look_is_recorded(cli: click.Group, home: Path) -> None:
    deployment = open_deployment(Settings(home=home))
    for number in range(3):
        deployment.audit.append("halden", step("received", f"q_{number}", "s_1")).wait()
    said = run(cli, "count-queries", "--since", "1")
    assert (said.exit_code, json.loads(said.stdout)) == (0, {"queries": 2})
    looks = deployment.reader.of_kinds("halden", (SEARCHED,))
    deployment.close()
    assert [look.actor for look in looks] == ["terminal"]


@pytest.mark.parametrize("arguments", [("--since", "-1"), ("--since", "x")])
def test_bad_input_ends_in_one_line_and_exit_code_2(cli: click.Group, home: Path, arguments: tuple[str, ...]) -> None:
    said = run(cli, "count-queries", *arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert "--since" in said.stderr.splitlines()[-1]


def test_without_a_log_it_says_where_it_looked(cli: click.Group, home: Path) -> None:
    said = run(cli, "count-queries")
    assert said.exit_code == 1
    assert f"there is no log at {home}" in said.stderr
