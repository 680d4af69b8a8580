"""`countersign backup` and `countersign restore`: copies of the log and, apart from them, of its keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.shared import console, plain, settings

if TYPE_CHECKING:
    from app.settings import Settings

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--to", required=True, type=_FOLDER, help="Where copies of the log go, one folder each.")
@click.option("--keys-to", required=True, type=_FOLDER, help="Where the newest copy of the keys goes; another medium.")
def backup(to: Path, keys_to: Path) -> None:
    """Copies the log, the checkpoints and the library; and the keys, into another folder. The service may run.

    Without the keys nobody can read a copy of the log, so keep the two apart. Only the newest copy of the keys is kept:
    what was erased must not come back.

    \b
    countersign backup --to /backup/log --keys-to /safe/keys
    """
    from app.operations.backup.backup import back_up

    made = back_up(settings(), to, keys_to)
    click.echo(str(made.log))
    console().print(f"backed up, {made.size / 1e6:.1f} MB; the keys are in {plain(str(made.keys))}: keep them apart")


@click.command()
@click.option("--from", "source", required=True, type=_FOLDER, help="One backup: a folder countersign-TIME.")
@click.option("--keys-from", required=True, type=_FOLDER, help="The newest copy of the keys.")
@click.option(
    "--checkpoints", "newest", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The newest file of checkpoints that is left. Repeatable.",
)  # fmt: skip
@click.option("--reason", default="", help="What was lost and why; recorded. A case number rather than a name.")
@click.option("--approver", "approvers", multiple=True, help="Who agrees to go on without what was lost. Twice, two people.")
def restore(source: Path, keys_from: Path, newest: tuple[Path, ...], reason: str, approvers: tuple[str, ...]) -> None:
    """Puts a backup into an empty installation, and verifies all of it.

    Where records are missing that were signed after the backup was made, the log goes on in a new epoch, whose first event
    quotes the last checkpoint that is known: give the newest file of checkpoints, and two people who agree.

    \b
    countersign restore --from /backup/log/countersign-20260503T101500Z --keys-from /safe/keys \\
        --checkpoints /elsewhere/checkpoints.jsonl --reason "disk lost, case 17" --approver a.meyer --approver b.sato
    """
    from app.operations.backup.restore import restore as bring_back

    found = settings()
    restored = bring_back(found, source, keys_from, newest, reason, approvers)
    for log, epoch in restored.epochs.items():
        click.echo(f"log {log} is in epoch {epoch} now; tell its witnesses the new origin: {found.origin_of(log, epoch)}")
    for problem in restored.report.problems:
        console().print(f"[red]{plain(f'{problem.log} {problem.seq}: {problem.detail}')}[/]")
    if not restored.report.ok:
        raise click.exceptions.Exit(1)
    console().print(f"restored, and the log verifies: {restored.report.events} events")
    for line in _of_the_library(found, restored.library):
        console().print(plain(line))


def _of_the_library(found: Settings, generation: str) -> Iterator[str]:
    """What must be known of the library, and done: it is the backup's, whatever was changed since."""
    from retrieval.index.generations import made_ns

    if generation:
        when = datetime.fromtimestamp(made_ns(generation) / 1e9, UTC)
        yield f"the library is generation {generation}, of {when:%Y-%m-%d %H:%M} UTC"
        yield "ingest again what was ingested after that, and remove again what was removed after it: both are undone"
    else:
        yield "the backup holds no library: ingest the documents again"
    if found.documents.store == "postgresql":
        yield (
            f"other hosts take it over when their service starts, or within {found.documents.poll_s:.0f} s where it runs;"
            " countersign doctor tells on each which one it has"
            if generation
            else "other hosts answer from the copies on their disks until one ingests: stop them until then"
        )
