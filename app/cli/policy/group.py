"""`countersign policy`: whether a policy is sound, what another one changes, whether it does what its cases ask, and why."""

from __future__ import annotations

import click

from app.cli.lazy import Lazy

_COMMANDS = {
    "check": ("app.cli.policy.check", "Whether a policy file can be used; every problem is told with its file and line."),
    "diff": (
        "app.cli.policy.diff",
        "What NEW makes stricter, looser or says otherwise, for everybody, each tenant and audience.",
    ),
    "explain": (
        "app.cli.policy.explain",
        "Why a text gets its verdicts: what each rail saw, what moved it, and whose rule it was.",
    ),
    "shadow-report": ("app.cli.policy.shadow_report", "What the policy that is tried out would change."),
    "show": ("app.cli.policy.show", "The whole policy with everything inherited, and the file and line of each value."),
    "test": (
        "app.cli.policy.cases",
        "Whether a policy does what its cases ask: must_block, must_steer, must_redact, must_pass.",
    ),
}


@click.group(cls=Lazy, lazy=_COMMANDS)
def policy() -> None:
    """The moderation policy: what may be said, to whom, with which words.

    A FILE is a policy file, or `default` for the one that comes with Countersign.

    \b
    countersign policy check policies/bank.yaml
    countersign policy diff default policies/bank.yaml
    countersign policy test policies/bank.yaml
    """
