"""`countersign audit erase|erasures`: makes a person's content unreadable, and tells what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.markup import escape

from app.cli.audit.acting import acting, json_option, opened_desk, plain_fields, show
from app.cli.shared import console, put

if TYPE_CHECKING:
    from audit.retention.state import Erasure


@click.command()
@click.argument("subject", required=False)
@click.option("--reason", default=None, help="Why; recorded. A case number rather than a name.")
@click.option("--approve", default=None, metavar="ID", help="Agree to an erasure that somebody else has asked for.")
@acting
@json_option
def erase(
    subject: str | None, reason: str | None, approve: str | None, tenant: str | None, key: str | None, as_json: bool
) -> None:
    """Destroys a subject's key: what was recorded of them can never be read again; every proof stays valid.

    Retention and legal holds come first: a refused erasure is recorded with its ground (exit code 1). Of whom nothing is
    recorded, nothing is erased (exit code 1), and who looked into the log stays readable for good.

    \b
    countersign audit erase customer-4711 --reason "letter of 3 May, case 88"
    countersign audit erase --approve e_0199…
    """
    if (approve is None) == (subject is None) or (subject is not None and not reason):
        raise click.UsageError("give SUBJECT with --reason, or --approve ID")
    with opened_desk(tenant, key) as desk:
        keeping = desk.log.retention
        for late in keeping.resume(desk.tenant, desk.actor):
            console().print(f"an erasure that was interrupted is {late.state} now: {late.id}")
        if approve is not None:
            done = keeping.approve_erasure(desk.tenant, desk.actor, approve)
        else:
            first, *also = desk.subjects(subject or "")
            done = keeping.request_erasure(desk.tenant, desk.actor, first, reason or "", desk.needs, also)
    if as_json:
        put(plain_fields(done))
    else:
        console().print(_told(done))
    if done.state == "refused":
        raise click.exceptions.Exit(1)


@click.command()
@acting
@json_option
def erasures(tenant: str | None, key: str | None, as_json: bool) -> None:
    """Every erasure that was asked for, and how it ended.

    \b
    countersign audit erasures
    """
    with opened_desk(tenant, key) as desk:
        desk.looked("erasures")
        found = list(desk.log.retention.state(desk.tenant).erasures.values())
    rows = [
        (one.id, one.subject, f"{one.at:%Y-%m-%d %H:%M}", one.state, " ".join(one.approvers), _ground(one), one.reason)
        for one in found
    ]
    show(found, rows, ("id", "subject", "asked (UTC)", "state", "agreed", "ground", "reason"), as_json)


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
