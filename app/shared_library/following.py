"""A service's thread that takes over what other machines change in the library.

Invariant: whatever fails, the library in force stays in force; a failure is logged once until it changes or ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from retrieval.types import RetrievalError

log = structlog.get_logger(__name__)


def tell_followed(before: str, now: str) -> None:
    """Says in the service's log which generation is answered from; loudly where it is an older one than before, as after a
    restoration of the database: documents that were ingested since are gone, and what was removed since is back."""
    if before and now < before:
        log.warning("library.went_back", generation=now, before=before)
    elif now != before:
        log.info("library.followed", generation=now)


class Following:
    """follow: takes over another generation, and says whether there was one. generation: the name of the one in force here.
    Close it to end the thread."""

    def __init__(self, follow: Callable[[], bool], generation: Callable[[], str], every_s: float) -> None:
        self._follow, self._generation, self._every_s = follow, generation, every_s
        self._stopped = threading.Event()
        self._failed = ""
        self._thread = threading.Thread(target=self._run, name="library-following", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """A look that has begun is finished. Safe to call twice."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                before = self._generation()
                if self._follow():
                    tell_followed(before, self._generation())
                failed = ""
            except (SQLAlchemyError, RetrievalError, OSError) as error:
                failed = type(error).__name__
                if failed != self._failed:
                    log.error("library.not_followed", reason=failed)
            self._failed = failed
