"""A circuit breaker: after repeated failures a bot is left alone for a while, then tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Counts one bot's failures in a row. Owns its state behind one lock.

    Closed: calls pass. After `failures` in a row: open for `pause_s`. Then calls pass on trial: the first
    success closes the breaker, the first failure opens it again.
    """

    def __init__(self, failures: int = 3, pause_s: float = 20.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._pause, self._clock = failures, pause_s, clock
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until = 0.0

    def refuses(self) -> str | None:
        """Why a call may not be made now, or None."""
        with self._lock:
            left = self._open_until - self._clock()
        return f"failed {self._failed} times in a row, tried again in {left:.0f} s" if left > 0 else None

    def succeeded(self) -> None:
        with self._lock:
            self._failed = 0
            self._open_until = 0.0

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._open_until = self._clock() + self._pause
