"""The Flask application: joins the blueprints, sets the headers that every response carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

from flask import Flask, Response, request

from app.api import audit as audit_api
from app.api import chat, documents, health, openai_compat, receipts, reveal
from app.console.blueprint import create_console
from app.console.pages import PAGES
from app.demo import views as demo
from app.settings import Settings
from app.web import problems
from app.web.context import Admission
from app.wiring.key_material import key_encryption_key, session_secret
from app.wiring.service import Service

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


def create_app(service: Service, pages: Sequence[ModuleType] = PAGES) -> Flask:
    """The application over a service. Answers /healthz at once, questions once the service is ready. pages: the console's"""
    app = Flask("app")  # templates and static files lie in the package app
    settings = service.deployment.settings
    app.config.update(
        SECRET_KEY=session_secret(key_encryption_key(settings)),
        MAX_CONTENT_LENGTH=settings.max_body,
        SESSION_COOKIE_NAME="countersign_review",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=8 * 3600,
    )
    app.extensions["countersign"] = service
    app.extensions["countersign.admission"] = Admission(settings.max_chats)
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
    app.after_request(_headers(settings))
    return app


def _headers(settings: Settings) -> Callable[[Response], Response]:
    origins = settings.allowed_origins

    def add(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers.setdefault("Content-Security-Policy", CSP)
        origin = request.headers.get("Origin")
        if request.path.startswith("/v1/") and origin and ("*" in origins or origin in origins):
            # Keys travel in a header and never in a cookie, so another origin gains nothing that it does not hold.
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
            response.headers["Access-Control-Expose-Headers"] = "Countersign-Trace-Id, Retry-After"
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Headers"] = (
                    "Authorization, Content-Type, Countersign-Subject, Traceparent, Tracestate"
                )
                response.headers["Access-Control-Allow-Methods"] = "GET, POST"
                response.headers["Access-Control-Max-Age"] = "600"
        if request.path == "/static/widget.js":
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    return add
