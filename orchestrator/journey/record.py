"""One query's record as its journey keeps it.

Invariant: nothing follows `finished`. Judges may still be at work on segments when a journey ends; what they find then
changes nothing, and would stand behind the end of a record that a receipt has already summed up.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from audit.kinds import FINISHED, Kind
from orchestrator.errors import RecordUnavailable
from orchestrator.ports import Record, Ticket


class Over:
    """Stands for an event that was not added. Implements `ports.Ticket`."""

    def wait(self) -> Mapping[str, Any]:
        raise RecordUnavailable("the record of this query has ended; nothing more may leave")


class UntilFinished:
    """Implements `ports.Record`. `_lock` owns `_over`, and is held while an event is handed over: the ending is last."""

    def __init__(self, inner: Record) -> None:
        self._inner = inner
        self._over = False
        self._lock = threading.Lock()

    def append(
        self, kind: Kind, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, model: str = ""
    ) -> Ticket:
        """Appends, or after the ending does nothing: then the ticket raises RecordUnavailable when it is waited for."""
        with self._lock:
            if self._over:
                return Over()
            self._over = kind == FINISHED
            return self._inner.append(kind, body, labels=labels, model=model)
