"""Runs one journey's tasks in order, at most `width` at a time, on the pool that all journeys share.

Without it, an answer that is there at once has all its segments judged at once, and the first one, which the caller waits
for, is ready only when the last one is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

Found = TypeVar("Found")


class OrderedPool:
    """Safe to use from several threads. `_lock` guards the queue and the count of free places."""

    def __init__(self, pool: Executor, width: int) -> None:
        """width: how many tasks run at a time."""
        self._pool, self._free = pool, width
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, work: Callable[[], Found]) -> Future[Found]:
        """The result to be; cancelling it before its turn takes it out. Cancelled at once where the pool is shut down."""
        future: Future[Found] = Future()
        with self._lock:
            self._waiting.append((future, work))
        self._start()
        return future

    def _start(self) -> None:
        with self._lock:
            if not self._free or not self._waiting:
                return
            self._free -= 1
            future, work = self._waiting.popleft()
        try:
            self._pool.submit(self._run, future, work)
        except RuntimeError:  # the pool is shut down, and will not run the others either
            with self._lock:
                self._free += 1
            future.cancel()
            self._start()

    def _run(self, future: Future[Any], work: Callable[[], Any]) -> None:
        if future.set_running_or_notify_cancel():
            try:
                found = work()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(found)
        with self._lock:
            self._free += 1
        self._start()
