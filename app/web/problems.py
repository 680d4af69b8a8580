"""Errors as problem details (RFC 9457): what is wrong, why, and what to do. Never a traceback, never a person's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from flask import Flask, Response, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from audit.errors import AuditUnavailable
from orchestrator.errors import ConversationUnknown, RecordUnavailable

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "Who is asking?",
    403: "This key may not do that",
    404: "There is nothing there",
    405: "Not with this method",
    408: "The request took too long to arrive",
    409: "Not in this state",
    410: "It was erased",
    413: "The request is too large",
    415: "Send JSON",
    421: "Not under this name",
    422: "The request does not fit",
    429: "Too many questions at once",
    500: "Something broke here",
    503: "The service cannot answer now",
}


NO_SUCH_ADDRESS = (
    "There is nothing at this address. Of the OpenAI API, POST /v1/chat/completions and GET /v1/models are served: set your "
    "client to chat completions (not responses, completions or embeddings). /openapi.json lists every address."
)


class Problem(Exception):
    """An error to be told to the client."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        param: str | None = None,
        retry_after: int | None = None,
        errors: list[dict[str, str]] | None = None,
        allow: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.code, self.param = status, detail, code, param
        self.retry_after, self.errors, self.allow = retry_after, errors, tuple(allow)
        self.headers = headers or {}

    def body(self, *, openai: bool = False) -> dict[str, Any]:
        """The problem document; `openai` adds the member that clients of that API look for."""
        kind = self.code or str(self.status)
        body: dict[str, Any] = {
            "type": f"urn:countersign:problem:{kind}",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        if openai:
            family = "server_error" if self.status >= 500 else "invalid_request_error"
            body["error"] = {
                "message": self.detail,
                "type": family,
                "param": self.param,
                "code": self.code or None,
            }
        return body


def of(error: Exception) -> Problem:
    """What an exception is to the client."""
    match error:
        case Problem():
            return error
        case ConversationUnknown():
            return Problem(404, str(error), code="conversation_unknown")
        case RecordUnavailable() | AuditUnavailable():
            return Problem(
                503,
                "The audit store cannot be written at the moment, and nothing leaves unrecorded. Please try again shortly.",
                code="audit_unavailable",
                retry_after=5,
            )
        case OperationalError() | InterfaceError() | PoolTimeout():
            log.warning("database.unavailable", error=type(error).__name__, route=_route())
            return Problem(
                503,
                "The database does not answer at the moment, and nothing leaves unrecorded. Please try again shortly.",
                code="database_unavailable",
                retry_after=5,
            )
        case MethodNotAllowed():
            allow = sorted(error.valid_methods or ())
            return Problem(405, f"This address knows {', '.join(allow)} only.", code="method", allow=allow)
        case NotFound() if request.path.startswith("/v1/"):
            return Problem(404, NO_SUCH_ADDRESS, code="unknown_url")
        case HTTPException():
            return Problem(error.code or 500, error.description or "")
        case _:
            log.error("request.failed", error=type(error).__name__, route=_route())
            return Problem(500, "An unexpected error occurred. It has been noted; please try again.", code="internal")


def _route() -> str:
    """The address as the application knows it; what a caller wrote in its place may be anything."""
    return request.url_rule.rule if request.url_rule else ""


def respond(problem: Problem) -> Response:
    body = problem.body(openai=request.path.startswith("/v1/"))
    response = Response(json.dumps(body), problem.status, mimetype=MEDIA_TYPE)
    response.headers.update(problem.headers)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    if problem.allow:
        response.headers["Allow"] = ", ".join(problem.allow)
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="countersign"'
    return response


def register(app: Flask) -> None:
    """Every exception of every view ends here."""
    app.register_error_handler(Exception, lambda error: respond(of(error)))
    app.register_error_handler(RequestRedirect, lambda error: error.get_response())
