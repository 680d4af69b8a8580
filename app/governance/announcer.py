"""Events that concern the deployment and not one query: a policy that was swapped, a switch that was thrown.

Invariant: `tell` returns only when the event is durable in the log of every tenant that it concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.identity.api_keys import ApiKeys
from audit.append.store import AuditStore
from audit.format.events import Entry
from audit.format.kind import Kind
from audit.sealing.subject_keys import FIRM


@dataclass(frozen=True)
class Said:
    """What one tenant's log is told. labels: never personal; policy_digest: of the tenant's policy then."""

    body: Mapping[str, Any]
    labels: Mapping[str, str | int] = field(default_factory=dict)
    policy_digest: str = ""


class Announcer:
    """own: the tenant of the settings, which need not have a key. Holds nothing between calls."""

    def __init__(self, store: AuditStore, keys: ApiKeys, own: str) -> None:
        self._store, self._keys, self._own = store, keys, own

    def tenants(self) -> tuple[str, ...]:
        """Everybody whose log there is or may be: who has a key, and the settings' own. Raises SQLAlchemyError."""
        return tuple(sorted({self._own, *(k.tenant for k in self._keys.list() if k.intact and k.revoked is None)}))

    def tell(self, kind: Kind, actor: str, about: Callable[[str], Said], tenant: str = "") -> None:
        """One event in the tenant's log, or in everybody's. actor: a pseudonym. Raises AuditUnavailable, SQLAlchemyError."""
        tickets = []
        for log in (tenant,) if tenant else self.tenants():
            said = about(log)
            entry = Entry(
                kind=kind,
                query=None,
                conversation=None,
                actor=actor,
                subject=FIRM + log,
                policy_digest=said.policy_digest,
                labels=said.labels,
                body=said.body,
            )
            tickets.append(self._store.append(log, entry))
        for ticket in tickets:
            ticket.wait()
