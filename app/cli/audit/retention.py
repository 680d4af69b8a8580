"""`countersign audit retention set|list|due`: how long which records must be kept."""

from __future__ import annotations

import click
from rich.markup import escape

from app.cli.audit.acting import acting, json_option, opened_desk, reason_option, show
from app.cli.shared import console


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
@reason_option
@acting
def set_rule(kind: str, years: int | None, days: int | None, reason: str, tenant: str | None, key: str | None) -> None:
    """KIND: communications (every step of a query), a kind (released), a family (access.*), or * for all.

    \b
    countersign audit retention set communications --years 6 --reason "policy 12"
    """
    from audit.retention.state import Rule

    if (years is None) == (days is None):
        raise click.UsageError("give --years or --days")
    rule = Rule(kind, days if days is not None else -(-(years or 0) * 36525 // 100))  # a year of 365.25 days, rounded up
    with opened_desk(tenant, key) as desk:
        state = desk.log.retention.set_retention(desk.tenant, desk.actor, rule, reason, desk.needs)
    if state.rules.get(kind) == rule:
        console().print(f"{escape(kind)}: kept for {rule.days} days")
    else:
        waiting = state.shortenings[kind]
        more = waiting.needs - len(waiting.agreed)
        console().print(f"{escape(kind)}: a shorter period needs {more} more who set the same, with keys of their own")


@retention.command("list")
@acting
@json_option
def list_rules(tenant: str | None, key: str | None, as_json: bool) -> None:
    """The rules in force.

    \b
    countersign audit retention list
    """
    with opened_desk(tenant, key) as desk:
        desk.looked("retention")
        found = list(desk.log.retention.state(desk.tenant).rules.values())
    show(found, [(one.kind, str(one.days)) for one in found], ("kind", "days"), as_json)


@retention.command()
@acting
@json_option
def due(tenant: str | None, key: str | None, as_json: bool) -> None:
    """Subjects whose records no rule keeps any longer and nobody holds: they may be erased.

    \b
    countersign audit retention due
    """
    with opened_desk(tenant, key) as desk:
        desk.looked("due")
        found = list(desk.log.retention.due(desk.tenant))
    rows = [(one.subject, str(one.events), f"{one.over:%Y-%m-%d}") for one in found]
    show(found, rows, ("subject", "events", "over since"), as_json)
