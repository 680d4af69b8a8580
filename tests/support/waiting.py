"""Waiting for what must come, and ports that nobody listens on."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any


def eventually(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true answer; the limit only ends a test that would hang."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
