"""Revealing personal data in one query: what its pseudonyms stand for, shown to an administrator who said why.

Invariant: nothing is restored before `access.revealed` is durable, and where settings demand a second administrator, not
before another one has agreed. Requests are events of the query itself: asked, agreed, shown once. Whoever would show one
takes it first, in a row that there can be once, so that of several who try at once, in whichever replica, one shows it; a
request that was taken and could not be recorded is used up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from app.identity.api_keys import Key
from app.identity.subjects import staff
from app.identity.tables import reveal_taken
from app.web.problems import Problem
from audit import kinds
from audit.append.store import AuditStore
from audit.format.events import Entry
from audit.format.kind import Kind
from audit.read.reader import AuditReader, EventView
from moderation.pii.pseudonyms import Pseudonyms
from orchestrator.errors import ConversationUnknown
from orchestrator.memory.store import ConversationStore

_SHOWN = (kinds.REDACTED, kinds.RELEASED)
USABLE_FOR = timedelta(minutes=15)
SHORTEST_REASON = 8


@dataclass(frozen=True)
class RevealDesk:
    """What revealing reads and records with. persons: administrators who must agree, the one who asks among them."""

    engine: Engine
    reader: AuditReader
    audit: AuditStore
    memory: ConversationStore
    persons: int


@dataclass(frozen=True)
class Request:
    """number: the sequence number of the event that asked. agreed: who agrees, the asker first."""

    number: int
    by: str
    reason: str
    needs: int
    agreed: tuple[str, ...]
    since: datetime
    used: bool = False

    @property
    def state(self) -> str:
        """waiting (for another administrator), ready (for the one who asked), shown or expired."""
        if self.used:
            return "shown"
        if datetime.now(UTC) - self.since > USABLE_FOR:
            return "expired"
        return "ready" if len(self.agreed) >= self.needs else "waiting"


@dataclass(frozen=True)
class Revealed:
    """The query's texts with the originals put back."""

    question: str
    answer: str
    reason: str


def requests(events: Sequence[EventView]) -> list[Request]:
    """Every request to reveal this query, in order, as its events tell; altered events tell nothing."""
    found: dict[int, Request] = {}
    for event in events:
        if event.body is None or not event.intact:
            continue
        if event.kind == kinds.REVEAL_REQUESTED.name:
            reason, needs = str(event.body["reason"]), int(event.body["needs"])
            found[event.seq] = Request(event.seq, event.actor, reason, needs, (event.actor,), event.time)
            continue
        asked = found.get(event.body.get("request", -1))
        if asked is None or asked.used:
            continue
        if event.kind == kinds.REVEAL_APPROVED.name and event.actor not in asked.agreed:
            found[asked.number] = replace(asked, agreed=(*asked.agreed, event.actor), since=event.time)
        elif event.kind == kinds.REVEALED.name:
            found[asked.number] = replace(asked, used=True)
    return list(found.values())


def ask(desk: RevealDesk, key: Key, query_id: str, reason: str) -> Request:
    """Records the request. Raises Problem 403, 404 and 422."""
    _allowed(key)
    _events(desk, key, query_id)
    why = " ".join(reason.split())
    if not SHORTEST_REASON <= len(why) <= 500:
        raise Problem(422, "reason: say in a few words why the personal data is needed.", code="reason", param="reason")
    number = _record(desk, key, kinds.REVEAL_REQUESTED, query_id, {"reason": why, "needs": desk.persons})
    return _request(desk, key, query_id, number)


def approve(desk: RevealDesk, key: Key, query_id: str, number: int) -> Request:
    """Agrees to another administrator's request. Raises Problem 403, 404 and 409."""
    _allowed(key)
    asked = _request(desk, key, query_id, number)
    if asked.state != "waiting" or _name(key) in asked.agreed:
        why = "another administrator must agree" if asked.state == "waiting" else f"it is {asked.state}"
        raise Problem(409, f"You cannot agree to this request: {why}.", code="reveal_state")
    _record(desk, key, kinds.REVEAL_APPROVED, query_id, {"request": number})
    return _request(desk, key, query_id, number)


def reveal(desk: RevealDesk, key: Key, query_id: str, number: int) -> Revealed:
    """The texts with their originals; recorded first, once for each request. Raises Problem 403, 404, 409 and 410."""
    _allowed(key)
    asked = _request(desk, key, query_id, number)
    if asked.state != "ready" or asked.by != _name(key):
        why = "only who asked may see it" if asked.state == "ready" else f"it is {asked.state}"
        raise Problem(409, f"This request cannot be shown: {why}.", code="reveal_state")
    events = _events(desk, key, query_id)
    if any(event.state == "erased" for event in events if kinds.is_step(event.kind)):
        raise Problem(410, "The content was erased: nobody can read it any more.", code="erased")
    if not _take(desk, key.tenant, number):
        raise Problem(409, "This request cannot be shown: it was taken already. Ask again.", code="reveal_state")
    _record(desk, key, kinds.REVEALED, query_id, {"request": number, "reason": asked.reason, "agreed": list(asked.agreed)})
    return _restored(desk, events, asked.reason)


def _take(desk: RevealDesk, tenant: str, number: int) -> bool:
    """Whether nobody has taken the request before."""
    row = {"tenant": tenant, "request": number, "taken": datetime.now(UTC)}
    try:
        with desk.engine.begin() as db:
            db.execute(insert(reveal_taken).values(**row))
    except IntegrityError:
        return False
    return True


def _restored(desk: RevealDesk, events: Sequence[EventView], reason: str) -> Revealed:
    first = events[0]
    try:
        dumped, _ = desk.memory.load(first.log, first.subject, first.conversation or "")
    except ConversationUnknown as error:
        raise Problem(410, "The conversation is gone, and with it what the pseudonyms stand for.", code="erased") from error
    originals = Pseudonyms.load(dumped) if dumped is not None else Pseudonyms()
    redacted, released = ([e.body for e in events if e.kind == kind.name and e.body] for kind in _SHOWN)
    question = "".join(str(body.get("question", "")) for body in redacted[:1])
    answer = "".join(str(body.get("text", "")) for body in released).strip()
    return Revealed(originals.restore(question), originals.restore(answer), reason)


def _allowed(key: Key) -> None:
    if key.role != "administrator":
        raise Problem(403, f"Revealing needs an administrator's key; this one is an {key.role}'s.", code="role")


def _events(desk: RevealDesk, key: Key, query_id: str) -> list[EventView]:
    events = desk.reader.query(key.tenant, query_id)
    if not events:
        raise Problem(404, "The log of your tenant has no such query.", code="query_unknown")
    return events


def _request(desk: RevealDesk, key: Key, query_id: str, number: int) -> Request:
    for asked in requests(_events(desk, key, query_id)):
        if asked.number == number:
            return asked
    raise Problem(404, "This query has no such request.", code="reveal_unknown")


def _record(desk: RevealDesk, key: Key, kind: Kind, query_id: str, body: Mapping[str, Any]) -> int:
    entry = Entry(kind, query_id, None, _name(key), staff(_name(key)), body=body)
    return desk.audit.append(key.tenant, entry).wait().seq


def _name(key: Key) -> str:
    return f"key:{key.id}"
