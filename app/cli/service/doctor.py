"""`countersign doctor`: is this installation sound, and what to do where it is not."""

from __future__ import annotations

import dataclasses

import click

from app.cli.shared import console, plain, put, settings

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each check.")
@click.option("--quick", is_flag=True, help="Without reading the models and without asking a question.")
def doctor(as_json: bool, quick: bool) -> None:
    """Checks host, files, database, library, keys, models, checkpoints, witness, and that an answer reaches for no network.

    Exit code 1 where something fails; a warning is no failure. The service may run.

    \b
    countersign doctor
    countersign doctor --quick --json
    """
    from rich.console import Console
    from rich.table import Table

    from app.operations.checks import host, reach
    from app.operations.checks import library as library_checks
    from app.operations.checks import log as log_checks
    from app.operations.checks.result import Check, Look, looked

    found = settings()
    looks: list[tuple[str, Look]] = [
        ("disk", host.disk),
        ("memory", host.memory),
        ("processor", host.processor),
        ("clock", host.clock),
        ("file modes", host.modes),
        ("database", log_checks.database),
        ("library", library_checks.library),
        ("keys", log_checks.keys),
        ("checkpoints", log_checks.checkpoints),
        ("witness", log_checks.witnesses),
    ]
    if not quick:
        looks += [("models", log_checks.models), ("outgoing", reach.outgoing)]
    checks: list[Check] = []
    if as_json:
        for check in looked(looks, found):
            checks.append(check)
            put(dataclasses.asdict(check))
    else:
        with console().status("looking …"):
            checks += looked(looks, found)
        table = Table("check", "", "what was found", "what to do")
        for check in checks:
            state = f"[{_COLOURS[check.state]}]{check.state}[/]"
            table.add_row(plain(check.name), state, plain(check.told), plain(check.fix))
        Console(highlight=False, emoji=False).print(table)
    if any(check.state == "fail" for check in checks):
        raise click.exceptions.Exit(1)
