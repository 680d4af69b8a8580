"""Tells operators that keys are refused: a counter, and a line in the log each ten seconds in which one was.

A key holds 256 random bits, so nobody is locked out: a lock would let a stranger stop a caller, and guessing is hopeless.
"""

from __future__ import annotations

import threading
import time

import structlog

from app.wiring.metrics import Metrics

log = structlog.get_logger(__name__)
EVERY_S = 10.0


class RefusedKeys:
    """The lock guards what is yet to be told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._untold = 0
        self._last = -EVERY_S

    def count(self, metrics: Metrics, why: str) -> None:
        """why: a code of ours, never what was sent."""
        metrics.refused_keys.labels(why).inc()
        with self._lock:
            self._untold += 1
            now = time.monotonic()
            if now - self._last < EVERY_S:
                return
            told, self._untold, self._last = self._untold, 0, now
        log.warning("keys.refused", why=why, count=told)
