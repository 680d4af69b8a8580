"""What the commands on policies share: how a policy is named, whose it is, and the rails that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from app.cli.shared import InputError, settings

if TYPE_CHECKING:
    from moderation.policy import Policy, PolicyFile
    from moderation.policy_test.bench import Bench


class PolicyPath(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """A policy file, or the word `default` for the one that comes with Countersign."""

    name = "policy file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        from moderation.policy import DEFAULT_PATH

        path = Path(value)
        if path.is_file():
            return path
        if str(value) == "default":
            return DEFAULT_PATH
        self.fail(f"'{value}' is not a policy file; name one, or `default`", param, ctx)


tenant_option = click.option("--tenant", default="", help="As this tenant's callers have it.")
audience_option = click.option("--audience", default="", help="As this audience has it.")
json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")


def resolved(found: PolicyFile, tenant: str, audience: str) -> PolicyFile:
    if not tenant and not audience:
        return found
    known("tenant", tenant, list(found.policy.tenants))
    known("audience", audience, list(found.policy.audiences))
    return found.resolve(tenant, audience)


def known(kind: str, name: str, known: Sequence[str]) -> None:
    from moderation.policy.catalogue import unknown

    if name and name not in known:
        raise InputError(unknown(kind, name, dict.fromkeys(known)))


def open_bench(sound: Policy) -> Bench:
    """The real rails of a policy. Imports the models' libraries, so only what needs them calls it."""
    from app.wiring.parts import open_encoder, open_redactor
    from inference.store.model_store import ModelStore
    from moderation.heads.head import Heads
    from moderation.policy_test.bench import Bench

    found = settings()
    store = ModelStore(found.models_dir)
    return Bench(sound, Heads.load(), open_redactor(found, store), open_encoder(found, store).embed)


def results() -> Console:
    """Tables are results: on standard output, as wide as the terminal or 80 columns."""
    return Console(highlight=False, emoji=False)
