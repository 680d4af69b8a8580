"""Compares the rows that decide who may do what, and what was said, with the log: a part of `countersign audit verify`.

Invariant: a row that the program did not write, one that is gone, and one that was put back as it once was, are each named.
Nothing is changed, and no row's secret is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, Table, and_, or_, select

from app.identity.row_seals import RowSeals
from app.identity.tables import api_key, kill_switch
from audit.database.tables import record
from audit.kinds import FINISHED, KEY_CREATED, KEY_REVOKED, KEYS_ADOPTED, SWITCH_OFF, SWITCH_ON
from audit.read.reader import AuditReader, EventView
from audit.verify.problems import MAX_PROBLEMS, Problem, Report
from orchestrator.memory.tables import turn
from orchestrator.types import Outcome

Row = Mapping[Any, Any]
_SAVED = (Outcome.ANSWERED.value, Outcome.REFUSED.value, Outcome.ABSTAINED.value)
"""Outcomes after which a turn was saved before the query's last event was written."""


@dataclass(frozen=True)
class RowCheck:
    """own: the settings' tenant, whose log is told of switches for every tenant."""

    engine: Engine
    reader: AuditReader
    seals: RowSeals
    own: str

    def added_to(self, report: Report, tenant: str | None = None) -> Report:
        """The report with what the rows of one tenant, or of all, have against them."""
        found = [one for one in self._problems() if tenant in (None, one.log)]
        if not found:
            return report
        listed = [*report.problems, *found][:MAX_PROBLEMS]
        unlisted = report.unlisted + len(report.problems) + len(found) - len(listed)
        return replace(report, ok=False, problems=listed, unlisted=unlisted)

    def _problems(self) -> Iterator[Problem]:
        keys, switches = self._rows(api_key), self._rows(kill_switch)
        logs = sorted({self.own, *(row["tenant"] for row in (*keys, *switches)), *self._logs()} - {""})
        yield from self._keys(keys, logs)
        yield from self._switches(switches, logs)
        yield from self._turns()

    def _rows(self, table: Table) -> list[Row]:
        with self.engine.connect() as db:
            return [dict(row) for row in db.execute(select(table)).mappings()]

    def _logs(self) -> list[str]:
        with self.engine.connect() as db:
            return list(db.scalars(select(record.c.log).distinct()))

    def _keys(self, rows: list[Row], logs: Iterable[str]) -> Iterator[Problem]:
        by_id = {row["id"]: row for row in rows}
        made: dict[str, tuple[str, Row]] = {}
        ended: set[str] = set()
        for log in logs:
            for event in self.reader.of_kinds(log, (KEY_CREATED, KEY_REVOKED, KEYS_ADOPTED)):
                made |= {key: (log, told) for key, told in _made(event)}
                ended |= {str(event.labels["key"])} if event.kind == KEY_REVOKED.name else set()
        for row in rows:
            if not self.seals.fits(api_key, row):
                yield _problem(row["tenant"], api_key, f"key {row['id']}: its row was changed, or put in, past the program")
            elif row["id"] in ended and row["revoked"] is None:
                yield _problem(row["tenant"], api_key, f"key {row['id']}: was revoked, and its row says that it is in use")
        for key, (log, told) in made.items():
            row = by_id.get(key, {})
            if not row:
                yield _problem(log, api_key, f"key {key}: was made, and its row is gone")
            elif row["tenant"] != log or row["role"] != told["role"] or sorted(row["groups"] or ()) != told["groups"]:
                yield _problem(log, api_key, f"key {key}: its tenant, role or groups are others than when it was made")

    def _switches(self, rows: list[Row], logs: Iterable[str]) -> Iterator[Problem]:
        last: dict[tuple[str, str], EventView] = {}
        for log in logs:
            for event in self.reader.of_kinds(log, (SWITCH_OFF, SWITCH_ON)):
                whose, bot = event.labels["for"], event.labels["switched"]
                place = ("" if whose == "every tenant" else log, "" if bot == "all bots" else str(bot))
                if place[0] or log == self.own:
                    last[place] = event
        by_place = {(row["tenant"], row["bot"]): row for row in rows}
        for place, row in by_place.items():
            if not self.seals.fits(kill_switch, row):
                yield _problem(place[0], kill_switch, f"{_switch(place)}: its row was changed, or put in, past the program")
        for place, event in last.items():
            row = by_place.get(place, {})
            off = event.kind == SWITCH_OFF.name
            if not row and off:
                yield _problem(event.log, kill_switch, f"{_switch(place)}: was switched off, and its row is gone")
            elif row and bool(row["off"]) != off:
                yield _problem(
                    event.log, kill_switch, f"{_switch(place)}: the log says {event.kind}, and its row says otherwise"
                )

    def _turns(self) -> Iterator[Problem]:
        """One statement. Outcomes stand in the events' envelopes, so what turns are compared with cannot be altered."""
        beside = record.outerjoin(turn, turn.c.query == record.c.query)
        wanted = (
            select(record.c.log, record.c.seq, record.c.query, turn.c.query.label("found"))
            .select_from(beside)
            .where(
                and_(
                    record.c.kind == FINISHED.name,
                    record.c.outcome.in_(_SAVED),
                    or_(
                        turn.c.query.is_(None),
                        turn.c.outcome != record.c.outcome,
                        turn.c.conversation != record.c.conversation,
                    ),
                )
            )
            .order_by(record.c.log, record.c.seq)
        )
        with self.engine.connect() as db:
            for row in db.execute(wanted):
                what = "is gone" if row.found is None else "is of another conversation or outcome than the log says"
                yield Problem(row.log, row.seq, turn.name, f"the turn of query {row.query} {what}")


def _made(event: EventView) -> Iterator[tuple[str, Row]]:
    """(id, what it was made as) of the keys that an event tells of."""
    body = event.body or {}
    if event.kind == KEY_CREATED.name:
        yield str(event.labels["key"]), {"role": event.labels["role"], "groups": body.get("groups")}
    elif event.kind == KEYS_ADOPTED.name:
        for one in body.get("keys", ()):
            yield one["key"], one


def _problem(log: str, table: Table, detail: str) -> Problem:
    return Problem(log, None, table.name, detail)


def _switch(place: tuple[str, str]) -> str:
    return f"switch of {f'bot {place[1]}' if place[1] else 'all bots'} for {place[0] or 'every tenant'}"
