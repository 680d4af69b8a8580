"""Replicas that behave as the service does towards a proxy, and do what a test tells them: stream, drain, break off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Replica:
    """One backend. posts: bodies that arrived; headers: of the last POST, by lower-case name; go_on: lets a stream end."""

    port: int = 0
    ready: bool = True
    broken: bool = False
    posts: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    asked_while_away: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    def leave(self) -> None:
        """Accepts nothing more; what it has accepted goes on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.socket.close()


@contextmanager
def replica() -> Iterator[Replica]:
    about = Replica()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/readyz" and not about.ready:
                about.asked_while_away += 1
            self._whole(503 if self.path == "/readyz" and not about.ready else 200, {"path": self.path})

        def do_POST(self) -> None:
            about.posts.append(self._body())
            about.headers = {name.lower(): value for name, value in self.headers.items()}
            if about.broken:  # after it has read the question, and before a byte of an answer
                self.close_connection = True
                return
            if self.path != "/stream":
                self._whole(200, {"port": about.port})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._chunk(b"event: segment\ndata: one\n\n")
            if not about.go_on.wait(15):  # the first piece was held back on its way, and nobody said so
                self.close_connection = True
                return
            self._chunk(b"event: segment\ndata: two\n\n")
            self._chunk(b"")

        def _body(self) -> bytes:
            if "Content-Length" in self.headers:
                return self.rfile.read(int(self.headers["Content-Length"]))
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def _chunk(self, content: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
            self.wfile.flush()

        def _whole(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A proxy that hangs up is none."""

    server = Quiet(("127.0.0.1", 0), Handler)
    about.port, about._server = server.server_address[1], server
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield about
    finally:
        about.go_on.set()
        server.shutdown()
        server.server_close()
