"""GET /v1/audit/queries/{id}?reason=…: one query's whole journey, for auditors. Looking is recorded before it is shown."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from flask import Blueprint, request

from app.web.context import caller, deployment
from app.web.looking import record_access
from app.web.problems import Problem
from audit.kinds import VIEWED
from audit.read.reader import EventView

blueprint = Blueprint("audit", __name__)


@blueprint.get("/v1/audit/queries/<query_id>")
def query(query_id: str) -> dict[str, Any]:
    key = caller("auditor", "administrator")
    if not deployment().reader.knows(key.tenant, query_id):
        raise Problem(404, "The log of your tenant has no such query.", code="query_unknown")
    reason = " ".join(request.args.get("reason", "").split())[:200]
    record_access(key, VIEWED, query_id, {"channel": "api", **({"reason": reason} if reason else {})})
    events = deployment().reader.query(key.tenant, query_id)
    return {"query_id": query_id, "tenant": key.tenant, "events": [event_view(e) for e in events]}


def event_view(event: EventView) -> dict[str, Any]:
    """An event as plain JSON."""
    view = dataclasses.asdict(event)
    return {k: v.isoformat() if isinstance(v, datetime) else v.hex() if isinstance(v, bytes) else v for k, v in view.items()}
