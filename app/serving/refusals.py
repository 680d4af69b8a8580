"""What the server itself refuses, before the application sees it: a request that is no HTTP, or more than is read.

Invariant: such an answer is a problem document with the headers of every other answer, and repeats nothing of the request.
The log names the kind of error alone.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import structlog
from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker

from app.log_lines import named
from app.web.problems import MEDIA_TYPE, Problem

log = structlog.get_logger(__name__)
HEADERS = {
    "Content-Type": MEDIA_TYPE,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Connection": "close",
}
_PHRASES = {
    400: "Bad Request",
    403: "Forbidden",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
}


def refusal(error: BaseException) -> Problem:
    """What a request is told that could not be read (RFC 9110, section 15.5)."""
    match error:
        case errors.LimitRequestLine():
            return Problem(414, "The address is too long; send the question in the body.", code="address_too_long")
        case errors.LimitRequestHeaders():
            return Problem(431, "The headers are too many or too long; send fewer.", code="headers_too_large")
        case errors.ExpectationFailed():
            return Problem(417, "Expect may be 100-continue only; leave the header out.", code="expectation")
        case errors.UnsupportedTransferCoding():
            return Problem(501, "Transfer-Encoding may be chunked only.", code="transfer_encoding")
        case errors.ForbiddenProxyRequest():
            return Problem(403, "This server is asked without the PROXY protocol.", code="proxy_protocol")
        case errors.InvalidResponseHeader() | errors.InvalidResponseHeaderName() | errors.ConfigurationProblem():
            pass
        case errors.ParseException():
            return Problem(
                400, "This is not a request of HTTP/1.1; its line, a header or a chunk is malformed.", code="http"
            )
        case _:
            pass
    return Problem(500, "An unexpected error occurred. It has been noted; please try again.", code="internal")


def written(problem: Problem) -> bytes:
    """The whole response, after which the connection is closed."""
    body = json.dumps(problem.body(openai=True)).encode()
    head = [f"HTTP/1.1 {problem.status} {_PHRASES[problem.status]}"]
    head += [f"{name}: {value}" for name, value in {**HEADERS, "Content-Length": str(len(body))}.items()]
    return "\r\n".join([*head, "", ""]).encode() + body


class RefusingWorker(ThreadWorker):  # type: ignore[misc]
    """Answers what cannot be read, or what failed outside the application."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        told = refusal(exc)
        if told.status == 500:
            log.error("server.failed", **named(exc))
        else:
            log.warning("request.unreadable", error=type(exc).__name__, status=told.status)
        with suppress(OSError):
            util.write_nonblock(client, written(told))
