"""What several commands need: the settings, progress bars, reading JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from app.cli.printable import printable
from app.settings import Settings, load_settings
from app.wiring.telemetry import configure_logging

if TYPE_CHECKING:
    from app.wiring.read_side import ReadSide


WIDE = 400
"""Columns of a table that goes into a file or a pipe."""


class InputError(click.ClickException):
    """A line of input does not fit."""

    exit_code = 2


def settings(**overrides: Any) -> Settings:
    found = load_settings(**{k: v for k, v in overrides.items() if v is not None})
    configure_logging(found)
    return found


def open_read_side() -> ReadSide:
    """The log of the settings, to read it or to append to it. Raises ClickException where there is none yet."""
    from app.wiring import read_side

    found = settings()
    require(found.url)
    return read_side.open_read_side(found)


def subjects_named(side: ReadSide, tenant: str, named: str) -> tuple[str, ...]:
    """Whom SUBJECT names: the subject first, then those of earlier releases. Raises InputError where it names nobody."""
    from app.identity.subjects import SubjectRefused

    try:
        return side.keys.subjects(tenant, named)
    except SubjectRefused as error:
        raise InputError(f"{error} (also understood: key:ID, person:NAME, the pseudonym s_… of the records)") from None


def recorded_of(side: ReadSide, tenant: str, named: str) -> list[str]:
    """Those of them of whom the log has anything. Ends with exit code 1 where that is nobody."""
    if found := side.reader.recorded(tenant, subjects_named(side, tenant, named)):
        return found
    console().print(
        f"[red]nothing is recorded of '{plain(named)}' in the log of {plain(tenant)}[/]: check the spelling and --tenant, or"
        " give the pseudonym s_… that records show"
    )
    raise click.exceptions.Exit(1)


def require(url: str) -> None:
    """Raises ClickException where there is no log yet."""
    path = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and not path.is_file():
        raise click.ClickException(f"there is no log at {path}; set COUNTERSIGN_HOME or COUNTERSIGN_DATABASE_URL")


def console() -> Console:
    """Messages go to standard error, so that standard output holds results alone; `:key:` in them stays what it is."""
    found = Console(stderr=True, highlight=False, emoji=False)
    return found if found.is_terminal else Console(stderr=True, highlight=False, emoji=False, width=max(found.width, WIDE))


def table(*columns: str, **how: Any) -> Table:
    """A table in which nothing is cut off, an id least of all: what does not fit its column goes on in the next line, and
    where nobody's terminal sets a width there is none."""
    found = Table(**how)
    for column in columns:
        found.add_column(column, overflow="fold")
    return found


def plain(text: str | None) -> str:
    """Text of the log for a terminal: nothing in it moves the cursor, turns a line around, or is rich's markup."""
    return escape(printable(text or ""))


@contextmanager
def progress(*, size: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error; call it with (label, done, total). size: the numbers are bytes."""
    columns = [
        TextColumn("{task.description:<32.32}", markup=False),
        BarColumn(),
        DownloadColumn() if size else MofNCompleteColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console(), transient=False) as bar:
        tasks: dict[str, Any] = {}

        def report(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = bar.add_task(printable(label), total=total)
            bar.update(tasks[label], completed=done, total=total)

        yield report


def json_lines(stream: TextIO, field: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each line's object and its text under `field`. Raises InputError naming the line."""
    number = 0
    try:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row.get(field), str):
                raise InputError(f'line {number}: needs an object with a text under "{field}"')
            row[field].encode("utf-8")
            yield row, row[field]
    except json.JSONDecodeError as error:
        raise InputError(f"line {number}: not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"after line {number}: not UTF-8; convert the input first") from error
    except UnicodeEncodeError as error:
        raise InputError(f"line {number}: holds half a character (a lone surrogate)") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"line {number}: its numbers are too long or it is nested too deeply to be read") from error


def put(document: Any) -> None:
    """One line of JSON on standard output, at once."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()
