"""A chat service of the tests' own: real HTTP, real server-sent events, answering by a script per question.

It serves the widget's script from its own origin, as Countersign does, and says what it was asked. A script
gets a `Reply` and sends what it likes, when it likes: half an event, nothing, or an error.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATIC = Path(__file__).resolve().parents[3] / "app" / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Asked:
    """One request to /v1/chat, as it came."""

    body: dict[str, Any]
    headers: dict[str, str]


class Reply:
    """The answer to one question; its first event opens it."""

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler
        self._open = False
        self.go_on = handler.service.go_on

    def send(self, event: str, **data: Any) -> None:
        self.raw(f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode())

    def raw(self, content: bytes) -> None:
        if not self._open:
            self._open = True
            self._handler.respond(200, "text/event-stream")
        self._handler.wfile.write(content)
        self._handler.wfile.flush()

    def problem(self, status: int, **data: Any) -> None:
        self._handler.respond(status, "application/problem+json")
        self._handler.wfile.write(json.dumps({"status": status, **data}).encode())

    def hold(self) -> None:
        """Wait for the test to call `service.go_on.set()`."""
        assert self.go_on.wait(30), "the test never let the reply go on"
        self.go_on.clear()

    def until_hung_up(self) -> None:
        """Keep-alives until the client is gone."""
        try:
            for _ in range(600):
                self.raw(b": keep-alive\n\n")
                if threading.Event().wait(0.05):
                    break
        except OSError:
            self._handler.service.hung_up.set()


Script = Callable[[Reply], None]


@dataclass
class ChatService:
    """`scripts` answers by question; `asked` is what came, in order, appended by the handlers' threads. passages: texts by
    their address, for whoever shows the key."""

    url: str = ""
    passages: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)

    def on(self, question: str) -> Callable[[Script], Script]:
        def keep(script: Script) -> Script:
            self.scripts[question] = script
            return script

        return keep


class _Handler(BaseHTTPRequestHandler):
    service: ChatService

    def do_GET(self) -> None:
        if self.path in self.service.passages and self.headers.get("Authorization") == "Bearer cs_test":
            self.respond(200, "application/json")
            self.wfile.write(json.dumps({"text": self.service.passages[self.path]}).encode())
            return
        file = STATIC / Path(self.path).name
        if not self.path.startswith("/static/") or not file.is_file():
            self.respond(404, "text/plain")
            return
        self.respond(200, TYPES[file.suffix])
        self.wfile.write(file.read_bytes())

    def do_OPTIONS(self) -> None:
        self.respond(204, "text/plain")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.service.asked.append(Asked(body, headers))
        self.service.scripts[body["message"]](Reply(self))

    def respond(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
        self.send_header("Access-Control-Allow-Headers", "authorization, content-type")
        self.send_header("Access-Control-Allow-Methods", "POST")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on a free port of the loopback, and its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def chat_service() -> Iterator[ChatService]:
    service = ChatService()
    with running(type("Handler", (_Handler,), {"service": service})) as url:
        service.url = url
        yield service
