"""Kill switches: a bot, a tenant, or a bot within a tenant is off, in every replica within a second.

Invariant: what is off stops being asked even where it cannot be recorded, and comes back only after that is
recorded. A replica that cannot read the switches goes on with those that it last knew, and after STALE_S with none: it then
answers nothing, since it may not know what was switched off meanwhile. A switch whose row does not fit its seal is off.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.governance.announcer import Announcer, Said
from app.identity.row_seals import RowSeals
from app.identity.tables import kill_switch
from audit.database.engine import writing
from audit.kinds import SWITCH_OFF, SWITCH_ON, Kind

log = structlog.get_logger(__name__)
EVERY_S = 0.4
STALE_S = 10.0
LONGEST_REASON = 500
ALTERED = "its row in the database was changed past the program; switch it on again to confirm that it may be asked"


class SwitchRefused(Exception):
    """A switch that cannot be thrown; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Switch:
    """Something that is off. tenant "": for every tenant; bot "": all of the tenant's bots. actor: a pseudonym."""

    tenant: str
    bot: str
    reason: str
    actor: str
    since: datetime

    @property
    def what(self) -> str:
        whose = f"for tenant {self.tenant}" if self.tenant else "for every tenant"
        return f"bot {self.bot} {whose}" if self.bot else f"tenant {self.tenant}"


class Switches:
    """The switches in the database. Holds nothing between calls."""

    def __init__(self, engine: Engine, announcer: Announcer, bots: Sequence[str], seals: RowSeals) -> None:
        self._engine, self._announcer, self._bots, self._seals = engine, announcer, tuple(bots), seals

    def off(self) -> list[Switch]:
        """Everything that is off, oldest first. Raises SQLAlchemyError."""
        wanted = select(kill_switch).order_by(kill_switch.c.changed)
        with self._engine.connect() as db:
            found = [self._read(row) for row in db.execute(wanted).mappings()]
        return [one for one in found if one is not None]

    def turn_off(self, tenant: str, bot: str, reason: str, actor: str) -> None:
        """Acts first and is recorded then. Raises SwitchRefused; AuditUnavailable where it acts but is not recorded."""
        reason = self._checked(tenant, bot, reason)
        if tenant and tenant not in (known := self._announcer.tenants()):
            raise SwitchRefused(f"no key belongs to tenant '{tenant}'; tenants: {', '.join(known)}")
        self._put(tenant, bot, True, reason, actor)
        self._tell(SWITCH_OFF, tenant, bot, reason, actor)

    def turn_on(self, tenant: str, bot: str, reason: str, actor: str) -> None:
        """Is recorded first and acts then. Raises SwitchRefused, and AuditUnavailable where nothing has changed."""
        reason = self._checked(tenant, bot, reason)
        if (tenant, bot) not in {(one.tenant, one.bot) for one in self.off()}:
            raise SwitchRefused("that is not switched off; see: countersign switch list")
        self._tell(SWITCH_ON, tenant, bot, reason, actor)
        self._put(tenant, bot, False, reason, actor)

    def _checked(self, tenant: str, bot: str, reason: str) -> str:
        if not tenant and not bot:
            raise SwitchRefused("name a bot, a tenant, or both")
        if bot and bot not in self._bots:
            raise SwitchRefused(f"bot '{bot}' is unknown; bots: {', '.join(self._bots)}")
        reason = " ".join(reason.split())
        if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
            raise SwitchRefused(
                f"a reason is needed, of at most {LONGEST_REASON} characters: an auditor will read it one day"
            )
        return reason

    def _read(self, row: Mapping[Any, Any]) -> Switch | None:
        """The switch of a row, or None where it is on."""
        intact = self._seals.fits(kill_switch, row)
        if intact and not row["off"]:
            return None
        return Switch(row["tenant"], row["bot"], row["reason"] if intact else ALTERED, row["actor"], _aware(row["changed"]))

    def _put(self, tenant: str, bot: str, off: bool, reason: str, actor: str) -> None:
        here = (kill_switch.c.tenant == tenant) & (kill_switch.c.bot == bot)
        values = {"off": off, "reason": reason, "actor": actor, "changed": datetime.now(UTC)}
        values["seal"] = self._seals.seal(kill_switch, {"tenant": tenant, "bot": bot, **values})
        try:
            with writing(self._engine) as db:
                if not db.execute(update(kill_switch).where(here).values(**values)).rowcount:
                    db.execute(insert(kill_switch).values(tenant=tenant, bot=bot, **values))
        except IntegrityError:  # somebody else threw the same switch for the first time just now
            with writing(self._engine) as db:
                db.execute(update(kill_switch).where(here).values(**values))

    def _tell(self, kind: Kind, tenant: str, bot: str, reason: str, actor: str) -> None:
        body = {"tenant": tenant or None, "bot": bot or None, "reason": reason}
        labels = {"switched": bot or "all bots", "for": tenant or "every tenant"}
        self._announcer.tell(kind, actor, lambda _log: Said(body, labels), tenant)


class SwitchBoard:
    """What is off, as this replica knows it. Its thread alone reads the database and replaces `_now` whole; any thread may
    ask `why_off`, which costs three look-ups."""

    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._now: dict[tuple[str, str], Switch] = {}
        self._read_at = float("-inf")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="switches", daemon=True)

    def start(self) -> None:
        """Raises SQLAlchemyError: a service that does not know what is off does not begin."""
        self.read()
        self._thread.start()

    def why_off(self, tenant: str, bot: str = "") -> str | None:
        """Why a tenant (or a bot for this tenant) is off, or None."""
        if time.monotonic() - self._read_at > STALE_S:
            return "it cannot be read which parts are switched off"
        now = self._now
        for place in ((tenant, ""), ("", bot), (tenant, bot)):
            if place in now:
                return now[place].reason
        return None

    def read(self) -> None:
        found = {(one.tenant, one.bot): one for one in self._switches.off()}
        before, self._now = self._now, found
        self._read_at = time.monotonic()
        for place in found.keys() - before.keys():
            log.warning("switch.off", what=found[place].what, reason=found[place].reason, by=found[place].actor)
        for place in before.keys() - found.keys():
            log.warning("switch.on", what=before[place].what)

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _watch(self) -> None:
        while not self._closing.wait(EVERY_S):
            try:
                self.read()
            except Exception as error:  # whatever it is: who stops reading knows no switch that is thrown from now on
                with suppress(OSError, ValueError):  # a full disk or a closed stream
                    log.warning("switches.unread", error=type(error).__name__)


def _aware(moment: datetime) -> datetime:
    """SQLite gives back the time without its zone, which is UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
