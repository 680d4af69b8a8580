"""A gunicorn worker that begins and stops listening without a question lost.

Invariant: whoever was connected is answered. At the end /readyz says so first, then the worker stops listening, then answers
end. gunicorn's own worker stops accepting but goes on listening until its last answer has ended: the system goes on
connecting callers, and all of them are cut off then.

At the start it may listen only once the application is ready: a proxy that asks no /readyz (nginx) is then refused, and asks
another replica, instead of handing on "503, still loading".
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

from app.serving.slow_reads import Worker


def shut(listener: Any) -> None:
    """Whoever connects is refused until somebody listens again; the address stays ours. Linux alone can do this."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RD)


class DrainingWorker(Worker):
    """Ends itself when the application has drained, or at a second SIGTERM. SIGINT and SIGQUIT end it at once.

    The application (`self.app`) has `open`: whether to take connections yet; `draining`; `drain()`, which returns when it is
    to stop listening; and `answers_s`: how long answers may go on after that.
    """

    _opened = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.app.draining:
            super().handle_exit(sig, frame)
        else:
            threading.Thread(target=self._drain, args=(sig, frame), name="drain", daemon=True).start()

    def _drain(self, sig: int, frame: Any) -> None:
        # No connection is kept for another question from here on: each answer says so (Connection: close), so that no proxy
        # sends one in the moment in which the connection is closed.
        self.max_keepalived = 0
        self.app.drain()
        self.cfg.set("graceful_timeout", self.app.answers_s)
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Called by the loop, each second at least, until connections are accepted."""
        if enabled and not self._opened:
            if not self.app.open:
                return
            self._listen()
        super().set_accept_enabled(enabled)
        if not self.alive and self._opened:
            for listener in self.sockets:
                self._stop_listening(listener)

    def _listen(self) -> None:
        for listener in self.sockets:
            listener.listen(self.cfg.backlog)
        self._opened = True

    def _stop_listening(self, listener: Any) -> None:
        """Lets those in whom the system has connected already; whoever comes later is refused, and may ask elsewhere."""
        before = -1
        while before != self.nr_conns:
            before = self.nr_conns
            self.accept(listener)
        listener.close()
