"""Notices clients that go away, also while there is nothing to write to them: their answers stop within a step.

A client that has closed its side of the connection has gone: no client of these APIs does so and still reads.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOOK_S = 0.1


class Leaving:
    """One thread looks at the connections of all answers in progress. The lock guards the table."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[socket.socket, threading.Event] = {}
        self._some = threading.Event()
        threading.Thread(target=self._look, name="leaving", daemon=True).start()

    @contextmanager
    def watching(self, sock: socket.socket | None, gone: threading.Event) -> Iterator[None]:
        """Sets `gone` when the other end has gone. Without a socket (a test's client) nobody is watched."""
        if sock is None:
            yield
            return
        if has_left(sock):
            gone.set()
        with self._lock:
            self._watched[sock] = gone
            self._some.set()
        try:
            yield
        finally:
            with self._lock:
                del self._watched[sock]
                if not self._watched:
                    self._some.clear()

    def _look(self) -> None:
        while self._some.wait():
            with self._lock:
                for sock, gone in self._watched.items():
                    if has_left(sock):
                        gone.set()
            time.sleep(_LOOK_S)


def has_left(sock: socket.socket) -> bool:
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
