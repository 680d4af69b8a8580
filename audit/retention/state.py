"""Holds, retention rules and erasures as the log tells them: what must be kept, what may be erased, and who agreed.

Invariant: nothing is known here but what events say, in the log's order; an erasure is decided on the state at its
last approval, so that an auditor who folds the same events comes to the same result. Retention and holds win over erasure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from audit import kinds
from audit.errors import LogDamaged
from audit.read.reader import EventView

KINDS = (
    kinds.HOLD_PLACED,
    kinds.HOLD_LIFTED,
    kinds.RETENTION_SET,
    kinds.ERASURE_REQUESTED,
    kinds.ERASURE_APPROVED,
    kinds.ERASURE_DONE,
    kinds.ERASURE_REFUSED,
)
COMMUNICATIONS = "communications"
"""A rule for every event of a query (`kinds.is_step`): not for the firm's own events, nor for looks."""


@dataclass(frozen=True, slots=True)
class Hold:
    """subject: None holds the whole tenant; also: under which the same person was recorded earlier. lifting: who has agreed
    to lift it so far; needs: how many must."""

    id: str
    subject: str | None
    matter: str
    by: str
    placed: datetime
    seq: int
    needs: int = 1
    lifting: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def lifted(self) -> bool:
        return len(self.lifting) >= self.needs

    def covers(self, subject: str) -> bool:
        return not self.lifted and (self.subject in (None, subject) or subject in self.also)


@dataclass(frozen=True, slots=True)
class Rule:
    """Events of `kind` (a kind, `access.*`, `communications` or `*`) are kept for `days`."""

    kind: str
    days: int

    def matches(self, kind: str) -> bool:
        if self.kind in ("*", kind):
            return True
        if self.kind == COMMUNICATIONS:
            return kinds.is_step(kind)
        return self.kind.endswith(".*") and kind.startswith(self.kind[:-1])


@dataclass(frozen=True, slots=True)
class Shortening:
    """A rule that would be shortened as soon as enough people have agreed."""

    rule: Rule
    agreed: tuple[str, ...]
    needs: int


@dataclass(frozen=True, slots=True)
class Ground:
    """Why content must stay. until: when the ground falls away by itself, where that is known.

    access: looks into the log are recorded under the subject, and who looked must stay readable.
    """

    kind: Literal["hold", "retention", "access"]
    detail: str
    until: datetime | None = None


State = Literal["waiting", "decided", "done", "refused"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """state: waiting (for a further person), decided (the key is to be destroyed now), done or refused.

    approvers: the requester first. decided: the sequence number of the event that completed the approvals. also: under
    which the same person was recorded earlier; what keeps one of these keeps all.
    """

    id: str
    subject: str
    reason: str
    at: datetime
    needs: int
    approvers: tuple[str, ...]
    state: State = "waiting"
    decided: int | None = None
    ended: datetime | None = None
    ended_seq: int | None = None
    ground: Ground | None = None
    events: int = 0
    also: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        return self.subject, *self.also


@dataclass(frozen=True, slots=True)
class RetentionState:
    """The state at some point of the log. Mappings are in the order of the log."""

    holds: Mapping[str, Hold] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    erasures: Mapping[str, Erasure] = field(default_factory=dict)
    shortenings: Mapping[str, Shortening] = field(default_factory=dict)

    def holds_on(self, subject: str) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.covers(subject)]

    def erasures_of(self, subject: str) -> list[Erasure]:
        return [one for one in self.erasures.values() if subject in one.subjects]

    def keep_until(self, newest: Mapping[str, datetime]) -> tuple[datetime, Rule, str] | None:
        """The last day on which a rule keeps something; newest: the time of the last event of each kind.

        Returns the moment, the rule and the kind, or None where no rule covers any kind.
        """
        ends = [
            (time + timedelta(days=rule.days), rule, kind)
            for kind, time in newest.items()
            for rule in self.rules.values()
            if rule.matches(kind)
        ]
        return max(ends, key=lambda end: end[0], default=None)

    def ground(self, subjects: Sequence[str], newest: Mapping[str, datetime], now: datetime) -> Ground | None:
        """What forbids erasing the content of one person's subjects, or None. newest: as in `keep_until`, of all of them."""
        if any(kinds.is_look(kind) for kind in newest):
            return Ground("access", "looks into the log are recorded under this subject: who looked stays readable")
        if holds := {hold.id: hold for subject in subjects for hold in self.holds_on(subject)}:
            named = "; ".join(f"{hold.id} ({hold.matter})" for hold in holds.values())
            return Ground("hold", f"legal hold {named}")
        kept = self.keep_until(newest)
        if kept is not None and kept[0] > now:
            until, rule, kind = kept
            return Ground("retention", f"{rule.kind} are kept for {rule.days} days after the last one ({kind})", until)
        return None


