"""`countersign config`: what is set, and from where."""

from __future__ import annotations

from dataclasses import dataclass

import click
from pydantic import SecretStr
from rich.table import Table

from app.cli.shared import console, put, settings
from app.settings import Settings, origin


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


@dataclass(frozen=True)
class Shown:
    """One setting as `countersign config show` prints it."""

    name: str
    value: str
    origin: str
    description: str


def show(settings: Settings) -> list[Shown]:
    """Every setting with its value (secrets masked) and where it came from."""
    shown = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        masked = "********" if isinstance(value, SecretStr) else _mask_url(str(value)) if value is not None else "-"
        shown.append(Shown(name, masked, origin(name), field.description or ""))
    return shown


def _mask_url(text: str) -> str:
    """A database URL without its password."""
    head, separator, tail = text.partition("://")
    if separator and "@" in tail and ":" in tail.split("@")[0]:
        user = tail.split(":", 1)[0]
        return f"{head}://{user}:********@{tail.rsplit('@', 1)[1]}"
    return text
