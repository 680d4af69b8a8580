"""Liveness, readiness, metrics, and the description of the API.

Invariant: nobody but who asks on this machine, or with an operator's key, reads a path, an address or an error's words here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from typing import Any

from flask import Blueprint, Response, request

from app.api.openapi import document
from app.web.context import caller, deployment, service
from app.web.peers import on_this_machine, passed_on
from app.web.problems import Problem

blueprint = Blueprint("health", __name__)
SEE_LOG = "told in the log, and here to whoever asks on the service's machine or with an auditor's key"


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers; says nothing about models or stores."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> tuple[dict[str, Any], int]:
    """Whether to send questions here: the models are warm, and the service is not about to end."""
    found = service()
    policies = found.running.policy.standings if found.running else {}
    ready = found.ready and not found.leaving
    parts = dict(found.parts)
    standings = {role: dataclasses.asdict(standing) for role, standing in policies.items()}
    if not _may_read_details():
        parts |= {"error": SEE_LOG} if "error" in parts else {}
        standings = {
            role: {**standing, "rejected": SEE_LOG if standing["rejected"] else ""} for role, standing in standings.items()
        }
    return {"ready": ready, "parts": parts, "policies": standings}, 200 if ready else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    """Prometheus asks each replica itself; through a proxy there is nothing here without a key, whatever it lets through."""
    key = deployment().settings.metrics_key
    if key is None and passed_on():
        raise Problem(404, "The metrics are read at the service itself, not through a proxy.")
    if key is not None and not _is(key.get_secret_value()):
        raise Problem(401, "Send the metrics' key: Authorization: Bearer …", code="metrics_key")
    return Response(deployment().metrics.text(), mimetype="text/plain; version=0.0.4")


@blueprint.get("/openapi.json")
def openapi() -> dict[str, Any]:
    return document()


def _may_read_details() -> bool:
    if on_this_machine():
        return True
    if "Authorization" not in request.headers:
        return False
    try:
        caller("auditor", "administrator")
    except Problem:
        return False
    return True


def _is(key: str) -> bool:
    """Whether the request's bearer is this key; in constant time, whatever was sent."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    sent = given.strip() if scheme.lower() == "bearer" else ""
    return hmac.compare_digest(_hash(sent), _hash(key))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
