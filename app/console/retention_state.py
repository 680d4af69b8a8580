"""What is known of a tenant's holds and erasures, for pages that show it beside something else."""

from __future__ import annotations

from app.web.context import deployment
from audit.errors import LogDamaged
from audit.retention.state import RetentionState


def retention_state(tenant: str) -> RetentionState | None:
    """None where its events cannot be relied on: the page says so, and shows the rest."""
    try:
        return deployment().retention.state(tenant)
    except LogDamaged:
        return None
