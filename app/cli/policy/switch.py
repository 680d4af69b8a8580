"""`countersign switch`: turns a bot, a tenant, or a bot within a tenant off in every replica at once, and on again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.shared import console, open_read_side, plain, put, table

if TYPE_CHECKING:
    from app.governance.kill_switches import Switch, Switches

F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def switch() -> None:
    """Kill switches. What is off is asked no more within a second, in every replica; what it was saying is cut off.

    \b
    countersign switch off --bot onprem --reason "answers in the wrong language, case 12"
    countersign switch off --tenant harbour --reason "key leaked, case 13"
    countersign switch off --bot rag --tenant harbour --reason "documents under review"
    countersign switch list
    countersign switch on --bot onprem --reason "case 12 is closed"
    """


def _which(command: F) -> F:
    """The options of what is thrown."""
    command = click.option("--reason", required=True, help="Why; recorded and shown. A case number rather than a name.")(
        command
    )
    command = click.option("--tenant", default="", help="For this tenant alone; without --bot: the whole tenant.")(command)
    return click.option("--bot", default="", help="api, rag, onprem, sums, or what your routes file names.")(command)


@switch.command()
@_which
def off(bot: str, tenant: str, reason: str) -> None:
    """Off, now. Recorded in the log of the tenant, or of every tenant.

    \b
    countersign switch off --bot rag --reason "case 12"
    """
    with _switches() as found:
        found.turn_off(tenant, bot, reason, "terminal")
        _show(found.off())


@switch.command()
@_which
def on(bot: str, tenant: str, reason: str) -> None:
    """On again: the very switch that was thrown. A wider one that is off stays off.

    \b
    countersign switch on --bot rag --reason "case 12 is closed"
    """
    with _switches() as found:
        found.turn_on(tenant, bot, reason, "terminal")
        _show(found.off())


@switch.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines: one line of JSON each.")
def list_switches(as_json: bool) -> None:
    """What is off, since when, and why.

    \b
    countersign switch list --json
    """
    with _switches() as found:
        _show(found.off(), as_json)


@contextmanager
def _switches() -> Iterator[Switches]:
    with open_read_side() as log:
        yield log.switches


def _show(found: list[Switch], as_json: bool = False) -> None:
    if as_json:
        for one in found:
            put(
                {
                    "tenant": one.tenant or None,
                    "bot": one.bot or None,
                    "reason": one.reason,
                    "by": one.actor,
                    "since": one.since.isoformat(),
                }
            )
        return
    if not found:
        console().print("nothing is switched off")
        return
    shown = table("off", "since (UTC)", "by", "why")
    for one in found:
        shown.add_row(plain(one.what), f"{one.since:%Y-%m-%d %H:%M:%S}", plain(one.actor), plain(one.reason))
    console().print(shown)
