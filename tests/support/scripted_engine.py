"""An engine that misbehaves on demand: a real HTTP server of the OpenAI API, which can be stopped and started again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Say = Callable[["Reply"], None]
MODEL = "some-model"


class Reply:
    """One request's connection, for a script to answer on."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self._begun = False

    def status(self, code: int, body: bytes = b"{}", kind: str = "application/json") -> None:
        self._handler.send_response(code)
        self._handler.send_header("Content-Type", kind)
        self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def raw(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._handler.send_response(200)
            self._handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self._handler.end_headers()
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def event(self, document: Any) -> None:
        self.raw(b"data: " + json.dumps(document).encode() + b"\n\n")

    def begin(self) -> None:
        self.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]})

    def text(self, text: str) -> None:
        self.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})

    def end(self, reason: str = "stop") -> None:
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        self.event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}})
        self.raw(b"data: [DONE]\n\n")

    def left(self) -> bool:
        """Whether the client has closed the connection."""
        self._handler.connection.settimeout(20)
        try:
            return self._handler.connection.recv(1) == b""
        except ConnectionError:
            return True


def saying(*pieces: str) -> Say:
    def say(reply: Reply) -> None:
        reply.begin()
        for piece in pieces:
            reply.text(piece)
        reply.end()

    return say


def dying_after(*pieces: str) -> Say:
    """Ends the connection without a word, as a process does that is killed."""

    def say(reply: Reply) -> None:
        reply.begin()
        for piece in pieces:
            reply.text(piece)

    return say


def refusing(code: int) -> Say:
    return lambda reply: reply.status(code)


def holding(until: threading.Event, *pieces: str) -> Say:
    """Says the pieces, and nothing more until released."""

    def say(reply: Reply) -> None:
        reply.begin()
        for piece in pieces:
            reply.text(piece)
        until.wait(20)
        reply.end()

    return say


@dataclass
class ScriptedEngine:
    """`say` answers every question; `asked` holds their bodies and `headers` theirs. `models`: what it lists."""

    say: Say
    models: Sequence[dict[str, Any]] = ({"id": MODEL},)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                Reply(self).status(200, json.dumps({"object": "list", "data": list(engine.models)}).encode())

            def do_POST(self) -> None:
                engine.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                engine.headers.append({name.lower(): value for name, value in self.headers.items()})
                try:
                    engine.say(Reply(self))
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens there any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def engines_saying(*scripts: Say) -> Iterator[list[ScriptedEngine]]:
    found = [ScriptedEngine(say) for say in scripts]
    for one in found:
        one.start()
    try:
        yield found
    finally:
        for one in found:
            one.stop()
