"""Looks at sources again and again: each after its time, and a folder as soon as the operating system tells of a change.

A network's file system tells of no changes that another machine makes, so every source is looked at after its time too.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.main import is_known
from app.cli.shared import console, plain
from app.cli.sources.opening import watched

if TYPE_CHECKING:
    from app.settings import Settings
    from retrieval.sources import SyncReport


def until_stopped(found: Settings, names: Sequence[str], look: Callable[[str], SyncReport]) -> None:
    """Until SIGTERM or Ctrl-C; a look that has begun is finished. A look that fails is told, and tried again in its time."""
    calls = Calls(names)
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: calls.stop())
    watchers = [_watcher(calls, name, path) for name in names if (path := watched(found.sources.root[name])) is not None]
    try:
        while (name := calls.next()) is not None:
            try:
                look(name)
            except Exception as error:
                if not (is_known(error) or isinstance(error, _database_errors())):
                    raise
                console().print(f"[red]{plain(name)}[/red]  {plain(' '.join(str(error).split())[:500])}", soft_wrap=True)
            calls.again(name, found.sources.root[name].every_s)
    finally:
        calls.stop()
        for thread in watchers:
            if thread is not None:
                thread.join()
        signal.signal(signal.SIGTERM, before)


class Calls:
    """Which source is to be looked at next, and when. Shared by the loop and the watchers of folders; `_lock` guards it."""

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = threading.Condition()
        self._due = dict.fromkeys(names, 0.0)
        self.stopped = threading.Event()

    def next(self) -> str | None:
        """Waits until a source is due; None once it is stopped."""
        with self._lock:
            while not self.stopped.is_set():
                name = min(self._due, key=self._due.__getitem__)
                wait = self._due[name] - time.monotonic()
                if wait <= 0:
                    self._due[name] = float("inf")
                    return name
                self._lock.wait(min(wait, 1.0))  # a signal's handler may not take the lock
        return None

    def again(self, name: str, after_s: float) -> None:
        """Unless something changed meanwhile: then at once."""
        with self._lock:
            self._due[name] = min(self._due[name], time.monotonic() + after_s)

    def now(self, name: str) -> None:
        with self._lock:
            self._due[name] = 0.0
            self._lock.notify()

    def stop(self) -> None:
        self.stopped.set()


def _watcher(calls: Calls, name: str, path: Path) -> threading.Thread | None:
    """A thread that hears of changes below a path; None where watchfiles is not installed or the path cannot be watched."""
    try:
        import watchfiles
    except ImportError:
        return None

    def hear() -> None:
        try:
            for _ in watchfiles.watch(path, stop_event=calls.stopped, raise_interrupt=False):
                calls.now(name)
        except (OSError, RuntimeError):  # the folder went, or the system watches no more: its time comes all the same
            return

    thread = threading.Thread(target=hear, name=f"watch-{name}", daemon=True)
    thread.start()
    return thread


def _database_errors() -> tuple[type[Exception], ...]:
    from sqlalchemy.exc import SQLAlchemyError

    return (SQLAlchemyError,)