def replayed(events: Iterable[EventView]) -> RetentionState:
    """The state that the events tell, in their order.

    Raises LogDamaged where one of them cannot be relied on: nothing may be erased on the word of a damaged log.
    """
    keeping = _Replay()
    for event in events:
        if not event.intact or event.body is None:
            what = "was altered" if not event.intact else f"cannot be read ({event.state})"
            raise LogDamaged(
                f"event {event.seq} of log {event.log} ({event.kind}) {what}: run `countersign audit verify`;"
                " nothing is erased until it is clear what is held"
            )
        keeping.take(event, event.body)
    return RetentionState(keeping.holds, keeping.rules, keeping.erasures, keeping.shortenings)


class _Replay:
    """One pass over the events. A second word about something that has ended changes nothing."""

    def __init__(self) -> None:
        self.holds: dict[str, Hold] = {}
        self.rules: dict[str, Rule] = {}
        self.erasures: dict[str, Erasure] = {}
        self.shortenings: dict[str, Shortening] = {}

    def take(self, event: EventView, body: Mapping[str, Any]) -> None:
        match event.kind:
            case kinds.HOLD_PLACED.name if body["hold"] not in self.holds:
                self.holds[body["hold"]] = Hold(
                    body["hold"], body["subject"], body["matter"], event.actor, event.time, event.seq, body["needs"],
                    also=tuple(body.get("also", ())),
                )  # fmt: skip
            case kinds.HOLD_LIFTED.name if hold := self.holds.get(body["hold"]):
                if not hold.lifted:
                    needs = max(hold.needs, body["needs"])
                    self.holds[hold.id] = replace(hold, lifting=_joined(hold.lifting, event.actor), needs=needs)
            case kinds.RETENTION_SET.name:
                self._rule(Rule(body["kind"], body["days"]), event.actor, body["needs"])
            case kinds.ERASURE_REQUESTED.name if body["request"] not in self.erasures:
                also = tuple(body.get("also", ()))
                new = Erasure(body["request"], body["subject"], body["reason"], event.time, body["needs"], (), also=also)
                self.erasures[new.id] = self._agreed(new, event)
            case kinds.ERASURE_APPROVED.name if (asked := self.erasures.get(body["request"])) and asked.state == "waiting":
                self.erasures[asked.id] = self._agreed(asked, event)
            case kinds.ERASURE_DONE.name | kinds.ERASURE_REFUSED.name:
                asked = self.erasures.get(body["request"])
                if asked is not None and asked.state in ("waiting", "decided"):
                    self.erasures[asked.id] = _ended(asked, event, body)

    def _rule(self, rule: Rule, actor: str, needs: int) -> None:
        known, proposed = self.rules.get(rule.kind), self.shortenings.get(rule.kind)
        if known is not None and rule.days < known.days:
            same = proposed is not None and proposed.rule == rule
            agreed = _joined(proposed.agreed if proposed is not None and same else (), actor)
            needs = max(needs, proposed.needs if proposed is not None and same else 1)
            if len(agreed) < needs:
                self.shortenings[rule.kind] = Shortening(rule, agreed, needs)
                return
        self.shortenings.pop(rule.kind, None)
        self.rules[rule.kind] = rule

    def _agreed(self, asked: Erasure, event: EventView) -> Erasure:
        approvers = _joined(asked.approvers, event.actor)
        if len(approvers) < asked.needs:
            return replace(asked, approvers=approvers)
        return replace(asked, approvers=approvers, state="decided", decided=event.seq)


def _ended(asked: Erasure, event: EventView, body: Mapping[str, Any]) -> Erasure:
    if event.kind == kinds.ERASURE_DONE.name:
        return replace(asked, state="done", ended=event.time, ended_seq=event.seq, events=body["events"])
    until = body["until"]
    ground = Ground(body["ground"], body["detail"], datetime.fromisoformat(until) if until else None)
    return replace(asked, state="refused", ended=event.time, ended_seq=event.seq, ground=ground)


def _joined(people: tuple[str, ...], actor: str) -> tuple[str, ...]:
    return people if actor in people else (*people, actor)
