"""`countersign policy diff`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from app.cli.policy.shared import PolicyPath, audience_option, json_option, known, results, tenant_option
from app.cli.shared import plain, put

if TYPE_CHECKING:
    from moderation.policy.compare import Change

_COLOURS = {"stricter": "green", "looser": "red", "reworded": "cyan", "changed": "yellow"}


@click.command()
@click.argument("old", type=PolicyPath())
@click.argument("new", type=PolicyPath())
@tenant_option
@audience_option
@json_option
def diff(old: Path, new: Path, tenant: str, audience: str, as_json: bool) -> int:
    """What NEW makes stricter, looser or says otherwise, for everybody and for each tenant and audience.

    Exit code 0 if nothing differs, 1 if something does, 2 if a file cannot be used.

    \b
    countersign policy diff default policies/bank.yaml
    countersign policy diff policies/2026-1.yaml policies/2026-2.yaml --tenant harbour
    """
    from moderation.policy import load_policy
    from moderation.policy.compare import compare

    before, after = load_policy(old), load_policy(new)
    if tenant or audience:
        known("tenant", tenant, [*before.tenants, *after.tenants])
        known("audience", audience, [*before.audiences, *after.audiences])
        before, after = before.resolve(tenant, audience), after.resolve(tenant, audience)
    changes = compare(before, after)
    if as_json:
        put({"old": before.digest, "new": after.digest, "changes": [vars(one) for one in changes]})
    elif changes:
        _print_changes(changes)
    else:
        click.echo("no difference" if before.digest == after.digest else "written differently, the same in effect")
    return 1 if changes else 0


def _print_changes(changes: Sequence[Change]) -> None:
    from moderation.policy.compare import KINDS

    for whose in dict.fromkeys(one.whose for one in changes):
        if whose:
            click.echo(f"for {whose} besides:")
        table = Table("", "what", "from", "to", expand=False)
        theirs = [one for one in changes if one.whose == whose]
        for one in sorted(theirs, key=lambda one: KINDS.index(one.kind)):
            colour = _COLOURS[one.kind]
            table.add_row(f"[{colour}]{one.kind}[/{colour}]", plain(one.what), plain(one.old) or "-", plain(one.new) or "-")
        results().print(table)
    counts = [f"{sum(one.kind == kind for one in changes)} {kind}" for kind in KINDS]
    click.echo(", ".join(counts))
