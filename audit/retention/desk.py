"""Placing and lifting holds, setting retention, erasing: every act is an event of the log before it takes effect.

Invariant: a key is destroyed only after the event that decided it is durable, and only if nothing that stands
before that event in the log forbids it; a hold that stands there wins, whichever process placed it. What was decided and
then interrupted is finished by the next `resume`. These events are sealed for the firm itself and outlive every subject.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import uuid_utils
from sqlalchemy import Engine, func, select

from audit.append.store import AuditStore
from audit.database.tables import record
from audit.errors import RetentionRefused
from audit.format.events import Entry
from audit.kinds import (
    ERASURE_APPROVED,
    ERASURE_DONE,
    ERASURE_REFUSED,
    ERASURE_REQUESTED,
    HOLD_LIFTED,
    HOLD_PLACED,
    RETENTION_SET,
    Kind,
    is_look,
)
from audit.read.reader import AuditReader
from audit.retention.state import KINDS, Erasure, Hold, RetentionState, Rule, replayed
from audit.sealing.subject_keys import FIRM, KEPT, SubjectKeys

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """A subject whose content no rule keeps any longer. over: when the last rule ran out."""

    subject: str
    events: int
    over: datetime


class RetentionDesk:
    """What people do about retention, holds and erasure.

    Holds nothing between calls, so any number of them, in any process, agree. `actor` is who acts, as a pseudonym.

    needs: how many different people must agree to what takes protection away (1 or more).
    """

    def __init__(self, engine: Engine, store: AuditStore, keys: SubjectKeys) -> None:
        self._engine, self._store, self._keys = engine, store, keys
        self._reader = AuditReader(engine, keys)

    def state(self, tenant: str, until: int | None = None) -> RetentionState:
        """As it stands now, or stood when event `until` was the last. Raises LogDamaged."""
        return replayed(event for event in self._reader.of_kinds(tenant, KINDS) if until is None or event.seq <= until)

    def place_hold(
        self,
        tenant: str,
        actor: str,
        subject: str | None,
        matter: str,
        reason: str,
        needs: int = 1,
        also: Sequence[str] = (),
    ) -> Hold:
        """Blocks erasure of a subject, or of everybody, until it is lifted. Placing needs nobody's agreement.

        also: under which the same person was recorded earlier.
        """
        _told(matter=matter, reason=reason)
        hold = f"h_{uuid_utils.uuid7().hex}"
        about = {"hold": hold, "subject": subject, "matter": matter, "reason": reason, "needs": needs, **_also(also)}
        self._record(tenant, actor, HOLD_PLACED, about, {"about": subject or "*", "hold": hold})
        return self.state(tenant).holds[hold]

    def lift_hold(self, tenant: str, actor: str, hold_id: str, reason: str, needs: int = 1) -> Hold:
        """Agrees to lift a hold; it ends when enough people have. Raises RetentionRefused."""
        _told(reason=reason)
        hold = self.state(tenant).holds.get(hold_id)
        if hold is None or hold.lifted:
            raise RetentionRefused(f"no hold {hold_id!r} is in force: see `countersign audit hold list`")
        if actor in hold.lifting:
            raise RetentionRefused(f"{actor} has agreed already: another person must lift {hold_id} too")
        body = {"hold": hold_id, "reason": reason, "needs": needs}
        self._record(tenant, actor, HOLD_LIFTED, body, {"about": hold.subject or "*", "hold": hold_id})
        return self.state(tenant).holds[hold_id]

    def set_retention(self, tenant: str, actor: str, rule: Rule, reason: str, needs: int = 1) -> RetentionState:
        """Sets a rule. A longer one is in force at once, a shorter one when enough people have set the same."""
        _told(reason=reason, kind=rule.kind)
        if not 0 <= rule.days <= 36_500:
            raise RetentionRefused(f"{rule.days} days is not a retention period: give 0 (none) to 36500 days")
        body = {"kind": rule.kind, "days": rule.days, "reason": reason, "needs": needs}
        self._record(tenant, actor, RETENTION_SET, body, {})
        return self.state(tenant)

    def request_erasure(
        self, tenant: str, actor: str, subject: str, reason: str, needs: int = 1, also: Sequence[str] = ()
    ) -> Erasure:
        """Asks for the destruction of the subject's key; destroys it at once where nobody else need agree.

        also: under which the same person was recorded earlier; all keys are destroyed, or none. Returns how it ended: done,
        refused with its ground, or waiting for a further person. Raises RetentionRefused where one is waiting already, and
        for subjects that are no person's.
        """
        _told(reason=reason, subject=subject)
        keeping = self.state(tenant)
        for one in (subject, *also):
            _erasable(one, keeping)
        request = f"e_{uuid_utils.uuid7().hex}"
        body = {"request": request, "subject": subject, "reason": reason, "needs": needs, **_also(also)}
        seq = self._record(tenant, actor, ERASURE_REQUESTED, body, {"about": subject, "request": request})
        return self._conclude(tenant, actor, request, seq)

    def approve_erasure(self, tenant: str, actor: str, request: str) -> Erasure:
        """The agreement of a further person. Raises RetentionRefused where it is the same one, or nothing waits."""
        asked = self.state(tenant).erasures.get(request)
        if asked is None or asked.state != "waiting":
            what = "unknown" if asked is None else asked.state
            raise RetentionRefused(f"erasure {request!r} is {what}: nothing waits for approval under this id")
        if actor in asked.approvers:
            raise RetentionRefused(f"{actor} has agreed to {request} already: another person must approve it")
        seq = self._record(
            tenant, actor, ERASURE_APPROVED, {"request": request}, {"about": asked.subject, "request": request}
        )
        return self._conclude(tenant, actor, request, seq)

    def resume(self, tenant: str, actor: str) -> list[Erasure]:
        """Finishes what was decided and then interrupted."""
        decided = [one for one in self.state(tenant).erasures.values() if one.state == "decided"]
        return [self._conclude(tenant, actor, one.id, one.decided or 0) for one in decided]

    def resume_all(self, actor: str) -> list[Erasure]:
        """The same for every tenant that was ever asked for an erasure: to be called when a service starts."""
        with self._engine.connect() as connection:
            logs = connection.scalars(select(record.c.log).where(record.c.kind == ERASURE_REQUESTED.name).distinct()).all()
        return [one for log in logs for one in self.resume(log, actor)]

    def due(self, tenant: str, now: datetime | None = None) -> Iterator[Due]:
        """Subjects whose rules have all run out, who are not held and whose content can still be read."""
        keeping, now = self.state(tenant), now or datetime.now(UTC)
        counted = (
            select(record.c.subject, record.c.kind, func.max(record.c.ts), func.count())
            .where(record.c.log == tenant, *(~record.c.subject.startswith(one) for one in KEPT))
            .group_by(record.c.subject, record.c.kind)
            .order_by(record.c.subject)
        )
        with self._engine.connect() as connection:
            rows = connection.execution_options(stream_results=True, yield_per=1000).execute(counted)
            for subject, group in groupby(rows, key=lambda row: row[0]):
                kinds = list(group)
                if any(is_look(row[1]) for row in kinds):
                    continue
                kept = keeping.keep_until({row[1]: _time(row[2]) for row in kinds})
                if kept is None or kept[0] > now or keeping.holds_on(subject) or not self._keys.has_key(subject):
                    continue
                yield Due(subject, sum(row[3] for row in kinds), kept[0])

    def _conclude(self, tenant: str, actor: str, request: str, seq: int) -> Erasure:
        """Refuses or carries out, by what the log said when event `seq` was its last."""
        then = self.state(tenant, until=seq)
        asked = then.erasures[request]
        newest, count, now = self._newest(tenant, asked.subjects, seq)
        about = {"about": asked.subject, "request": request}
        if (ground := then.ground(asked.subjects, newest, now)) is not None:
            until = ground.until.isoformat() if ground.until else None
            body: dict[str, Any] = {"request": request, "ground": ground.kind, "detail": ground.detail, "until": until}
            self._record(tenant, actor, ERASURE_REFUSED, body, {**about, "ground": ground.kind})
        elif asked.state == "decided":
            gone = [self._keys.destroy(subject) for subject in asked.subjects]
            body = {
                "request": request, "keys": [key for one in gone for key in one.keys],
                "scrubbed": all(one.scrubbed for one in gone), "events": count, "approvers": list(asked.approvers),
            }  # fmt: skip
            self._record(tenant, actor, ERASURE_DONE, body, about)
        return self.state(tenant).erasures[request]

    def _newest(self, tenant: str, subjects: Sequence[str], seq: int) -> tuple[Mapping[str, datetime], int, datetime]:
        """The last time of each kind of the subjects' events up to `seq`, their count, and the time of event `seq`."""
        counted = (
            select(record.c.kind, func.max(record.c.ts), func.count())
            .where(record.c.log == tenant, record.c.subject.in_(subjects), record.c.seq <= seq)
            .group_by(record.c.kind)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(counted).all()
            at = connection.execute(select(record.c.ts).where(record.c.log == tenant, record.c.seq == seq)).scalar_one()
        return {row[0]: _time(row[1]) for row in rows}, sum(row[2] for row in rows), _time(at)

    def _record(self, tenant: str, actor: str, kind: Kind, body: Mapping[str, Any], labels: Mapping[str, str | int]) -> int:
        entry = Entry(kind, None, None, actor, FIRM + tenant, labels=labels, body=body)
        return self._store.append(tenant, entry).wait().seq


def _erasable(subject: str, keeping: RetentionState) -> None:
    """Raises RetentionRefused where the subject is no person's, or an erasure of it waits already."""
    if subject.startswith(FIRM):
        raise RetentionRefused(f"{subject!r} is the firm itself: its records of holds and erasures stay readable")
    if subject.startswith(KEPT):
        raise RetentionRefused(f"{subject!r} works with the log: the record of who looked, and why, stays readable")
    for known in keeping.erasures_of(subject):
        if known.state == "waiting":
            raise RetentionRefused(f"erasure {known.id} of this subject waits already: another person must approve it")


def _also(subjects: Sequence[str]) -> dict[str, list[str]]:
    return {"also": list(subjects)} if subjects else {}


def _told(**given: str) -> None:
    for name, value in given.items():
        if not value.strip():
            raise RetentionRefused(f"the {name} is empty: an auditor will read it one day; say it in a few words")


def _time(ts: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ts)
