"""`countersign keys`: API keys. A key is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from app.cli.shared import console, plain, put, settings, table
from app.identity.api_keys import ROLES, Key, Role

if TYPE_CHECKING:
    from app.wiring.read_side import ReadSide

ACTOR = "terminal"


@click.group()
def keys() -> None:
    """API keys: create, list, revoke. Making and ending one is recorded.

    \b
    countersign keys create --label portal
    countersign keys create --admin --label "compliance desk"
    countersign keys revoke 3f0c9a1b
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
    with _log() as log:
        whose = log.settings.tenant if tenant is None else tenant
        click.echo(log.key_desk.create(whose, "administrator" if admin else role, label, groups, ACTOR))


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines: one line of JSON for each key.")
def list_keys(as_json: bool) -> None:
    """Every key's id, tenant, role and state; never the key. One whose row was altered past the program opens nothing.

    \b
    countersign keys list
    countersign keys list --json
    """
    with _log() as log:
        found = log.keys.list()
    if as_json:
        for key in found:
            put(_view(key))
        return
    shown = table("id", "label", "tenant", "role", "groups", "created", "state")
    for key in found:
        texts = (
            key.id,
            key.label,
            key.tenant,
            key.role,
            " ".join(sorted(key.groups)),
            f"{key.created:%Y-%m-%d}",
            _state(key),
        )
        shown.add_row(*map(plain, texts))
    console().print(shown)


@keys.command()
@click.argument("key", metavar="KEY")
def revoke(key: str) -> None:
    """Ends a key; it stops working within a second. KEY: its id, the first characters of it, or its label.

    \b
    countersign keys revoke 3f0c9a1b2d4e5f60
    """
    with _log() as log:
        ended = log.key_desk.revoke(key, ACTOR)
    console().print(f"revoked {ended.id}", soft_wrap=True)


def _state(key: Key) -> str:
    if not key.intact:
        return "altered"
    return "revoked" if key.revoked else "in use"


def _view(key: Key) -> dict[str, object]:
    times = {"created": key.created.isoformat(), "revoked": key.revoked.isoformat() if key.revoked else None}
    told = {"id": key.id, "label": key.label, "tenant": key.tenant, "role": key.role, "groups": sorted(key.groups)}
    return {**told, **times, "state": _state(key)}


@contextmanager
def _log() -> Iterator[ReadSide]:
    from app.wiring.read_side import open_key_desk

    with open_key_desk(settings()) as found:
        yield found
