"""The Flask application: joins the blueprints, sets the headers that every response carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import ModuleType

from flask import Flask, Response, request

from app.api import audit as audit_api
from app.api import chat, documents, health, openai_compat, receipts, reveal
from app.console.blueprint import create_console
from app.console.cookie import LONGEST_S, ReviewCookies
from app.console.pages import PAGES
from app.demo import views as demo
from app.settings import Settings
from app.web import problems
from app.web.admission import Admission
from app.web.disconnects import Leaving
from app.web.peers import asked_as_loopback, host_name, is_address
from app.web.refused_keys import RefusedKeys
from app.wiring.key_material import key_encryption_key, session_secret
from app.wiring.service import Service

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
_PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked by machines, under whichever name they have."""

_FROM_PAGES = (
    "Authorization",
    "Content-Type",
    "Countersign-Conversation",
    "Countersign-Subject",
    "Traceparent",
    "Tracestate",
)
_TOLD_TO_PAGES = "Countersign-Conversation, Countersign-Trace-Id, Countersign-Unread-Messages, Retry-After, X-Request-Id"
_MOST_HEADERS = 60


def create_app(service: Service, pages: Sequence[ModuleType] = PAGES) -> Flask:
    """The application over a service. Answers /healthz at once, questions once the service is ready. pages: the console's"""
    app = Flask("app")  # templates and static files lie in the package app
    settings = service.deployment.settings
    app.config.update(
        SECRET_KEY=session_secret(key_encryption_key(settings)),
        MAX_CONTENT_LENGTH=settings.max_body,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LONGEST_S,
    )
    app.session_interface = ReviewCookies()
    app.extensions["countersign"] = service
    app.extensions["countersign.admission"] = Admission(settings.max_chats, settings.quotas)
    app.extensions["countersign.leaving"] = Leaving()
    app.extensions["countersign.refused_keys"] = RefusedKeys()
    problems.register(app)
    for blueprint in (
        chat.blueprint,
        openai_compat.blueprint,
        audit_api.blueprint,
        receipts.blueprint,
        reveal.blueprint,
        documents.blueprint,
        health.blueprint,
        demo.blueprint,
        create_console(pages),
    ):
        app.register_blueprint(blueprint)
    app.before_request(_known_host(settings.allowed_hosts))
    app.after_request(_headers(settings))
    return app


def _headers_of_a_page() -> str:
    """What a page may send: what it asks for, since clients name their system and version in headers of their own
    (x-stainless-os) and none of them gives rights. Only names are repeated, never what is no name (RFC 9110, 5.6.2)."""
    asked = [name.strip() for name in request.headers.get("Access-Control-Request-Headers", "").split(",")]
    named = [name for name in asked if re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name)]
    return ", ".join(dict.fromkeys((*_FROM_PAGES, *named[:_MOST_HEADERS])))


def _known_host(names: Sequence[str]) -> Callable[[], None]:
    """Refuses what was sent under a name that is not ours: another site's may be pointed here, and be believed."""
    known = {name.lower() for name in names}

    def check() -> None:
        if "HTTP_HOST" not in request.environ and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
            raise problems.Problem(400, "HTTP/1.1 needs one Host header (RFC 9112, 3.2).", code="host")
        if request.path in _PROBES:
            return
        if known and not (host_name() in known or is_address(host_name()) or asked_as_loopback()):
            raise problems.Problem(421, "This service is not reached under this name; see allowed_hosts.", code="host")

    return check


def _headers(settings: Settings) -> Callable[[Response], Response]:
    origins = settings.allowed_origins

    def add(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Content-Security-Policy", CSP)
        origin = request.headers.get("Origin")
        if request.path.startswith("/v1/"):
            # What is answered depends on the key: no cache keeps it, and none takes one origin's answer for another's.
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.update(("Origin", "Authorization"))
        if request.path.startswith("/v1/") and origin and ("*" in origins or origin in origins):
            # Keys travel in a header and never in a cookie, so another origin gains nothing that it does not hold.
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _TOLD_TO_PAGES
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Headers"] = _headers_of_a_page()
                response.headers["Access-Control-Allow-Methods"] = "GET, POST"
                response.headers["Access-Control-Max-Age"] = "600"
        if request.path == "/static/widget.js":
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return add
