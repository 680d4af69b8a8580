"""`countersign audit recompute`: whether the figures of an answer come out again from what the log says of them.

Invariant: looking is recorded before anything is shown, and nothing but the record is computed with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from app.cli.shared import console, open_read_side, plain, put

if TYPE_CHECKING:
    from app.console.answer_view import FoundView
    from app.wiring.read_side import ReadSide
    from audit.read.reader import EventView


@click.command()
@click.argument("query")
@click.option("--reason", default="", help="Why you look; recorded. A case number rather than a name.")
@click.option("--tenant", default=None, help="Default: the configured tenant.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def recompute(query: str, reason: str, tenant: str | None, as_json: bool) -> None:
    """Computes the figures of an answer again, from the operands and the operation in its record.

    Exit code 1 where one comes out otherwise, or where the record does not say enough to compute with. Whether the record
    itself is as it was written, `countersign audit verify` tells.

    \b
    countersign audit recompute q_0199…
    """
    from app.console.answer_view import answer_views
    from audit.kinds import CITED, GENERATED

    with open_read_side() as log:
        events = _looked_up(log, tenant or log.settings.tenant, query, reason)
    bodies: dict[str, list[Any]] = {GENERATED.name: [], CITED.name: []}
    for event in events:
        if event.kind in bodies:
            bodies[event.kind].append(_opened(event))
    found = [one.said for one in answer_views(bodies[GENERATED.name], bodies[CITED.name]) if one.said is not None]
    if not found:
        raise click.ClickException(f"{plain(query)}: no figure of this answer was looked up or computed by code")
    for one in found:
        if as_json:
            put(_fields(one))
        else:
            _show(one)
    if not all(_stands(one) for one in found):
        raise click.exceptions.Exit(1)


def _looked_up(log: ReadSide, tenant: str, query: str, reason: str) -> list[EventView]:
    """The query's events, once the look is recorded."""
    from app.identity.subjects import TERMINAL, staff
    from audit.format.events import Entry
    from audit.kinds import VIEWED

    if not log.reader.knows(tenant, query):
        raise click.ClickException(f"the log of {plain(tenant)} has no query {plain(query)}")
    body = {"reason": reason} if reason else {}
    log.audit.append(tenant, Entry(VIEWED, query, None, TERMINAL, staff(TERMINAL), body=body)).wait()
    return log.reader.query(tenant, query)


def _opened(event: EventView) -> Any:
    if not event.intact:
        raise click.ClickException(f"event {event.seq} does not fit its hashes; see: countersign audit verify")
    if event.body is None:
        raise click.ClickException(f"event {event.seq} cannot be read any more: its content is {event.state}")
    return event.body


def _stands(one: FoundView) -> bool:
    """Computed figures come out the same; looked-up ones are cells, and there is nothing to compute."""
    return one.again is None or one.again.same


def _show(one: FoundView) -> None:
    from rich.table import Table

    out = console()
    out.print(f"plan: {plain(one.plan)}")
    table = Table("name", "value", "unit", "scale", "period", "row", "column", "where")
    for figure in one.figures:
        cell = figure.quoted
        page = f", page {figure.page}" if figure.page else ""
        rest = (
            figure.value,
            figure.unit,
            figure.scale,
            figure.period,
            cell.row if cell else "",
            cell.column if cell else "",
        )
        table.add_row(figure.letter, *map(plain, (*rest, figure.source or figure.document + page)))
    out.print(table)
    if one.formula:
        out.print(f"{plain(one.formula)}" + (f": {plain(one.sum)}" if one.sum else ""))
    if one.again is None:
        out.print("nothing was computed: the figures are those of the cells")
    elif one.again.same:
        out.print("[green]the same[/]: " + (plain(one.result.value) if one.result else "what was kept is kept again"))
    else:
        came = ", ".join(f"{figure.value:f}" for figure in one.again.figures)
        out.print(f"[red]not the same[/]: {plain(one.again.why or came or 'nothing')}")


def _fields(one: FoundView) -> dict[str, Any]:
    return {
        "plan": one.plan_code,
        "computed": one.again is not None,
        "same": _stands(one),
        "recorded": one.result.value if one.result else None,
        "again": [f"{figure.value:f}" for figure in one.again.figures] if one.again else [],
        "why": one.again.why if one.again else "",
    }
