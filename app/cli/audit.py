"""`countersign audit`: whether the log is as it was written."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from app.cli.shared import console, progress, put, settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


@click.group()
def audit() -> None:
    """The audit log.

    \b
    countersign audit verify
    countersign audit verify --tenant halden --json
    """


@audit.command()
@click.option("--tenant", default=None, help="One tenant's log; default: all.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(tenant: str | None, as_json: bool) -> None:
    """Recomputes every event, the chain and the tree. Exit code 1 and the event's name where something was changed.

    \b
    countersign audit verify
    countersign audit verify --tenant halden --json
    """
    from audit.verify import verify_store

    engine = _open()
    try:
        with progress() as bar:
            report = verify_store(engine, tenant, bar)
    finally:
        engine.dispose()
    if as_json:
        put(dataclasses.asdict(report))
    elif report.ok:
        console().print(f"[green]unchanged[/green]: {report.events} events recomputed")
        for log, (size, root) in report.roots.items():
            console().print(f"  {log}: {size} events, root {root}")
    else:
        table = Table("log", "event", "what", "detail", title="[red]The log has been changed[/red]")
        for problem in report.problems:
            table.add_row(problem.log, "" if problem.seq is None else str(problem.seq), problem.what, problem.detail)
        console().print(table)
    if not report.ok:
        raise click.exceptions.Exit(1)


@audit.command("list")
@click.option("--tenant", default=None, help="Default: the configured tenant.")
@click.option("--bot", default=None)
@click.option("--verdict", type=click.Choice(["allow", "redact", "steer", "block"]), default=None)
@click.option("--outcome", type=click.Choice(["answered", "refused", "abstained", "failed", "cancelled"]), default=None)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each query.")
def list_queries(
    tenant: str | None, bot: str | None, verdict: str | None, outcome: str | None, limit: int, as_json: bool
) -> None:
    """The newest queries, without their texts. Looking is recorded.

    \b
    countersign audit list --outcome refused
    """
    from app.wiring import House
    from audit.events import Entry

    found = settings()
    _require(found.url)
    house = House.open(found)
    try:
        log = tenant or found.tenant
        filters = {"bot": bot, "verdict": verdict, "outcome": outcome}
        subject = house.keys.pseudonym(log, "terminal")
        entry = Entry("access.searched", None, None, "terminal", subject, body={"filters": filters, "limit": limit})
        house.audit.append(log, entry).wait()
        rows = house.reader.queries(log, bot=bot, verdict=verdict, outcome=outcome, limit=limit)
    finally:
        house.close()
    if as_json:
        for row in rows:
            put({k: str(v) if isinstance(v, datetime) else v for k, v in dataclasses.asdict(row).items()})
        return
    table = Table("started (UTC)", "query", "bot", "verdict", "outcome", "events")
    for row in rows:
        when = f"{row.started:%Y-%m-%d %H:%M:%S}"
        table.add_row(when, row.query, row.bot or "", row.verdict or "", row.outcome or "", str(row.events))
    console().print(table)


def _open() -> Engine:
    """The database, which must be there already: a verifier that makes an empty log would find it sound."""
    from audit.engine import create_engine_for

    url = settings().url
    _require(url)
    return create_engine_for(url)


def _require(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.is_file():
        raise click.ClickException(f"there is no log at {path}; set COUNTERSIGN_HOME or COUNTERSIGN_DATABASE_URL")
