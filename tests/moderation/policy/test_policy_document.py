"""docs/policy.md: each of its files is written down, each of its commands run, and what they say is what it shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.cli.policy import cases
from moderation.heads.head import Heads
from moderation.pii.redactor import Redactor
from moderation.policy import DEFAULT_PATH, Policy
from moderation.policy_test.bench import Bench
from moderation.rails import Embed
from tests.support.pii_fixtures import redactor

__all__ = ["redactor"]

DOCUMENT = Path(__file__).parents[3] / "docs" / "policy.md"
_BLOCK = re.compile(r"^```(yaml|console)\n(.*?)^```$", re.M | re.S)


def answered(command: str) -> str:
    """What a command says, with the shipped policy's path shortened; a code other than 0 is its last line."""
    done = CliRunner().invoke(cli, shlex.split(command.removeprefix("countersign ")), standalone_mode=False)
    said = done.stdout if done.exception is None else "\n".join(getattr(done.exception, "problems", [repr(done.exception)]))
    code = 2 if done.exception is not None else done.return_value or 0
    lines = [line.rstrip() for line in said.replace(str(DEFAULT_PATH), "default.yaml").splitlines()]
    return "\n".join([*lines, *([f"[exit code {code}]"] if code else [])]).strip()


@pytest.mark.models
def test_the_document_shows_what_the_commands_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heads: Heads, redactor: Redactor, embed: Embed
) -> None:
    monkeypatch.chdir(tmp_path)

    def loaded(policy: Policy) -> Bench:
        """What the command would load anew."""
        return Bench(policy, heads, redactor, embed)

    monkeypatch.setattr(cases, "open_bench", loaded)
    ran = 0
    for kind, body in _BLOCK.findall(DOCUMENT.read_text("utf-8")):
        if kind == "yaml":
            name = body.splitlines()[0].removeprefix("# ")
            (tmp_path / name).write_text(body, encoding="utf-8")
            continue
        command, _, shown = body.removeprefix("$ ").partition("\n")
        assert answered(command) == shown.strip(), command
        ran += 1
    assert ran >= 5
