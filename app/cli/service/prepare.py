"""`countersign prepare` and `countersign migrate`: what must be there before the first start, and after an upgrade."""

from __future__ import annotations

import click

from app.cli.shared import console, settings

AHEAD = 3
"""Exit code where a newer version has migrated the database; the installer's rollback asks for it."""


@click.command()
def prepare() -> None:
    """Makes the home folder, the key-encryption key and the log's signing key where they are missing. Replaces nothing.

    \b
    countersign prepare
    """
    from app.wiring.key_material import key_encryption_key, make_home
    from audit.checkpoints.signing_keys import load_keys

    found = settings()
    make_home(found)
    found.kek_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key_encryption_key(found)
    for key in load_keys(found.audit_key_path, found.audit_origin).public:
        click.echo(str(key))


@click.command()
@click.option("--url", default=None, help="The database as its owner; default: the configured one.")
@click.option("--check", is_flag=True, help="Change nothing. Exit code 0: up to date; 1: behind; 3: a newer version's.")
def migrate(url: str | None, check: bool) -> None:
    """Brings the database up to date; repeating it changes nothing.

    \b
    countersign migrate
    countersign migrate --check
    countersign migrate --url postgresql+psycopg://owner@db/countersign
    """
    from app.operations.backup.copies import sqlite_path
    from migrations.run import standing, upgrade

    address = url or settings().url
    if not check:
        upgrade(address)
        console().print("the database is up to date")
        return
    path = sqlite_path(address)
    state = "behind" if path is not None and not path.is_file() else standing(address)
    told = {"current": "up to date", "behind": "behind: countersign migrate", "ahead": "migrated by a newer version"}
    click.echo(told[state])
    if state != "current":
        raise click.exceptions.Exit(AHEAD if state == "ahead" else 1)
