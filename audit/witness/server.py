"""The witness over HTTP (c2sp.org/tlog-witness), with nothing but the standard library.

Invariant: whatever a client sends, it gets one line of text and never more of this process than that; a request
has a bounded size and a bounded time, whether its bytes come or not; and 200 is answered only for what is on disk.
"""

import contextlib
import io
import json
import logging
import re
import socket
import socketserver
import sqlite3
import threading
import time
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from audit.format.notes import Signature
from audit.witness.rules import MAX_OFFER, SIZE_TYPE
from audit.witness.state import HeldCheckpoint, Witness

IDLE_S = 60.0
REQUEST_S = 10.0
LINGER_S = 1.0
MAX_CONNECTIONS = 64
MAX_LINGER = 1 << 20
_PIECE = 1 << 16
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_CHECKPOINT = re.compile(r"/([0-9a-f]{64})/checkpoint")
_log = logging.getLogger(__name__)


class WitnessServer(ThreadingHTTPServer):
    """Each connection has a thread, at most MAX_CONNECTIONS at once. `counted` is owned by `_lock`."""

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], witness: Witness, *, request_s: float = REQUEST_S, idle_s: float = IDLE_S
    ) -> None:
        """request_s: for a whole request to arrive; idle_s: between two requests of one connection."""
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.witness, self.request_s, self.idle_s = witness, request_s, idle_s
        self.counted: Counter[int] = Counter()
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._lock = threading.Lock()
        super().__init__(address, _Exchange)

    def server_bind(self) -> None:
        """Without the standard library's look-up of the host's name: some networks answer that after minutes."""
        socketserver.TCPServer.server_bind(self)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if self.address_family == socket.AF_INET6 else f"http://{host!s}:{port}"

    def count(self, status: int) -> None:
        with self._lock:
            self.counted[status] += 1

    def metrics(self) -> str:
        logs, evidence = self.witness.counts()
        with self._lock:
            counted = sorted(self.counted.items())
        lines = [
            "# HELP countersign_witness_logs Logs of which a checkpoint is held.",
            "# TYPE countersign_witness_logs gauge",
            f"countersign_witness_logs {logs}",
            "# HELP countersign_witness_evidence Contradictions that logs signed; above 0 somebody must look.",
            "# TYPE countersign_witness_evidence gauge",
            f"countersign_witness_evidence {evidence}",
            "# HELP countersign_witness_requests_total Answers by status.",
            "# TYPE countersign_witness_requests_total counter",
            *(f'countersign_witness_requests_total{{status="{status}"}} {n}' for status, n in counted),
        ]
        return "".join(f"{line}\n" for line in lines)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke off; the client is gone."""
        _log.debug("connection of %s broke off", client_address, exc_info=True)


class _Timed(io.RawIOBase):
    """Reads a socket up to a deadline, however slowly bytes drip in."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self.deadline = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the request took too long")
        self._socket.settimeout(left)
        return self._socket.recv_into(buffer)


class _Exchange(BaseHTTPRequestHandler):
    """One connection."""

    server: WitnessServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._timed = _Timed(self.connection)
        self.rfile = io.BufferedReader(self._timed)

    def handle_one_request(self) -> None:
        self._timed.deadline = time.monotonic() + self.server.idle_s
        try:
            if not self.rfile.peek(1):  # type: ignore[attr-defined]
                self.close_connection = True
                return
        except (TimeoutError, ConnectionError):
            self.close_connection = True
            return
        self._timed.deadline = time.monotonic() + self.server.request_s
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def do_POST(self) -> None:
        if self.path != "/add-checkpoint":
            return self._refuse(HTTPStatus.NOT_FOUND, "this witness answers POST /add-checkpoint")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or self.headers.get("Transfer-Encoding"):
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "a Content-Length is needed")
        if len(length) > 9 or int(length) > MAX_OFFER:
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_OFFER} bytes are not read")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self._refuse(HTTPStatus.BAD_REQUEST, "the body broke off")
        self._guarded(lambda: self._add_checkpoint(body))

    def do_GET(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or self.headers.get("Transfer-Encoding"):
            return self._refuse(HTTPStatus.BAD_REQUEST, "a GET has no body")
        self._guarded(self._show)

    def _add_checkpoint(self, body: bytes) -> None:
        found = self.server.witness.add_checkpoint(body)
        if isinstance(found, Signature):
            return self._send(HTTPStatus.OK, found.line())
        if found.evidence:
            _log.error("EVIDENCE: %s; both notes are kept: GET /evidence", found.reason)
        if found.size is not None:
            return self._send(found.status, f"{found.size}\n", SIZE_TYPE)
        self._send(found.status, f"{found.reason}\n")

    def _show(self) -> None:
        witness = self.server.witness
        if self.path == "/healthz":
            witness.counts()
            return self._send(HTTPStatus.OK, "ok\n")
        if self.path == "/metrics":
            return self._send(HTTPStatus.OK, self.server.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        if self.path == "/key":
            return self._send(HTTPStatus.OK, f"{witness.key.key}\n")
        if self.path == "/checkpoints":
            return self._send(HTTPStatus.OK, _json([_shown(one) for one in witness.logs()]), _JSON)
        if self.path == "/evidence":
            kept = [{name: getattr(one, name) for name in one.__slots__} for one in witness.evidence()]
            return self._send(HTTPStatus.OK, _json(kept), _JSON)
        if wanted := _CHECKPOINT.fullmatch(self.path):
            if found := witness.held_by_hash(wanted[1]):
                return self._send(HTTPStatus.OK, found.note.dump())
            return self._send(HTTPStatus.NOT_FOUND, "this witness holds no checkpoint of that log\n")
        paths = "/checkpoints, /evidence, /key, /healthz, /metrics and /SHA256-OF-ORIGIN/checkpoint"
        self._send(HTTPStatus.NOT_FOUND, f"here are {paths}\n")

    def _guarded(self, answer: Any) -> None:
        """Errors of this process are its own business: the client learns that there was one."""
        try:
            answer()
        except sqlite3.Error as error:
            _log.error("the record could not be written or read, nothing was cosigned: %s", error)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "this witness cannot reach its records; nothing was cosigned")
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            _log.exception("a request failed")
            self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "this witness failed; nothing was cosigned")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Ends the connection too: what else was sent on it was not read."""
        self.close_connection = True
        self._send(status, f"{reason}\n")
        self._linger()

    def _linger(self) -> None:
        """Reads on for a moment: closed with bytes unread, the connection is reset and the answer may be lost with it."""
        self._timed.deadline = time.monotonic() + LINGER_S
        left = MAX_LINGER
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (read := self.rfile.read1(_PIECE)):
                left -= len(read)

    def _send(self, status: HTTPStatus, text: str, kind: str = _TEXT) -> None:
        body = text.encode()
        self.connection.settimeout(self.server.request_s)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.server.count(status)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library refuses by itself: in its own words it would repeat the client's."""
        self.request_version = "HTTP/1.1"  # else there would be no status line: a request without a version is HTTP 0.9
        self._refuse(HTTPStatus(code), HTTPStatus(code).phrase)

    def version_string(self) -> str:
        """Without the versions of what runs here."""
        return "countersign-witness"

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug("%s %s", self.client_address[0], ascii(format % args))


def _shown(one: HeldCheckpoint) -> dict[str, Any]:
    found = one.checkpoint
    return {
        "origin": found.origin,
        "size": found.size,
        "root": found.root.hex(),
        "time": one.time,
        "note": one.note.dump(),
    }


def _json(found: Any) -> str:
    return json.dumps(found, indent=1) + "\n"
