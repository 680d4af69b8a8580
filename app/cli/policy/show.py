"""`countersign policy show`."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.policy.shared import PolicyPath, audience_option, json_option, resolved, tenant_option
from app.cli.shared import put


@click.command()
@click.argument("file", type=PolicyPath())
@tenant_option
@audience_option
@json_option
def show(file: Path, tenant: str, audience: str, as_json: bool) -> None:
    """The whole policy with everything inherited, and the file and line that each value came from.

    \b
    countersign policy show policies/bank.yaml
    countersign policy show policies/bank.yaml --tenant harbour --audience staff
    """
    from moderation.policy import read_policy
    from moderation.policy.show import origins, written_out

    found = resolved(read_policy(file), tenant, audience)
    if as_json:
        whole = found.policy.model_dump(mode="json")
        put({"digest": found.policy.digest, "policy": whole, "from": origins(found)})
    else:
        click.echo(written_out(found), nl=False)
