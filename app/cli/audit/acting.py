"""What the commands about holds, retention and erasures share: who acts, on which log, and how results are shown.

SUBJECT is the person as the portal names them (the Countersign-Subject header), `key:ID` for what a key asked and named
nobody, `staff:ACTOR` for who works with the log, or the pseudonym that records show. Only the pseudonym is recorded.
Looking at these lists is recorded like every other look into the log.
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

from app.cli.shared import console, open_read_side, put, recorded_of, subjects_named, table

if TYPE_CHECKING:
    from app.wiring.read_side import ReadSide

F = TypeVar("F", bound=Callable[..., Any])


def acting(command: F) -> F:
    """The options of every command here."""
    command = click.option("--tenant", default=None, help="Default: the configured tenant.")(command)
    return click.option(
        "--key",
        default=None,
        envvar="COUNTERSIGN_ADMIN_KEY",
        help="An administrator's key: who acts. Needed where settings demand that several people agree.",
    )(command)


reason_option = click.option("--reason", required=True, help="Why; recorded. A case number rather than a name.")
json_option = click.option("--json", "as_json", is_flag=True, help="For machines: one line of JSON each.")


@dataclass(frozen=True)
class Desk:
    """An open log, the tenant whose log it is about, and who acts."""

    log: ReadSide
    tenant: str
    actor: str

    @property
    def needs(self) -> int:
        return self.log.settings.erasure_persons

    def subjects(self, named: str, *, ahead: bool = False) -> tuple[str, ...]:
        """Whom SUBJECT names, under every spelling: a hold on one counts for all. Ends with exit code 1 where nothing
        is recorded under any; ahead: not then."""
        if not ahead:
            recorded_of(self.log, self.tenant, named)
        return subjects_named(self.log, self.tenant, named)

    def looked(self, what: str) -> None:
        from app.identity.subjects import staff
        from audit.format.events import Entry
        from audit.kinds import SEARCHED

        entry = Entry(SEARCHED, None, None, self.actor, staff(self.actor), body={"filters": {"list": what}})
        self.log.audit.append(self.tenant, entry).wait()


@contextmanager
def opened_desk(tenant: str | None, key: str | None) -> Iterator[Desk]:
    with open_read_side() as log:
        whose = tenant or log.settings.tenant
        yield Desk(log, whose, _actor(log, whose, key))


def _actor(log: ReadSide, tenant: str, secret: str | None) -> str:
    from app.identity.subjects import TERMINAL

    if not secret:
        if log.settings.erasure_persons > 1:
            raise click.ClickException(
                f"{log.settings.erasure_persons} administrators must agree here: say who you are with --key or"
                " COUNTERSIGN_ADMIN_KEY (countersign keys create --admin --label …)"
            )
        return TERMINAL
    key = log.keys.find(secret.strip())
    if key is None or key.role != "administrator" or key.tenant != tenant:
        raise click.ClickException(f"this key is not one of an administrator of {tenant}; see: countersign keys list")
    return f"key:{key.id}"


def show(found: Sequence[Any], rows: Sequence[Sequence[str]], columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        for one in found:
            put(plain_fields(one))
        return
    shown = table(*columns)
    for row in rows:
        shown.add_row(*(escape(cell) for cell in row))
    console().print(shown if rows else "none")


def plain_fields(one: Any) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in dataclasses.asdict(one).items()}
