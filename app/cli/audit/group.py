"""`countersign audit`: whether the log is as it was written, or what somebody took out of it.

Invariant: checking a bundle or a receipt imports neither database nor models nor Flask, so nothing but the
standard library, click and the room's pure core is imported at the top here; a test holds this.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

import click

from app.cli.lazy import Lazy
from moderation.severity import ACTIONS
from orchestrator.types import Outcome

if TYPE_CHECKING:
    from sqlalchemy import Engine


_COMMANDS = {
    "epoch": ("app.cli.audit.signing_keys", "Goes on after a restored backup, by two people's word."),
    "erase": ("app.cli.audit.erasures", "Makes a person's content unreadable for everybody; every proof stays valid."),
    "erasures": ("app.cli.audit.erasures", "Erasures that were asked for, and what became of them."),
    "export": ("app.cli.audit.export", "Takes events out: a bundle that proves itself, or a table."),
    "hold": ("app.cli.audit.holds", "Legal holds: place, lift, list."),
    "keys": ("app.cli.audit.export", "The log's public keys, for whoever verifies."),
    "recompute": ("app.cli.audit.recompute", "Computes an answer's figures again from its record."),
    "rotate-key": ("app.cli.audit.signing_keys", "A new signing key; the old ones go on signing beside it."),
    "retention": ("app.cli.audit.retention", "How long which records must be kept."),
    "retire-key": ("app.cli.audit.signing_keys", "Ends the overlap of a rotation: an old key no longer signs."),
    "roles": ("app.cli.audit.roles", "PostgreSQL roles that may write the log, and no more."),
}
OUTCOMES = tuple(outcome.value for outcome in Outcome)


@click.group(cls=Lazy, lazy=_COMMANDS)
def audit() -> None:
    """The audit log.

    \b
    countersign audit verify
    countersign audit verify --bundle FILE --key PUB
    countersign audit export --query q_… --output evidence.jsonl
    """


_ALONE = (
    "the file of checkpoints has none of it, so an older database put in its place would look the same: "
    "put the file back, or compare with what a witness has"
)


@audit.command()
@click.option("--tenant", default=None, help="One tenant's log; default: all.")
@click.option(
    "--bundle", type=click.Path(dir_okay=False, allow_dash=True), help="Verify this bundle; no database is needed."
)
@click.option("--receipt", type=click.Path(dir_okay=False, allow_dash=True), help="Verify this receipt (.tlog-proof).")
@click.option("--key", "keys", multiple=True, metavar="PUB", help="Log key to trust, or a file of keys. Repeatable.")
@click.option("--witness", "witnesses", multiple=True, metavar="VKEY", help="Witness that must have cosigned. Repeatable.")
@click.option("--needed", type=click.IntRange(0), default=None, help="How many witnesses suffice; default: all.")
@click.option(
    "--policy", "policies", multiple=True, metavar="DIGEST", help="Policy that is allowed. Repeatable; default: any."
)
@click.option("--checkpoint", "held", multiple=True, metavar="FILE", help="Checkpoint kept from earlier. Repeatable.")
@click.option("--origin", default=None, help="The origin that it must be of, like HOST/audit/TENANT/e1.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(
    tenant: str | None,
    bundle: str | None,
    receipt: str | None,
    keys: tuple[str, ...],
    witnesses: tuple[str, ...],
    needed: int | None,
    policies: tuple[str, ...],
    held: tuple[str, ...],
    origin: str | None,
    as_json: bool,
) -> None:
    """Recomputes every event, the chain and the tree, and compares them with every signed checkpoint, in the database and in
    the file outside it; then compares keys, switches and turns of conversations with what the log says of them. Exit code 1,
    and what and where, if anything was changed.

    \b
    countersign audit verify
    countersign audit verify --bundle evidence.jsonl --key countersign.invalid+0a1b2c3d+AZ…
    countersign audit verify --receipt answer.tlog-proof --key keys.txt
    """
    if bundle or receipt:
        from app.cli.audit.offline import check

        if tenant is not None:
            raise click.UsageError("--tenant is for the database; a bundle says itself whose it is, check it with --origin")
        ok = check(bundle, receipt, keys, witnesses, needed, policies, held, origin, as_json=as_json)
    elif keys or witnesses or needed is not None or policies or held or origin:
        raise click.UsageError("keys, witnesses, policies and checkpoints go with --bundle FILE or --receipt FILE")
    else:
        ok = _verify_store(tenant, as_json=as_json)
    if not ok:
        raise click.exceptions.Exit(1)


def _verify_store(tenant: str | None, *, as_json: bool) -> bool:
    from app.cli.audit.row_checking import check_rows
    from app.cli.shared import console, plain, progress, put, settings, table
    from app.wiring.trust import own_trust
    from audit.verify.whole_log import verify_store

    engine = _open()
    try:
        with progress() as bar:
            report = verify_store(engine, tenant, bar, trust=own_trust(settings(), _unchecked))
        report = check_rows(settings(), engine, report, tenant, _not_compared)
    finally:
        engine.dispose()
    if as_json:
        put(dataclasses.asdict(report))
    elif report.ok:
        console().print(f"[green]unchanged[/green]: {report.events} events recomputed")
        for log, (size, root) in report.roots.items():
            console().print(f"  {plain(log)}: {size} events, root {root}")
        for log in report.alone:
            console().print(f"[yellow]  {plain(log)}: nothing outside the database vouches for it[/yellow]; {_ALONE}")
    else:
        found = table("log", "event", "what", "detail", title="[red]The log or a row has been changed[/red]")
        for problem in report.problems:
            place = "" if problem.seq is None else str(problem.seq)
            found.add_row(plain(problem.log), place, plain(problem.what), plain(problem.detail))
        console().print(found)
    return report.ok


@audit.command("list")
@click.option("--tenant", default=None, help="Default: the configured tenant.")
@click.option("--bot", default=None)
@click.option("--verdict", type=click.Choice(ACTIONS), default=None)
@click.option("--outcome", type=click.Choice(OUTCOMES), default=None)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each query.")
def list_queries(
    tenant: str | None, bot: str | None, verdict: str | None, outcome: str | None, limit: int, as_json: bool
) -> None:
    """The newest queries, without their texts. Looking is recorded.

    \b
    countersign audit list --outcome refused
    """
    from app.cli.shared import console, open_read_side, plain, put, table
    from app.identity.subjects import TERMINAL, staff
    from audit.format.events import Entry
    from audit.kinds import SEARCHED

    with open_read_side() as side:
        log = tenant or side.settings.tenant
        filters = {"bot": bot, "verdict": verdict, "outcome": outcome}
        entry = Entry(SEARCHED, None, None, TERMINAL, staff(TERMINAL), body={"filters": filters, "limit": limit})
        side.audit.append(log, entry).wait()
        rows = side.reader.queries(log, bot=bot, verdict=verdict, outcome=outcome, limit=limit)
    if as_json:
        for row in rows:
            put({k: str(v) if isinstance(v, datetime) else v for k, v in dataclasses.asdict(row).items()})
        return
    shown = table("started (UTC)", "query", "bot", "verdict", "outcome", "events")
    for row in rows:
        when = f"{row.started:%Y-%m-%d %H:%M:%S}"
        shown.add_row(when, *map(plain, (row.query, row.bot, row.verdict, row.outcome)), str(row.events))
    console().print(shown)


def _open() -> Engine:
    """The database, which must be there already: a verifier that makes an empty log would find it sound."""
    from app.cli.shared import require, settings
    from audit.database.engine import create_engine_for

    url = settings().url
    require(url)
    return create_engine_for(url)


def _unchecked(reason: str) -> None:
    from app.cli.shared import console, plain

    console().print(f"signatures are not checked: {plain(reason)}")


def _not_compared(reason: str) -> None:
    from app.cli.shared import console, plain

    console().print(f"keys, switches and conversations are not compared with the log: {plain(reason)}")
