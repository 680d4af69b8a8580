"""`countersign config` and `countersign policy`: what is set, from where, and whether it is sound."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from app.cli.lazy import Lazy
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


@click.group(cls=Lazy, lazy={"shadow-report": ("app.cli.shadow_report", "What the policy that is tried out would change.")})
def policy() -> None:
    """The moderation policy.

    \b
    countersign policy check
    """


@policy.command()
@click.argument("path", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(path: Path | None) -> None:
    """Whether a policy file can be used; errors name the file and the line.

    \b
    countersign policy check policies/eu.yaml
    """
    from moderation.policy import load_policy

    found = load_policy(path or settings().policy_file)
    click.echo(f"policy {found.version} is sound, digest {found.digest}")
