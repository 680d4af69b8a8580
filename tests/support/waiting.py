"""Waiting for what must come."""

from __future__ import annotations

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
