"""`countersign policy check`."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.policy.shared import PolicyPath, json_option
from app.cli.shared import put, settings


@click.command()
@click.argument("file", required=False, type=PolicyPath())
@json_option
def check(file: Path | None, as_json: bool) -> int:
    """Whether a policy file can be used; every problem is told with its file and line.

    Without FILE the one that is configured. Exit code 2 if it cannot be used.

    \b
    countersign policy check policies/bank.yaml
    countersign policy check default --json
    """
    from moderation.policy import PolicyError, read_policy

    try:
        found = read_policy(file or settings().policy_file)
    except PolicyError as error:
        if not as_json:
            raise
        put({"sound": False, "problems": list(error.problems)})
        return 2
    sound = found.policy
    if as_json:
        put(
            {
                "sound": True,
                "version": sound.version,
                "digest": sound.digest,
                "files": [str(path) for path in found.files],
                "languages": list(sound.languages),
                "tenants": list(sound.tenants),
                "audiences": list(sound.audiences),
                "rails_off": list(sound.unnamed_rails),
            }
        )
        return 0
    click.echo(f"policy {sound.version} is sound, digest {sound.digest}")
    for name, values in (("extends", found.files[1:]), ("tenants", sound.tenants), ("audiences", sound.audiences)):
        if values:
            click.echo(f"{name}: {', '.join(map(str, values))}")
    if sound.unnamed_rails:
        click.echo(f"off, since the policy does not name them: {', '.join(sound.unnamed_rails)}")
    return 0
