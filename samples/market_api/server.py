"""The HTTP side of the sample service: routes, problem documents (RFC 9457), and knobs for tests.

    GET /v1/instruments                 GET /v1/instruments/{id}/nav       GET /healthz
    GET /v1/fx/{base}/{quote}           GET /v1/instruments/{id}/quote

Every request to /v1 takes ?delay=SECONDS (answer late) and ?fail=STATUS (answer with that error): a live
source that misbehaves on demand. With a token set, /v1 wants `Authorization: Bearer TOKEN` or
`X-Api-Key: TOKEN`.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .book import Book, BookError, Unknown

_MAX_DELAY = 60.0
# What HTTP wants beside some errors (RFC 9110, 15.5.2 and 15.5.6).
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 405: {"Allow": "GET, HEAD"}}


class Problem(Exception):
    """An answer that is an error, as a problem document."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.detail = detail


class MarketServer(ThreadingHTTPServer):
    """Serves one book; with `tick` above 0 a thread moves it every `tick` seconds until close()."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], book: Book, *, tick: float = 0.0, token: str = "") -> None:
        super().__init__(address, Handler)
        self.book = book
        self.token = token
        self.problem_on_tick = ""
        self._closing = threading.Event()
        if tick > 0:
            threading.Thread(target=self._tick, args=(tick,), name="ticker", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def close(self) -> None:
        self._closing.set()
        self.server_close()

    def _tick(self, seconds: float) -> None:
        while not self._closing.wait(seconds):
            try:
                self.book.move()
                self.problem_on_tick = ""
            except (BookError, OSError) as problem:
                if str(problem) != self.problem_on_tick:  # said once, not every few seconds
                    print(f"market_api: {problem}", flush=True)
                self.problem_on_tick = str(problem)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: MarketServer
    protocol_version = "HTTP/1.1"
    server_version = "market_api/1"
    sys_version = ""
    timeout = 30.0

    def do_GET(self) -> None:
        try:
            address = urlsplit(self.path)
            query = parse_qs(address.query, keep_blank_values=True)
            parts = [unquote(part) for part in address.path.strip("/").split("/")]
            self._answer(HTTPStatus.OK, self._find(parts, query))
        except Problem as problem:
            self._problem(problem)
        except Unknown as problem:
            self._problem(Problem(404, str(problem)))
        except BookError as problem:
            self._problem(Problem(503, str(problem)))

    do_HEAD = do_GET

    def _refuse(self) -> None:
        self.close_connection = True  # a body may follow that nobody will read
        self._problem(Problem(405, f"{self.command} is not offered: this service only answers GET"))

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse

    def _find(self, parts: list[str], query: dict[str, list[str]]) -> Any:
        if parts == ["healthz"]:
            return {"status": "ok", "instruments": len(self.server.book.instruments())}
        if parts[0] != "v1":
            raise Problem(404, f"{self.path} does not exist; start at /v1/instruments")
        self._authorise()
        time.sleep(min(_MAX_DELAY, _number(query, "delay", float)))
        if (status := _number(query, "fail", int)) >= 400:
            raise Problem(int(status) if status in HTTPStatus._value2member_map_ else 500, "asked for by ?fail=")
        book = self.server.book
        match parts[1:]:
            case ["instruments"]:
                return {"instruments": book.instruments()}
            case ["instruments", name, "nav"]:
                return book.nav(name)
            case ["instruments", name, "quote"]:
                return book.quote(name)
            case ["fx", base, quote]:
                return book.rate(base, quote)
        raise Problem(404, f"{self.path} does not exist; start at /v1/instruments")

    def _authorise(self) -> None:
        if not self.server.token:
            return
        scheme, _, bearer = self.headers.get("Authorization", "").partition(" ")
        given = bearer.strip() if scheme.lower() == "bearer" else self.headers.get("X-Api-Key", "")
        if not hmac.compare_digest(given.encode("latin-1"), self.server.token.encode()):
            raise Problem(401, "a token is needed: send Authorization: Bearer TOKEN, or X-Api-Key: TOKEN")

    def _problem(self, problem: Problem) -> None:
        status = problem.status
        body = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": problem.detail,
        }
        self._answer(status, body, "application/problem+json", _HEADERS.get(status.value))

    def _answer(
        self,
        status: HTTPStatus,
        body: Any,
        kind: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the service that asks keeps the record."""


def _number(query: dict[str, list[str]], name: str, kind: Callable[[str], float]) -> float:
    """The parameter as a number of at least 0; 0 where it is absent."""
    if name not in query:
        return 0
    try:
        value = kind(query[name][-1])
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise Problem(400, f"{name} must be a number of at least 0, not {query[name][-1]!r}")
    return value
