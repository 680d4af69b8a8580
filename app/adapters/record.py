"""Puts the audit log behind the orchestrator's ports: a query's record, and what a candidate policy would have decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.append.store import AuditStore
from audit.append.ticket import Ticket as AuditTicket
from audit.errors import AuditUnavailable
from audit.format.events import Entry
from audit.kinds import SHADOWED, Kind
from orchestrator.errors import RecordUnavailable
from orchestrator.types import Query


class Recorded:
    """A ticket whose receipt is plain data. Implements `ports.Ticket`."""

    def __init__(self, ticket: AuditTicket) -> None:
        self._ticket = ticket

    def wait(self) -> Mapping[str, Any]:
        try:
            receipt = self._ticket.wait()
        except AuditUnavailable as error:
            raise RecordUnavailable(str(error)) from error
        return {"log": receipt.log, "seq": receipt.seq, "leaf": receipt.leaf, "event_id": receipt.event_id}


@dataclass(frozen=True)
class QueryRecord:
    """Appends one query's events. Implements `ports.Record`."""

    store: AuditStore
    tenant: str
    query: str
    conversation: str
    actor: str
    subject: str
    trace_id: str
    span_id: str
    policy: str

    def append(
        self, kind: Kind, body: Mapping[str, Any], *, labels: Mapping[str, str] | None = None, model: str = ""
    ) -> Recorded:
        entry = Entry(
            kind=kind,
            query=self.query,
            conversation=self.conversation,
            actor=self.actor,
            subject=self.subject,
            trace_id=self.trace_id,
            span_id=self.span_id,
            policy_digest=self.policy,
            model_digest=model,
            labels=labels or {},
            body=body,
        )
        try:
            return Recorded(self.store.append(self.tenant, entry))
        except AuditUnavailable as error:
            raise RecordUnavailable(str(error)) from error


@dataclass(frozen=True)
class ShadowRecord:
    """Appends what a candidate policy would have decided. Implements `orchestrator.judging.shadow.Tell`.

    The event is about the query and no part of its journey, which has ended; it is sealed with the same subject's key.
    """

    store: AuditStore

    def __call__(self, query: Query, in_force: str, candidate: str, body: Mapping[str, Any]) -> None:
        labels: dict[str, str | int] = {"about": query.id, "candidate": candidate}
        labels |= {name: int(body[name]) for name in ("compared", "dropped", "differing")}
        self.store.append(
            query.tenant,
            Entry(
                kind=SHADOWED,
                query=None,
                conversation=None,
                actor="service",
                subject=query.subject,
                policy_digest=in_force,
                labels=labels,
                body=body,
            ),
        )
