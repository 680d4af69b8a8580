"""The command line: every command shows an example, and a mistake ends with one line, exit code 2 and no traceback."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app.cli.main import cli
from app.cli.shared import InputError, json_lines
from inference.store.model_store import ModelStore
from tests.app.wiring.test_settings import countersign, folder

__all__ = ["folder"]


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every group and command below one."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield (*path, name)
            yield from commands(found, (*path, name))


def help_of(path: tuple[str, ...]) -> str:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    return command.get_help(click.Context(command, info_name=" ".join(path)))


@pytest.mark.parametrize("path", [(), *commands(cli)], ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    text = help_of(path)
    assert f"  countersign {' '.join(path)}".rstrip() in text
    assert "Usage:" in text


def fails(done: subprocess.CompletedProcess[str]) -> str:
    """The line that it ended with."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *usage, line = [line for line in done.stderr.splitlines() if line.strip()]
    assert all(told.startswith(("Usage: ", "Try '")) for told in usage), done.stderr
    return line


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nonsense"], "nonsense"),
        (["ask"], "--jsonl"),
        (["moderate"], "--jsonl"),
        (["moderate", "--jsonl", "and a text"], "--jsonl"),
        (["search"], "--jsonl"),
        (["search", "-k", "0", "x"], "0"),
        (["ingest"], "PATHS"),
        (["ingest", "nowhere"], "nowhere"),
        (["generate", "--model", "gpt-4", "hello"], "gpt-4"),
        (["generate", "--temperature", "9", "hello"], "9"),
        (["keys", "create"], "--label"),
        (["keys", "create", "--label", "x", "--role", "king"], "king"),
        (["keys", "revoke", "nothing"], "nothing"),
        (["audit", "verify"], "there is no log"),
        (["audit", "list"], "there is no log"),
        (["policy", "check", "nowhere.yaml"], "nowhere.yaml"),
        (["models", "pull", "gpt-4"], "gpt-4"),
        (["models", "verify", "gpt-4"], "gpt-4"),
        (["models", "finetune", "--data", "x.jsonl"], "--out"),
        (["models", "finetune", "--data", "x.jsonl", "--out", "y", "--model", "gpt-4"], "gpt-4"),
        (["models", "finetune", "--data", "x.jsonl", "--out", "y", "--model", "./nowhere"], "nowhere is not there"),
        (["models", "finetune", "--data", "x.jsonl", "--out", "y", "--rank", "0"], "0"),
        (["serve", "--port", "0"], "0"),
        (["up", "--samples", "nowhere"], "nowhere"),
        (["ask", "--url", "http://127.0.0.1:9", "--key", "cs_x", "hello"], "does not answer"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_ends_with_one_line_that_names_it(folder: Path, arguments: list[str], told: str) -> None:
    assert told in fails(countersign(folder, *arguments))


@pytest.mark.process
@pytest.mark.parametrize("command", [["generate", "--light", "hello"], ["moderate", "hello"], ["serve"]])
def test_without_its_model_a_command_says_how_to_get_it(folder: Path, command: list[str]) -> None:
    line = fails(countersign(folder, *command, COUNTERSIGN_MODELS_DIR=str(folder / "none")))
    assert "countersign models pull" in line


@pytest.mark.process
def test_a_database_that_is_no_log_is_not_called_sound(folder: Path) -> None:
    (folder / "var").mkdir()
    (folder / "var" / "countersign.sqlite").write_text("this is no database, whatever its name says" * 100)
    done = countersign(folder, "audit", "verify")
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr


def with_input(folder: Path, text: bytes, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "input").write_bytes(text)
    with (folder / "input").open("rb") as file:
        return countersign(folder, *arguments, stdin=file)


BROKEN = [
    (b'{"text": "hello"\n', "line 1: not JSON"),
    (b'\n\n{"text": 7}\n', "line 3"),
    (b"[1, 2]\n", "line 1"),
    (b'{"question": "x"}\n', '"text"'),
    (b"[" * 100_000 + b"\n", "line 1"),
    (b"1" * 6000 + b"\n", "line 1"),
    (b"\xff\xfe\n", "UTF-8"),
    (b'{"text": "half \\ud800 a character"}\n', "line 1"),
]


@pytest.mark.parametrize(("text", "told"), BROKEN, ids=lambda value: value[:12] if isinstance(value, str) else "")
def test_a_broken_line_of_input_is_named(text: bytes, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        list(json_lines(io.TextIOWrapper(io.BytesIO(text), "utf-8"), "text"))


@pytest.mark.process
@pytest.mark.models
def test_lines_before_a_broken_one_are_judged(folder: Path) -> None:
    needs("all-minilm-l6-v2", "en-core-web-md")
    done = with_input(folder, b'{"text": "hello"}\n{"text": "Anna Meyer"}\nnonsense\n', "moderate", "--jsonl")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 2
    assert "line 3" in done.stderr


@pytest.mark.process
def test_a_search_without_a_library_says_what_to_do(folder: Path) -> None:
    assert "countersign ingest" in fails(countersign(folder, "search", "hello"))


def needs(*names: str) -> None:
    store = ModelStore()
    if missing := [name for name in names if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
