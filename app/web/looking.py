"""Records who looked into the log. Invariant: nothing is shown before the record of looking at it is durable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.identity.api_keys import Key
from app.identity.subjects import staff
from app.web.context import deployment
from audit.format.events import Entry
from audit.kinds import Kind


def record_access(key: Key, kind: Kind, query_id: str | None, details: Mapping[str, Any]) -> int:
    """Who looked at what; durable before this returns. The event's number. Raises AuditUnavailable."""
    entry = Entry(
        kind=kind,
        query=query_id,
        conversation=None,
        actor=f"key:{key.id}",
        subject=staff(f"key:{key.id}"),
        body=details,
    )
    return deployment().audit.append(key.tenant, entry).wait().seq
