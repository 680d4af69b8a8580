"""What a caller holds of an event on its way to the disk, and how those who wait for it are woken.

Invariant: a ticket is resolved once, and whoever waits for it learns the outcome, whatever order the two happen in.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress

from audit.errors import AuditUnavailable
from audit.format.events import Receipt


class Sleeper:
    """One thread that waits. left: it has woken up by itself, and is not to be woken."""

    __slots__ = ("gate", "left")

    def __init__(self) -> None:
        self.gate = threading.Lock()
        self.gate.acquire()
        self.left = False


class Ticket:
    """One event on its way to the disk. Resolved once, by the writer; any number of threads may wait.

    Of the threads whose tickets are resolved together the writer wakes one, and whoever leaves `wait` wakes the next of
    `due`: woken all at once they would fight for the interpreter. List and deque need no lock: `wait` enters itself before
    it looks for the outcome, the writer tells the outcome before it looks who has entered.
    """

    __slots__ = ("_due", "_outcome", "_sleepers")

    def __init__(self, due: deque[Sleeper]) -> None:
        self._due = due
        self._sleepers: list[Sleeper] = []
        self._outcome: Receipt | str | None = None

    def wait(self, timeout: float = 5.0) -> Receipt:
        """Returns when the event is durable. Raises AuditUnavailable where it is not, or not within `timeout` seconds.

        After a time-out the event may still become durable: the log may hold more than was acknowledged, never less.
        """
        if self._outcome is None:
            self._sleep(timeout)
        match self._outcome:
            case None:
                raise AuditUnavailable(
                    f"the audit log did not confirm within {timeout:g} s: nothing may be released; try again"
                )
            case str() as reason:
                raise AuditUnavailable(reason)
            case receipt:
                return receipt

    def resolve(self, outcome: Receipt | str) -> None:
        """Those who wait are due to be woken, not yet awake."""
        self._outcome = outcome
        while self._sleepers:
            self._due.append(self._sleepers.pop())

    def _sleep(self, timeout: float) -> None:
        sleeper = Sleeper()
        self._sleepers.append(sleeper)
        try:
            if self._outcome is None:
                sleeper.gate.acquire(timeout=timeout)
        finally:
            sleeper.left = True  # before the next line: who finds it so passes on
            wake_next(self._due)


def wake_next(due: deque[Sleeper]) -> None:
    with suppress(IndexError):
        while (sleeper := due.popleft()).left:
            pass
        sleeper.gate.release()
