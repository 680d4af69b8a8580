"""How test files are shared out to processes that run side by side (pytest-xdist), and which ports each of them may take.

A file goes to one process as a whole, and so do files that share a costly service. The longest begin first, by the table of
docs/testing.md, so that no process is left with one of them at the end.

Invariant: two processes of a run never take the same port, and what shares a service is never split.
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "testing.md"
TOGETHER = {
    "tests/journeys/test_surrogates_with_a_real_model.py": "",  # has a service of its own
    "tests/journeys/": "countersign up",
    "tests/moderation/rails/": "the shipped rails",
}
"""Beginnings of paths to what their files share; the first that fits counts, and "" shares nothing."""
FIRST_PORT, PORTS = 20_000, 1_500
"""Below those that the system gives to connections (32768 and up), and how many are one process's."""


@functools.cache
def costs() -> dict[str, float]:
    """Seconds by file, of the slow ones, as docs/testing.md lists them."""
    found = re.findall(r"^\| `(tests/\S+)` \| (\d+) s \|", TABLE.read_text("utf-8"), re.M)
    return {path: float(seconds) for path, seconds in found}


def unit_of(nodeid: str) -> str:
    """What runs in one process together with this test: the name of what its file shares, or the file."""
    path = nodeid.partition("::")[0]
    shared = next((name for beginning, name in TOGETHER.items() if path.startswith(beginning)), "")
    return shared or path


@functools.cache
def cost_of(unit: str) -> float:
    return sum(seconds for path, seconds in costs().items() if unit_of(path) == unit)


def process_number() -> int:
    """0 where the tests run in one process."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _ports() -> Iterator[int]:
    """This process's ports in turn, from a place of its own: another run on this machine begins elsewhere. Every second one,
    since some servers take the next one too."""
    first = FIRST_PORT + process_number() % 8 * PORTS
    begin = os.getpid() * 14 % PORTS // 2 * 2
    return itertools.cycle(first + (begin + step) % PORTS for step in range(0, PORTS, 2))


@functools.cache
def _turn(process: int) -> Iterator[int]:
    return _ports()


def free_port() -> int:
    """A port that nobody listens on, and that nobody else of this run is given."""
    for port in itertools.islice(_turn(os.getpid()), PORTS // 2):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"none of {PORTS // 2} ports from {FIRST_PORT} is free")
