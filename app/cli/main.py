"""The command's groups and its one way of failing: a line that says what to do, and exit code 2."""

from __future__ import annotations

import sys

import click

from app import __version__
from app.cli.lazy import Lazy

_COMMANDS = {
    "ask": ("app.cli.ask", "One question, its answer, and everything that was decided on the way."),
    "audit": ("app.cli.audit.group", "Whether the log is as it was written; who asked what."),
    "backup": ("app.cli.service.backup", "Copies the log and, apart from it, the keys, while the service runs."),
    "config": ("app.cli.service.config", "The settings in force and where each came from."),
    "doctor": ("app.cli.service.doctor", "Whether this installation is sound, and what to do where it is not."),
    "documents": ("app.cli.documents", "The library's documents: list, show, add, replace, change, restore, remove."),
    "engine": ("app.cli.models.engine", "The on-prem model as a process of its own, for one service or many."),
    "generate": ("app.cli.parts_alone", "The on-prem model alone."),
    "ingest": ("app.cli.library", "Reads documents into the library."),
    "keys": ("app.cli.service.keys", "API keys: create, list, revoke."),
    "migrate": ("app.cli.service.prepare", "Brings the database up to date."),
    "models": ("app.cli.models.group", "The models: list, fetch, check, fine-tune."),
    "moderate": ("app.cli.parts_alone", "What the rails and the redactor say of a text."),
    "policy": ("app.cli.policy.group", "The moderation policy: check, compare, test, explain."),
    "prepare": ("app.cli.service.prepare", "Makes the folders and keys that this installation needs."),
    "restore": ("app.cli.service.backup", "Puts a backup into an empty installation."),
    "search": ("app.cli.library", "Passages of the library for a question."),
    "serve": ("app.cli.service.serve", "The service alone."),
    "sync": ("app.cli.sources.sync", "Brings the library to what folders, buckets, mailboxes and exports hold."),
    "switch": ("app.cli.policy.switch", "Kill switches: a bot or a tenant, off at once everywhere."),
    "up": ("app.cli.service.up", "The whole demo: models, samples, live data, service."),
    "witness": ("app.cli.audit.witness", "Vouches, on another machine, that a log was never rewritten."),
}


@click.command(cls=Lazy, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="countersign")
def cli() -> None:
    """A chatbot for firms that must answer for every answer.

    \b
    countersign up                       the demo: models, samples, service
    countersign ask "What is inflation?"  one question, with its route, verdicts and receipt
    countersign audit verify             whether the log is as it was written
    """


def main(argv: list[str] | None = None) -> None:
    """Runs the command. Known errors end with one line on standard error and exit code 2."""
    try:
        code = cli.main(args=argv, prog_name="countersign", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Abort:
        click.echo("\nstopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if unreachable := _unreachable(error):
            click.echo(unreachable, err=True)
            sys.exit(2)
        if not is_known(error):
            raise
        for line in getattr(error, "problems", None) or [f"countersign: {' '.join(str(error).split())}"]:
            click.echo(line, err=True)
        sys.exit(2)


def _unreachable(error: Exception) -> str | None:
    """What to say of a database that cannot be opened; the driver's first line names the address and never a password."""
    if not isinstance(error, sys.modules["sqlalchemy.exc"].OperationalError if "sqlalchemy.exc" in sys.modules else ()):
        return None
    why = str(error.orig).strip().partition("\n")[0]
    return f"countersign: the database cannot be used: {why}; see database_url in: countersign config show"


def is_known(error: Exception) -> bool:
    """Whether an error was raised on purpose by one of the rooms, with a message for the reader."""
    rooms = ("app.", "orchestrator.", "moderation.", "audit.", "retrieval.", "inference.", "migrations.")
    return type(error).__module__.startswith(rooms)
