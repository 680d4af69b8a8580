"""Verifies logs beside the requests: a page shows the last result and its time, and never waits for one.

Invariant: a result is shown with the time at which it was found; what could not be verified is never shown as unchanged.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from audit.verify.problems import Problem, Report

log = structlog.get_logger(__name__)
EVERY_S = 30.0
"""A result that is older than this is made again when somebody looks; with nobody looking nothing is verified."""
NICENESS = 10
"""Of the verifier's thread, where the system knows such a thing of threads (Linux)."""
LISTED = 5


@dataclass(frozen=True)
class Integrity:
    """What a full verification found, and when. problems: the first of them; failed: why there is no result, else empty."""

    ok: bool
    checked_at: datetime
    tree_size: int = 0
    root: str = ""
    problems: tuple[Problem, ...] = ()
    failed: str = ""


class LogVerifier:
    """One thread, which begins when somebody looks for the first time. `_changed` owns everything here."""

    def __init__(self, verify: Callable[[str], Report], every_s: float = EVERY_S) -> None:
        """verify: makes a full verification of one tenant's log."""
        self._verify, self._every_s = verify, every_s
        self._changed = threading.Condition()
        self._asked: dict[str, None] = {}  # tenants whose turn comes, in order
        self._last: dict[str, tuple[float, Integrity]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def last(self, tenant: str) -> Integrity | None:
        """The last result, at once; None where there is none yet. Has a new one made where it is old."""
        with self._changed:
            known = self._last.get(tenant)
            if (known is None or time.monotonic() - known[0] >= self._every_s) and not self._closed:
                self._asked.setdefault(tenant)
                if self._thread is None:  # not before: a server forks after the application was made
                    self._thread = threading.Thread(target=self._run, name="log-verifier", daemon=True)
                    self._thread.start()
                self._changed.notify_all()
            return known[1] if known is not None else None

    def wait(self, tenant: str, timeout: float) -> Integrity | None:
        """The first result, once it is there. For tests, and for whoever has the time."""
        self.last(tenant)
        with self._changed:
            self._changed.wait_for(lambda: tenant in self._last or self._closed, timeout)
            known = self._last.get(tenant)
            return known[1] if known is not None else None

    def close(self) -> None:
        """Begins no verification any more. One that is under way ends with the process."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        with suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked or self._closed)
                if self._closed:
                    return
                tenant = next(iter(self._asked))
            found = self._verified(tenant)
            with self._changed:
                self._last[tenant] = (time.monotonic(), found)
                del self._asked[tenant]
                self._changed.notify_all()

    def _verified(self, tenant: str) -> Integrity:
        try:
            report = self._verify(tenant)
        except Exception as error:  # whatever it is, the page says so, and the next look tries again
            with suppress(OSError, ValueError):  # a full disk or a closed stream
                log.error("log.not_verified", error=type(error).__name__)
            return Integrity(False, datetime.now(UTC), failed=type(error).__name__)
        return Integrity(report.ok, datetime.now(UTC), report.events, report.root, tuple(report.problems[:LISTED]))
