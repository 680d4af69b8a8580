"""Liveness, readiness, metrics, and the description of the API."""

from __future__ import annotations

import dataclasses
from typing import Any

from flask import Blueprint, Response

from app.api.openapi import document
from app.web.context import deployment, service

blueprint = Blueprint("health", __name__)


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
    status = {
        "ready": ready,
        "parts": dict(found.parts),
        "policies": {role: dataclasses.asdict(standing) for role, standing in policies.items()},
    }
    return status, 200 if ready else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    return Response(deployment().metrics.text(), mimetype="text/plain; version=0.0.4")


@blueprint.get("/openapi.json")
def openapi() -> dict[str, Any]:
    return document()
