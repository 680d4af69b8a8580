"""Reads the log for review: the list of queries, and one query's whole journey with its bodies opened.

Invariant: nothing is shown as intact that was not recomputed while it was read. Order is the sequence's, never the
clock's. Reading is itself to be recorded: callers append an `access.*` event before they show anything.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, exists, func, select
from sqlalchemy.engine import Row
from sqlalchemy.sql import FromClause

from audit.database import tables
from audit.errors import EventRefused, KeyDestroyed, KeyMissing, SealBroken
from audit.format import merkle
from audit.format.events import parse
from audit.kinds import FINISHED, LOOKS, RECEIVED, Kind, is_look
from audit.sealing.body import open_body
from audit.sealing.subject_keys import SubjectKeys

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class QuerySummary:
    """One line of the list. verdict: the strongest; bot: the last named; seq: pass it as `before` for the next page."""

    query: str
    conversation: str | None
    actor: str
    started: datetime
    finished: datetime | None
    bot: str | None
    verdict: str | None
    outcome: str | None
    events: int
    seq: int


@dataclass(frozen=True, slots=True)
class EventView:
    """One event. body is None where it cannot be opened: state says "erased" (key destroyed), "lost" (the key store has
    never had a key for the subject) or "damaged", else "open".

    after_us: microseconds since the query's event before this one, by the process's own monotonic clock where both events
    are of one process. intact: leaf, chain link and body digest were recomputed just now and fit.
    """

    log: str
    seq: int
    event_id: str
    kind: str
    time: datetime
    after_us: int
    actor: str
    subject: str
    query: str | None
    conversation: str | None
    trace_id: str
    span_id: str
    policy_digest: str
    model_digest: str
    labels: Mapping[str, str | int]
    body: Mapping[str, Any] | None
    state: str
    leaf: str
    chain: str
    intact: bool


class AuditReader:
    """Read-only; thread-safe, since each call has its own connection."""

    def __init__(self, engine: Engine, keys: SubjectKeys, verdicts: Sequence[str] = ()) -> None:
        """verdicts: their names from the mildest to the severest; a name that is not among them is milder than all."""
        self._engine = engine
        self._keys = keys
        self._verdicts = tuple(verdicts)

    def queries(
        self,
        tenant: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        bot: str | None = None,
        verdict: str | None = None,
        outcome: str | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> list[QuerySummary]:
        """Newest first. since ≤ start < until; verdict: the strongest one; before: the last line's `seq` (next page)."""
        opening, event = tables.record.alias("opening"), tables.record.alias("event")
        wanted = [opening.c.log == tenant, opening.c.kind == RECEIVED.name, opening.c.query.is_not(None)]
        if before is not None:
            wanted.append(opening.c.seq < before)
        if since is not None:
            wanted.append(opening.c.ts >= _microseconds(since))
        if until is not None:
            wanted.append(opening.c.ts < _microseconds(until))
        if bot is not None:
            wanted.append(_some(opening, event, event.c.bot == bot))
        if outcome is not None:
            wanted.append(_some(opening, event, event.c.outcome == outcome))
        if verdict is not None:
            wanted.append(_some(opening, event, event.c.verdict == verdict))
            if stronger := self._stronger_than(verdict):
                wanted.append(~_some(opening, event, event.c.verdict.in_(stronger)))
        page = select(opening.c.query, opening.c.seq).where(*wanted).order_by(opening.c.seq.desc()).limit(limit)
        with self._engine.connect() as connection:
            found = list(dict.fromkeys(row.query for row in connection.execute(page)))
            record = tables.record.c
            rows = connection.execute(
                select(
                    record.query, record.conversation, record.actor, record.kind, record.ts, record.bot, record.verdict,
                    record.outcome, record.seq,
                ).where(record.log == tenant, record.query.in_(found)).order_by(record.seq)
            ).all()  # fmt: skip
        steps: dict[str, list[Any]] = {query: [] for query in found}
        for row in rows:
            steps[row.query].append(row)
        return [_summary(query, rows, self._verdicts) for query, rows in steps.items()]

    def _stronger_than(self, verdict: str) -> Sequence[str]:
        return self._verdicts[self._verdicts.index(verdict) + 1 :] if verdict in self._verdicts else ()

    def knows(self, tenant: str, query_id: str) -> bool:
        """Whether the log has anything of the query. Nothing is opened."""
        record = tables.record.c
        with self._engine.connect() as connection:
            found = connection.execute(select(record.seq).where(record.log == tenant, record.query == query_id).limit(1))
            return found.first() is not None

    def recorded(self, tenant: str, subjects: Sequence[str]) -> list[str]:
        """Those of the subjects of whom the log has anything, in the order given. Nothing is opened."""
        record = tables.record.c
        wanted = select(record.subject).where(record.log == tenant, record.subject.in_(subjects)).distinct()
        with self._engine.connect() as connection:
            found = set(connection.scalars(wanted))
        return [subject for subject in subjects if subject in found]

    def happened_since(self, tenant: str, kind: Kind, actor: str, seq: int) -> bool:
        """Whether the log has an event of that kind by that actor after number `seq`. Nothing is opened."""
        record = tables.record.c
        wanted = (record.kind == kind.name, record.log == tenant, record.seq > seq, record.actor == actor)
        with self._engine.connect() as connection:
            return connection.execute(select(record.seq).where(*wanted).limit(1)).first() is not None

    def earliest(self, tenant: str, queries: Sequence[str], kinds: Sequence[Kind]) -> dict[str, EventView]:
        """Of each query its first event of the first of `kinds` that it has; after_us means nothing here.

        Only these are opened: one body for each query, however many events it has.
        """
        record, order = tables.record.c, {kind.name: at for at, kind in enumerate(kinds)}
        of_queries = (
            select(record.query, record.kind, func.min(record.seq))
            .where(record.log == tenant, record.query.in_(queries), record.kind.in_(order))
            .group_by(record.query, record.kind)
        )
        with self._engine.connect() as connection:
            rows = sorted(connection.execute(of_queries).all(), key=lambda row: order[row[1]], reverse=True)
        chosen = {query: seq for query, _, seq in rows}
        return {str(view.query): view for view in self._views(tenant, tables.record.c.seq.in_(chosen.values()))}

    def query(self, tenant: str, query_id: str) -> list[EventView]:
        """Every event of the query in order, `access.*` events about it included; empty where it is unknown."""
        return self._views(tenant, tables.record.c.query == query_id)

    def of_kinds(self, tenant: str, kinds: Iterable[Kind]) -> list[EventView]:
        """Every event of these kinds in order. after_us counts from the one before it in this list."""
        return self._views(tenant, tables.record.c.kind.in_([kind.name for kind in kinds]))

    def _views(self, tenant: str, wanted: ColumnElement[bool]) -> list[EventView]:
        record, payload = tables.record, tables.payload
        earlier = tables.record.alias("earlier")
        joined = record.outerjoin(payload, and_(payload.c.log == record.c.log, payload.c.seq == record.c.seq)).outerjoin(
            earlier, and_(earlier.c.log == record.c.log, earlier.c.seq == record.c.seq - 1)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(record, payload.c.sealed, earlier.c.chain.label("previous"))
                .select_from(joined)
                .where(record.c.log == tenant, wanted)
                .order_by(record.c.seq)
            ).all()
        views: list[EventView] = []
        last: tuple[int, Mapping[str, Any]] | None = None
        for row in rows:
            view, clock = self._view(row, last)
            last = (row.ts, clock)
            views.append(view)
        return views

    def _view(self, row: Row[Any], last: tuple[int, Mapping[str, Any]] | None) -> tuple[EventView, Mapping[str, Any]]:
        envelope, readable = _envelope(row.envelope)
        clock = envelope.get("clock", {})
        after = 0
        if last is not None:
            same = clock.get("process") is not None and clock.get("process") == last[1].get("process")
            after = int(clock["mono"] - last[1]["mono"]) if same else row.ts - last[0]
        leaf = merkle.leaf_hash(row.envelope)
        previous = row.previous if row.seq else merkle.FIRST_CHAIN
        body, state = self._body(row, envelope)
        columns = (row.log, row.seq, row.event_id, row.kind, row.query, row.subject, row.ts)
        told = tuple(envelope.get(key) for key in ("log", "seq", "event_id", "kind", "query", "subject", "ts"))
        intact = (
            readable and state != "damaged" and columns == told and leaf == row.leaf and previous is not None
            and merkle.chain_hash(previous, leaf) == row.chain and _digest(row.sealed) == envelope["body"]["ct"]
        )  # fmt: skip
        view = EventView(
            log=row.log, seq=row.seq, event_id=row.event_id, kind=row.kind, time=_EPOCH + timedelta(microseconds=row.ts),
            after_us=after, actor=row.actor, subject=row.subject, query=row.query, conversation=row.conversation,
            trace_id=envelope.get("trace_id", ""), span_id=envelope.get("span_id", ""),
            policy_digest=envelope.get("policy", ""), model_digest=envelope.get("model", ""),
            labels=envelope.get("labels", {}), body=body, state=state, leaf=row.leaf.hex(), chain=row.chain.hex(),
            intact=intact,
        )  # fmt: skip
        return view, clock

    def _body(self, row: Row[Any], envelope: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
        if row.sealed is None:
            return None, "damaged"
        try:
            opened = open_body(self._keys, row.subject, row.log, row.event_id, row.sealed)
            if opened.commitment != envelope.get("body", {}).get("pt"):
                return None, "damaged"
            return parse(opened.body), "open"
        except KeyDestroyed:
            return None, "erased"
        except KeyMissing:
            return None, "lost"
        except (SealBroken, EventRefused):
            return None, "damaged"


def _summary(query: str, rows: Sequence[Any], strength: Sequence[str]) -> QuerySummary:
    opening = next(row for row in rows if row.kind == RECEIVED.name)
    own = [row for row in rows if not is_look(row.kind)]
    verdicts = [row.verdict for row in own if row.verdict is not None]
    last = own[-1]
    return QuerySummary(
        query=query,
        conversation=opening.conversation,
        actor=opening.actor,
        started=_EPOCH + timedelta(microseconds=opening.ts),
        finished=_EPOCH + timedelta(microseconds=last.ts) if last.kind == FINISHED.name else None,
        bot=next((row.bot for row in reversed(own) if row.bot is not None), None),
        verdict=max(verdicts, key=lambda v: strength.index(v) if v in strength else -1, default=None),
        outcome=next((row.outcome for row in reversed(own) if row.outcome is not None), None),
        events=len(own),
        seq=opening.seq,
    )


def _some(opening: FromClause, event: FromClause, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    same = and_(event.c.log == opening.c.log, event.c.query == opening.c.query)
    own = ~event.c.kind.startswith(LOOKS)
    return exists(select(1).select_from(event).where(same, own, condition))


def _envelope(data: bytes) -> tuple[dict[str, Any], bool]:
    """The envelope's fields, and whether it could be read at all."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}, False
    return (value, True) if isinstance(value, dict) and isinstance(value.get("body"), dict) else ({}, False)


def _digest(sealed: bytes | None) -> str:
    return "" if sealed is None else sha256(sealed).hexdigest()


def _microseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: say which, for example with +00:00")
    return (moment - _EPOCH) // timedelta(microseconds=1)
