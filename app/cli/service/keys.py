"""`countersign keys`: API keys. A key is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.table import Table

from app.cli.shared import console, settings
from app.identity.api_keys import ROLES, ApiKeys, Role


@click.group()
def keys() -> None:
    """API keys: create, list, revoke.

    \b
    countersign keys create --label portal
    countersign keys create --admin --label "compliance desk"
    countersign keys revoke 3f0c…
    """


@keys.command()
@click.option("--label", required=True, help="What it is for.")
@click.option("--tenant", default=None, help="Default: the configured tenant.")
@click.option("--role", type=click.Choice(ROLES), default="caller", show_default=True)
@click.option("--admin", is_flag=True, help="The same as --role administrator.")
@click.option("--group", "groups", multiple=True, default=("public",), show_default=True, help="Documents it may read.")
def create(label: str, tenant: str | None, role: Role, admin: bool, groups: tuple[str, ...]) -> None:
    """Makes a key and prints it, once.

    \b
    countersign keys create --label portal --group public --group research
    """
    with key_ring() as ring:
        click.echo(ring.create(tenant or settings().tenant, "administrator" if admin else role, label, groups))


@keys.command("list")
def list_keys() -> None:
    """Every key's id, tenant, role and state; never the key.

    \b
    countersign keys list
    """
    table = Table("id", "label", "tenant", "role", "groups", "created", "state")
    with key_ring() as ring:
        for key in ring.list():
            state = "revoked" if key.revoked else "in use"
            table.add_row(
                key.id,
                key.label,
                key.tenant,
                key.role,
                " ".join(sorted(key.groups)),
                f"{key.created:%Y-%m-%d}",
                state,
            )
    console().print(table)


@keys.command()
@click.argument("key_id")
def revoke(key_id: str) -> None:
    """Ends a key; it stops working within a second.

    \b
    countersign keys revoke 3f0c9a1b2d4e5f60
    """
    with key_ring() as ring:
        if not ring.revoke(key_id):
            raise click.ClickException(f"no key '{key_id}' is in use; see: countersign keys list")
    console().print(f"revoked {key_id}")


@contextmanager
def key_ring() -> Iterator[ApiKeys]:
    from app.wiring.key_material import open_keys

    found = settings()
    engine, ring = open_keys(found)
    try:
        yield ring
    finally:
        engine.dispose()
