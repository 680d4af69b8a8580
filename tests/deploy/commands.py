"""Whether a command that a document or a unit names is one that can be run: its words, and each of its options."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import click

from app.cli.main import cli

ONPREM = Path(__file__).parents[2] / "deploy" / "onprem"


def problem_of(words: Sequence[str]) -> str | None:
    """What is wrong with `countersign …` or `make -C …`; None where it could be run."""
    return _of_make(words) if words[0] == "make" else _of_countersign(words)


def _of_countersign(words: Sequence[str]) -> str | None:
    found: click.Command = cli
    rest = list(words[1:])
    context = click.Context(cli)
    while isinstance(found, click.Group) and rest and not rest[0].startswith("-"):
        child = found.get_command(context, rest[0])
        if child is None:
            return f"no command {rest[0]!r} in {words}"
        context = click.Context(child, parent=context)
        found = child
        rest.pop(0)
    known = {name for one in found.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "--version"}
    unknown = [word for word in rest if re.match(r"--[a-z]", word) and word.partition("=")[0] not in known]
    return f"{words}: no option {unknown}" if unknown else None


def _of_make(words: Sequence[str]) -> str | None:
    named = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)]
    missing = set(named) - targets()
    return f"{words}: no target {missing}" if missing or not named else None


@cache
def targets() -> frozenset[str]:
    """Those that `make help` lists, each with a line about it."""
    done = subprocess.run(["make", "-s", "-C", str(ONPREM)], capture_output=True, text=True, check=True)
    return frozenset(re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE))
