"""`countersign audit hold place|lift|list`: what nobody may erase for now."""

from __future__ import annotations

import click

from app.cli.audit.acting import acting, json_option, opened_desk, reason_option, show
from app.cli.shared import console


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
@click.option("--ahead", is_flag=True, help="Also where nothing is recorded of SUBJECT yet.")
@reason_option
@acting
def place(
    subject: str | None, everybody: bool, matter: str, ahead: bool, reason: str, tenant: str | None, key: str | None
) -> None:
    """Holds one subject, or everybody. Of whom nothing is recorded is held with --ahead alone (else exit code 1).

    \b
    countersign audit hold place customer-4711 --matter "case 88" --reason "court order"
    countersign audit hold place --everybody --matter "inquiry 3" --reason "regulator's letter"
    """
    if everybody == (subject is not None):
        raise click.UsageError("give SUBJECT or --everybody")
    with opened_desk(tenant, key) as desk:
        about, *also = (None,) if subject is None else desk.subjects(subject, ahead=ahead)
        placed = desk.log.retention.place_hold(desk.tenant, desk.actor, about, matter, reason, desk.needs, also)
        gone = [
            one
            for one in desk.log.retention.state(desk.tenant).erasures.values()
            if one.state in ("decided", "done") and any(map(placed.covers, one.subjects))
        ]
    click.echo(placed.id)
    for one in gone:
        console().print(
            f"[yellow]too late for what was recorded before {one.at:%Y-%m-%d %H:%M} of {one.subject}[/]: {one.id}"
        )


@hold.command()
@click.argument("hold_id", metavar="ID")
@reason_option
@acting
def lift(hold_id: str, reason: str, tenant: str | None, key: str | None) -> None:
    """Ends a hold, or agrees to its end where several people must.

    \b
    countersign audit hold lift h_0199… --reason "case 88 is closed"
    """
    with opened_desk(tenant, key) as desk:
        lifted = desk.log.retention.lift_hold(desk.tenant, desk.actor, hold_id, reason, desk.needs)
    if lifted.lifted:
        console().print(f"lifted {lifted.id}")
    else:
        console().print(
            f"still held: {lifted.needs - len(lifted.lifting)} more must lift {lifted.id}, with keys of their own"
        )


@hold.command("list")
@click.option("--all", "every", is_flag=True, help="Lifted ones too.")
@acting
@json_option
def list_holds(every: bool, tenant: str | None, key: str | None, as_json: bool) -> None:
    """The holds in force.

    \b
    countersign audit hold list --all
    """
    with opened_desk(tenant, key) as desk:
        desk.looked("holds")
        found = [one for one in desk.log.retention.state(desk.tenant).holds.values() if every or not one.lifted]
    rows = []
    for one in found:
        when, state = f"{one.placed:%Y-%m-%d %H:%M}", "lifted" if one.lifted else "held"
        rows.append((one.id, one.subject or "everybody", one.matter, one.by, when, state))
    show(found, rows, ("id", "subject", "matter", "by", "placed (UTC)", "state"), as_json)
