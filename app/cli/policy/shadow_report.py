"""`countersign policy shadow-report`: what the policy in shadow_policy_file would have decided otherwise."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from app.cli.shared import InputError, open_read_side, plain, put

if TYPE_CHECKING:
    from app.governance.shadow_report import ShadowReport

_UNITS = {"h": "hours", "d": "days"}


@click.command("shadow-report")
@click.option("--since", default=None, help="A time like 2026-01-31T09:00 (UTC), or a span like 24h or 7d.")
@click.option("--tenant", default=None, help="Default: the configured tenant.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def shadow_report(since: str | None, tenant: str | None, as_json: bool) -> None:
    """What the candidate policy would have decided otherwise: what it would block, what it would let pass, with examples.

    Set shadow_policy_file, let the service answer for a while, then ask. The queries named open on the review pages.
    Looking is recorded.

    \b
    countersign policy shadow-report
    countersign policy shadow-report --since 7d --json
    """
    start = None if since is None else _start(since, datetime.now(UTC))
    from app.governance.shadow_report import summed
    from app.identity.subjects import TERMINAL, staff
    from audit.format.events import Entry
    from audit.kinds import SEARCHED, SHADOWED

    with open_read_side() as side:
        log = tenant or side.settings.tenant
        looked = Entry(SEARCHED, None, None, TERMINAL, staff(TERMINAL), body={"filters": {"list": "shadowed"}})
        side.audit.append(log, looked).wait()
        report = summed(side.reader.of_kinds(log, (SHADOWED,)), start)
    if report is None:
        raise click.ClickException(
            f"nothing was compared for tenant {log}" + (f" since {since}" if since else "") + ";"
            " set shadow_policy_file (COUNTERSIGN_SHADOW_POLICY_FILE) and let the service answer for a while"
        )
    if as_json:
        put({**dataclasses.asdict(report), "first": report.first.isoformat(), "last": report.last.isoformat()})
        return
    _show(report)


def _start(since: str, now: datetime) -> datetime:
    if span := re.fullmatch(r"(\d{1,5})([hd])", since):
        return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        found = datetime.fromisoformat(since)
    except ValueError:
        raise InputError(f"--since: '{since[:40]}' is no time like 2026-01-31T09:00 and no span like 24h or 7d") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _show(report: ShadowReport) -> None:
    out = Console(highlight=False, emoji=False)
    out.print(f"candidate   {plain(report.version)}, digest {report.candidate}", soft_wrap=True)
    when = f"{report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC"
    out.print(f"compared    {report.queries} queries, {report.texts} texts, {when}")
    if report.dropped:
        out.print(f"not compared {report.dropped} texts: the candidate could not keep up", style="yellow")
    if report.unread:
        out.print(f"erased      the details of {report.unread} queries")
    out.print(f"would block {report.blocked} queries that the policy in force does not block for that reason")
    out.print(f"would pass  {report.passed} queries that the policy in force blocks for that reason")
    if not report.lines:
        out.print("no verdict differs")
        return
    table = Table("effect", "rail", "category", "on", "in force", "candidate", "texts", "examples: /review/queries/…")
    for line in report.lines:
        table.add_row(
            line.effect, plain(line.rail), plain(line.category), line.direction, plain(line.in_force),
            plain(line.candidate), str(line.count), plain("\n".join(line.queries)),
        )  # fmt: skip
    out.print(table)
