"""`countersign audit hold|retention|erase|erasures`: what must be kept, and what may be made unreadable.

SUBJECT is the person as the portal names them (the Countersign-Subject header), or the pseudonym that records show.
Only the pseudonym is recorded. Looking at these lists is recorded like every other look into the log.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.markup import escape
from rich.table import Table

from app.cli.shared import console, open_read_side, put

if TYPE_CHECKING:
    from app.wiring.read_side import ReadSide
    from audit.retention.state import Erasure

F = TypeVar("F", bound=Callable[..., Any])


def _acting(command: F) -> F:
    """The options of every command here."""
    command = click.option("--tenant", default=None, help="Default: the configured tenant.")(command)
    return click.option(
        "--key",
        default=None,
        envvar="COUNTERSIGN_ADMIN_KEY",
        help="An administrator's key: who acts. Needed where settings demand that several people agree.",
    )(command)


_reason = click.option("--reason", required=True, help="Why; recorded. A case number rather than a name.")
_json = click.option("--json", "as_json", is_flag=True, help="For machines: one line of JSON each.")


@dataclass(frozen=True)
class Desk:
    """An open log, the tenant whose log it is about, and who acts."""

    log: ReadSide
    tenant: str
    actor: str

    @property
    def needs(self) -> int:
        return self.log.settings.erasure_persons

    def subject(self, named: str) -> str:
        return self.log.keys.subject(self.tenant, named)

    def looked(self, what: str) -> None:
        from audit.format.events import Entry
        from audit.kinds import SEARCHED

        about = self.log.keys.pseudonym(self.tenant, self.actor)
        entry = Entry(SEARCHED, None, None, self.actor, about, body={"filters": {"list": what}})
        self.log.audit.append(self.tenant, entry).wait()


@contextmanager
def _desk(tenant: str | None, key: str | None) -> Iterator[Desk]:
    with open_read_side() as log:
        whose = tenant or log.settings.tenant
        yield Desk(log, whose, _actor(log, whose, key))


def _actor(log: ReadSide, tenant: str, secret: str | None) -> str:
    if not secret:
        if log.settings.erasure_persons > 1:
            raise click.ClickException(
                f"{log.settings.erasure_persons} administrators must agree here: say who you are with --key or"
                " COUNTERSIGN_ADMIN_KEY (countersign keys create --admin --label …)"
            )
        return "terminal"
    key = log.keys.find(secret.strip())
    if key is None or key.role != "administrator" or key.tenant != tenant:
        raise click.ClickException(f"this key is not one of an administrator of {tenant}; see: countersign keys list")
    return f"key:{key.id}"


@click.command()
@click.argument("subject", required=False)
@click.option("--reason", default=None, help="Why; recorded. A case number rather than a name.")
@click.option("--approve", default=None, metavar="ID", help="Agree to an erasure that somebody else has asked for.")
@_acting
@_json
def erase(
    subject: str | None, reason: str | None, approve: str | None, tenant: str | None, key: str | None, as_json: bool
) -> None:
    """Destroys a subject's key: what was recorded of them can never be read again; every proof stays valid.

    Retention and legal holds come first: a refused erasure is recorded with its ground (exit code 1).

    \b
    countersign audit erase customer-4711 --reason "letter of 3 May, case 88"
    countersign audit erase --approve e_0199…
    """
    if (approve is None) == (subject is None) or (subject is not None and not reason):
        raise click.UsageError("give SUBJECT with --reason, or --approve ID")
    with _desk(tenant, key) as desk:
        keeping = desk.log.retention
        for late in keeping.resume(desk.tenant, desk.actor):
            console().print(f"an erasure that was interrupted is {late.state} now: {late.id}")
        if approve is not None:
            done = keeping.approve_erasure(desk.tenant, desk.actor, approve)
        else:
            done = keeping.request_erasure(desk.tenant, desk.actor, desk.subject(subject or ""), reason or "", desk.needs)
    if as_json:
        put(_plain(done))
    else:
        console().print(_told(done))
    if done.state == "refused":
        raise click.exceptions.Exit(1)


@click.command()
@_acting
@_json
def erasures(tenant: str | None, key: str | None, as_json: bool) -> None:
    """Every erasure that was asked for, and how it ended.

    \b
    countersign audit erasures
    """
    with _desk(tenant, key) as desk:
        desk.looked("erasures")
        found = list(desk.log.retention.state(desk.tenant).erasures.values())
    rows = [
        (one.id, one.subject, f"{one.at:%Y-%m-%d %H:%M}", one.state, " ".join(one.approvers), _ground(one), one.reason)
        for one in found
    ]
    _show(found, rows, ("id", "subject", "asked (UTC)", "state", "agreed", "ground", "reason"), as_json)


@click.group()
def hold() -> None:
    """Legal holds: place, lift, list. A hold blocks every erasure that it covers.

    \b
    countersign audit hold place customer-4711 --matter "case 12/2026" --reason "court order"
    countersign audit hold lift h_0199… --reason "settled"
    """


@hold.command()
@click.argument("subject", required=False)
@click.option("--everybody", is_flag=True, help="Hold the whole tenant.")
@click.option("--matter", required=True, help="The case it belongs to.")
@_reason
@_acting
def place(subject: str | None, everybody: bool, matter: str, reason: str, tenant: str | None, key: str | None) -> None:
    """Holds one subject, or everybody.

    \b
    countersign audit hold place customer-4711 --matter "case 88" --reason "court order"
    countersign audit hold place --everybody --matter "inquiry 3" --reason "regulator's letter"
    """
    if everybody == (subject is not None):
        raise click.UsageError("give SUBJECT or --everybody")
    with _desk(tenant, key) as desk:
        about = desk.subject(subject) if subject is not None else None
        placed = desk.log.retention.place_hold(desk.tenant, desk.actor, about, matter, reason, desk.needs)
        gone = [
            one
            for one in desk.log.retention.state(desk.tenant).erasures.values()
            if one.state in ("decided", "done") and about in (None, one.subject)
        ]
    click.echo(placed.id)
    for one in gone:
        console().print(
            f"[yellow]too late for what was recorded before {one.at:%Y-%m-%d %H:%M} of {one.subject}[/]: {one.id}"
        )


@hold.command()
@click.argument("hold_id", metavar="ID")
@_reason
@_acting
def lift(hold_id: str, reason: str, tenant: str | None, key: str | None) -> None:
    """Ends a hold, or agrees to its end where several people must.

    \b
    countersign audit hold lift h_0199… --reason "case 88 is closed"
    """
    with _desk(tenant, key) as desk:
        lifted = desk.log.retention.lift_hold(desk.tenant, desk.actor, hold_id, reason, desk.needs)
    if lifted.lifted:
        console().print(f"lifted {lifted.id}")
    else:
        console().print(
            f"still held: {lifted.needs - len(lifted.lifting)} more must lift {lifted.id}, with keys of their own"
        )


@hold.command("list")
@click.option("--all", "every", is_flag=True, help="Lifted ones too.")
@_acting
@_json
def list_holds(every: bool, tenant: str | None, key: str | None, as_json: bool) -> None:
    """The holds in force.

    \b
    countersign audit hold list --all
    """
    with _desk(tenant, key) as desk:
        desk.looked("holds")
        found = [one for one in desk.log.retention.state(desk.tenant).holds.values() if every or not one.lifted]
    rows = []
    for one in found:
        when, state = f"{one.placed:%Y-%m-%d %H:%M}", "lifted" if one.lifted else "held"
        rows.append((one.id, one.subject or "everybody", one.matter, one.by, when, state))
    _show(found, rows, ("id", "subject", "matter", "by", "placed (UTC)", "state"), as_json)


@click.group()
def retention() -> None:
    """How long records of a kind are kept readable: set, list, due.

    \b
    countersign audit retention set communications --years 6 --reason "rule book 4.2"
    countersign audit retention due
    """


@retention.command("set")
@click.argument("kind")
@click.option("--years", type=click.IntRange(0, 100), default=None)
@click.option("--days", type=click.IntRange(0, 36_500), default=None)
@_reason
@_acting
def set_rule(kind: str, years: int | None, days: int | None, reason: str, tenant: str | None, key: str | None) -> None:
    """KIND: communications (every step of a query), a kind (released), a family (access.*), or * for all.

    \b
    countersign audit retention set communications --years 6 --reason "policy 12"
    """
    from audit.retention.state import Rule

    if (years is None) == (days is None):
        raise click.UsageError("give --years or --days")
    rule = Rule(kind, days if days is not None else -(-(years or 0) * 36525 // 100))  # a year of 365.25 days, rounded up
    with _desk(tenant, key) as desk:
        state = desk.log.retention.set_retention(desk.tenant, desk.actor, rule, reason, desk.needs)
    if state.rules.get(kind) == rule:
        console().print(f"{escape(kind)}: kept for {rule.days} days")
    else:
        waiting = state.shortenings[kind]
        more = waiting.needs - len(waiting.agreed)
        console().print(f"{escape(kind)}: a shorter period needs {more} more who set the same, with keys of their own")


@retention.command("list")
@_acting
@_json
def list_rules(tenant: str | None, key: str | None, as_json: bool) -> None:
    """The rules in force.

    \b
    countersign audit retention list
    """
    with _desk(tenant, key) as desk:
        desk.looked("retention")
        found = list(desk.log.retention.state(desk.tenant).rules.values())
    _show(found, [(one.kind, str(one.days)) for one in found], ("kind", "days"), as_json)


@retention.command()
@_acting
@_json
def due(tenant: str | None, key: str | None, as_json: bool) -> None:
    """Subjects whose records no rule keeps any longer and nobody holds: they may be erased.

    \b
    countersign audit retention due
    """
    with _desk(tenant, key) as desk:
        desk.looked("due")
        found = list(desk.log.retention.due(desk.tenant))
    rows = [(one.subject, str(one.events), f"{one.over:%Y-%m-%d}") for one in found]
    _show(found, rows, ("subject", "events", "over since"), as_json)


def _told(done: Erasure) -> str:
    match done.state:
        case "done":
            return f"erased: {done.events} events can never be read again; every proof stays valid ({done.id})"
        case "refused":
            return f"[red]refused[/]: {escape(_ground(done))} ({done.id})"
        case _:
            more = done.needs - len(done.approvers)
            return f"waiting: {more} more must agree, with keys of their own: countersign audit erase --approve {done.id}"


def _ground(one: Erasure) -> str:
    if one.ground is None:
        return ""
    return one.ground.detail + (f", until {one.ground.until:%Y-%m-%d}" if one.ground.until else "")


def _show(found: Sequence[Any], rows: Sequence[Sequence[str]], columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        for one in found:
            put(_plain(one))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console().print(table if rows else "none")


def _plain(one: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in dataclasses.asdict(one).items()}
