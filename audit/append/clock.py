"""Reads the clocks for the log, and notices when the wall clock was set.

Invariant: nothing is ordered or refused by the time. A wall clock that jumped is said in each log that goes on
afterwards; slow corrections, as time servers make them, are not jumps.
"""

import threading
from time import monotonic_ns, time_ns

from audit.format.events import Clock, Entry
from audit.kinds import CLOCK_JUMPED

JUMP_US = 1_000_000
_SLEWED = 1_000  # one part in a thousand: twice as fast as a time server corrects a clock


class Watch:
    """What is known of each log's last reading. Thread-safe: `_lock` owns it."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._last: dict[str, Clock] = {}

    def read(self, log: str) -> tuple[Clock, int]:
        """Now, and by how many microseconds the wall clock was set since this log's last reading; 0 where it was not."""
        with self._lock:
            now = Clock(time_ns() // 1000, monotonic_ns() // 1000, self._process)
            last = self._last.get(log, now)
            self._last[log] = now
        passed = now.mono - last.mono
        jump = now.ts - last.ts - passed
        return now, jump if abs(jump) >= JUMP_US + passed // _SLEWED else 0


def jumped(log: str, by_us: int) -> Entry:
    """The event that says so, before the first one of the new time."""
    return Entry(CLOCK_JUMPED, None, None, "service", f"firm:{log}", labels={"by_us": by_us})
