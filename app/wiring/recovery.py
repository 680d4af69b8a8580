"""Ends the record of queries that a process left open when it died.

Invariant: only what no living process writes is ended.
"""

from __future__ import annotations

import threading

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from audit.append.abandoned import GRACE_S, end_abandoned
from audit.append.store import AuditStore
from audit.errors import AuditUnavailable

log = structlog.get_logger(__name__)


class Recovery:
    """A thread that looks until nothing is undecided. Holds nothing but itself."""

    def __init__(self, engine: Engine, audit: AuditStore) -> None:
        self._engine, self._audit = engine, audit
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-recovery", daemon=True)

    def start(self) -> Recovery:
        self._thread.start()
        return self

    def wait(self) -> None:
        """Until everything is decided, or this is closed."""
        self._thread.join()

    def close(self) -> None:
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                found = end_abandoned(self._engine, self._audit)
            except (AuditUnavailable, SQLAlchemyError) as error:
                log.warning("queries.not_ended", error=type(error).__name__)
            else:
                for tenant, query in found.ended:
                    log.warning("query.aborted", tenant=tenant, query=query)
                if not found.undecided:
                    return
            self._closing.wait(GRACE_S)
