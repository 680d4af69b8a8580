"""gunicorn's threaded worker, with a bound on how long a request may take to arrive.

gthread reads a request in the thread that is going to answer it, and waits for ever: a few dozen connections that send half
a request would stop the service. Invariant: no thread waits for a request longer than READ_S, at most a quarter of them
longer than GRACE_S, and a connection whose request has arrived is never cut. A connection whose request was answered unread
is never offered for a next one: what follows on it is no request.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestTimeout

from app.serving.refusals import RefusingWorker

READ_S = 10.0
GRACE_S = 1.0
_TICK_S = 0.2
_LINGER_S = GRACE_S
_LINGER_BYTES = 4 * 2**20
_LATE = "The request did not arrive in time; send it again."


class Readings:
    """The connections whose request is still arriving. The lock guards the table, also while one is cut."""

    def __init__(self, patience: int) -> None:
        """patience: how many may take longer than GRACE_S."""
        self._patience = patience
        self._lock = threading.Lock()
        self._since: dict[socket.socket, float] = {}
        self._cut: set[socket.socket] = set()

    def begin(self, sock: socket.socket) -> None:
        with self._lock:
            self._since[sock] = time.monotonic()

    def end(self, sock: socket.socket) -> bool:
        """The request is here, or given up. Whether the connection was cut meanwhile."""
        with self._lock:
            self._since.pop(sock, None)
            was_cut = sock in self._cut
            self._cut.discard(sock)
            return was_cut

    def cut(self, now: float) -> None:
        """Ends the reading of those that take too long: oldest first, as many as are too many."""
        with self._lock:
            slow = sorted(
                ((s, since) for s, since in self._since.items() if now - since > GRACE_S), key=lambda pair: pair[1]
            )
            for place, (sock, since) in enumerate(slow):
                if now - since > READ_S or place < len(slow) - self._patience:
                    del self._since[sock]
                    self._cut.add(sock)
                    # The reader sees the end of its input; an answer can still be written.
                    with suppress(OSError):
                        sock.shutdown(socket.SHUT_RD)


class _Arriving:
    """`wsgi.input` that tells when the body has been read to its end."""

    def __init__(self, raw: Any, arrived: Callable[[], bool], length: int | None) -> None:
        """length: bytes of the body; None where it comes in chunks."""
        self._raw, self._arrived, self._left = raw, arrived, length
        self.ended = length == 0

    def read(self, size: int | None = None) -> bytes:
        try:
            found: bytes = self._raw.read(size)
        except ParseException:
            if self._arrived():
                raise RequestTimeout(_LATE) from None
            raise BadRequest("The body's chunks are malformed or end too early; send it again.") from None
        if self._left is not None:
            self._left -= len(found)
        whole = size is None or size < 0 or (size > 0 and not found) or self._left == 0
        self.ended = self.ended or whole
        if whole and self._arrived():
            raise RequestTimeout(_LATE)
        return found

    def readline(self, size: int | None = None) -> bytes:
        found: bytes = self._raw.readline(size)
        if self._left is not None:
            self._left -= len(found)
        self.ended = self.ended or self._left == 0
        return found

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


def _let_read(sock: socket.socket) -> None:
    """Takes in what a client is still sending, for a while: a connection that is closed on unread bytes is reset, and the
    client may then lose the answer that says why (RFC 9112, 9.6)."""
    until, left = time.monotonic() + _LINGER_S, _LINGER_BYTES
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while left > 0 and (patience := until - time.monotonic()) > 0:
            sock.settimeout(patience)
            found = sock.recv(65_536)
            if not found:
                return
            left -= len(found)


class Worker(RefusingWorker):
    """One per service. Its readings are shared by the threads that read and by the one that cuts."""

    wsgi: Any
    app: Any

    def init_process(self) -> None:
        self._readings = Readings(max(self.cfg.threads // 4, 1))
        self._unread: set[socket.socket] = set()
        threading.Thread(target=self._watch, name="readings", daemon=True).start()
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGHUP, lambda *_: self.app.reload_policy())
        signal.siginterrupt(signal.SIGHUP, False)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application, readings, unread = self.wsgi, self._readings, self._unread

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            sock = environ["gunicorn.socket"]
            length = None if "HTTP_TRANSFER_ENCODING" in environ else int(environ.get("CONTENT_LENGTH") or 0)
            body = _Arriving(environ["wsgi.input"], lambda: readings.end(sock), length)

            def begun(*arguments: Any) -> Any:
                readings.end(sock)
                if not body.ended:
                    unread.add(sock)
                    start_response.__self__.force_close()  # type: ignore[attr-defined]  # gunicorn's response
                return start_response(*arguments)

            environ["wsgi.input"] = body
            if body.ended:
                readings.end(sock)
            return application(environ, begun)

        self.wsgi = answer

    def handle(self, conn: Any) -> Any:
        self._readings.begin(conn.sock)
        try:
            return super().handle(conn)
        finally:
            self._readings.end(conn.sock)
            if conn.sock in self._unread:
                self._unread.discard(conn.sock)
                _let_read(conn.sock)

    def _watch(self) -> None:
        while True:
            time.sleep(_TICK_S)
            self._readings.cut(time.monotonic())
