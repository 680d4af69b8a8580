"""How the tests are shared out to processes: what shares a service stays together, the longest begin first, ports differ."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sharing import ROOT, cost_of, costs, free_port, unit_of


def test_every_file_that_is_listed_as_slow_is_there_and_listed_once() -> None:
    listed = [
        line.split("`")[1]
        for line in (ROOT / "docs/testing.md").read_text("utf-8").splitlines()
        if line.startswith("| `tests/")
    ]
    assert len(listed) > 2
    assert sorted(listed) == sorted(costs())
    assert [path for path in listed if not (ROOT / path).is_file()] == []


def test_files_that_ask_the_same_service_are_one_unit_and_others_are_their_own() -> None:
    asking = [path for path in Path("tests/journeys").glob("test_*.py") if "surrogates" not in path.name]
    assert {unit_of(f"{path}::test_it") for path in asking} == {"countersign up"}
    assert unit_of("tests/journeys/test_surrogates_with_a_real_model.py::test_it").endswith(".py")
    assert unit_of("tests/audit/format/test_merkle.py::test_it[a::b]") == "tests/audit/format/test_merkle.py"


def test_a_unit_costs_what_its_files_cost() -> None:
    path, seconds = next(iter(costs().items()))
    assert cost_of(unit_of(path)) >= seconds
    assert cost_of("tests/test_documents.py") == 0


def test_a_port_is_given_once_and_its_neighbour_is_not_given_either() -> None:
    ports = [free_port() for _ in range(40)]
    assert len({port + step for port in ports for step in (0, 1)}) == 80


def test_a_port_on_which_somebody_listens_is_passed_over() -> None:
    first = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + 2))
        taken.listen()
        assert free_port() != first + 2


@pytest.mark.process
def test_processes_of_one_run_have_ports_of_their_own() -> None:
    code = "from tests.support.sharing import free_port; print(*[free_port() for _ in range(30)])"
    given = []
    for name in ("gw0", "gw1"):
        run = [sys.executable, "-c", code]
        said = subprocess.run(run, cwd=ROOT, env={"PYTEST_XDIST_WORKER": name}, capture_output=True, text=True, check=True)
        given.append({int(port) for port in said.stdout.split()})
    assert not given[0] & given[1]
    assert max(given[0]) < min(given[1])
