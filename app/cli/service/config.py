"""`countersign config`: what is set, and from where."""

from __future__ import annotations

import click
from rich.table import Table

from app.cli.shared import console, put, settings
from app.settings import show


@click.group()
def config() -> None:
    """The settings in force.

    \b
    countersign config show
    """


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def show_config(as_json: bool) -> None:
    """Every setting, its value and where it came from. Secrets are masked.

    \b
    countersign config show
    countersign config show --json
    """
    rows = show(settings())
    if as_json:
        put({row.name: {"value": row.value, "origin": row.origin} for row in rows})
        return
    table = Table("setting", "value", "from", "what it is")
    for row in rows:
        table.add_row(row.name, row.value, row.origin, row.description)
    console().print(table)
