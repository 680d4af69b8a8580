"""`countersign audit export` and `countersign audit keys`: what a regulator is handed.

Invariant: the export is in the log before the first byte is written, and a file with its final name is whole.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from app.cli.shared import console, open_read_side, progress, recorded_of, settings

if TYPE_CHECKING:
    from app.wiring.read_side import ReadSide
    from audit.read.export import Bodies

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command()
@click.option("--query", default=None, help="One query's events.")
@click.option("--conversation", default=None, help="One conversation's events.")
@click.option("--subject", default=None, help="One person's events: as the portal names them, key:ID, or s_….")
@click.option("--from", "since", default=None, metavar="TIME", help="Not before, like 2026-01-31 or 2026-01-31T09:00+01:00.")
@click.option("--to", "until", default=None, metavar="TIME", help="Before. Times are UTC where they do not say.")
@click.option("--tenant", default=None, help="Default: the configured tenant.")
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl", show_default=True,
    help="jsonl: a bundle with proofs; csv, parquet: a table for analysts.",
)  # fmt: skip
@click.option(
    "--bodies", type=click.Choice(["none", "sealed", "opened"]), default="none", show_default=True,
    help="What was said: left out, encrypted, or readable. Readable needs --reason.",
)  # fmt: skip
@click.option("--reason", default=None, help="Why; goes into the log.")
@click.option("--since-checkpoint", "earlier", multiple=True, metavar="FILE", help="Show that the log continues this one.")
@click.option("--output", required=True, metavar="FILE", help="A new file, or - for standard output.")
def export(
    query: str | None,
    conversation: str | None,
    subject: str | None,
    since: str | None,
    until: str | None,
    tenant: str | None,
    kind: str,
    bodies: str,
    reason: str | None,
    earlier: tuple[str, ...],
    output: str,
) -> None:
    """Takes events out of the log: all that is given must hold; nothing given: the whole log. Exporting is recorded.

    \b
    countersign audit export --query q_… --output evidence.jsonl
    countersign audit export --from 2026-01-01 --to 2026-02-01 --format parquet --output january.parquet
    countersign audit export --subject anna@example.com --bodies opened --reason "case 12" --output answer.jsonl
    """
    from app.identity.subjects import TERMINAL, staff
    from app.wiring.signing import open_checkpoints
    from audit.checkpoints.signing_keys import load_keys
    from audit.format.bundle import Selection
    from audit.format.events import Entry
    from audit.format.notes import Checkpoint
    from audit.kinds import EXPORTED
    from audit.read.export import Source, write_bundle
    from audit.read.export_tables import write_csv, write_parquet

    if bodies == "opened" and not (reason or "").strip():
        raise click.UsageError("opening what people said needs --reason")
    if kind != "jsonl" and bodies == "sealed":
        raise click.UsageError("a table cannot hold sealed bodies: use --format jsonl, or --bodies none")
    if output != "-" and Path(output).exists():
        raise click.ClickException(f"{output} exists already: choose another name, an export is evidence")
    continues = [_size_of(path) for path in earlier]
    with open_read_side() as side, ExitStack() as signing_ends:
        found = side.settings
        log = tenant or found.tenant
        person = None if subject is None else _one_subject(side, log, subject)
        signing = load_keys(found.audit_key_path, found.audit_origin)
        checkpoints, witnesses = open_checkpoints(found, side.engine, signing, side.audit)
        signing_ends.callback(witnesses.close)
        signing_ends.callback(checkpoints.close)
        selection = Selection(query, conversation, person, _microseconds(since), _microseconds(until))
        body = {"selection": selection.told(), "format": kind, "bodies": bodies, "reason": reason or ""}
        side.audit.append(log, Entry(EXPORTED, query, None, TERMINAL, staff(TERMINAL), body=body)).wait()
        checkpoint = checkpoints.issue(log)
        with progress() as bar, _whole(output) as stream:
            source = Source(
                side.engine,
                log,
                Checkpoint.parse(checkpoint.text).size,
                selection,
                bodies=cast("Bodies", bodies),
                keys=side.subjects,
                progress=bar,
            )
            if kind == "jsonl":
                made = time.time_ns() // 1000
                count = write_bundle(stream, source, checkpoint, signing.signers, made=made, since=continues)
            else:
                count = (write_csv if kind == "csv" else write_parquet)(stream, source)
    out = console()
    out.print(f"{count} events of {log} written to {'standard output' if output == '-' else output}")
    if kind == "jsonl" and output != "-":
        out.print("check it with: countersign audit verify --bundle FILE --key PUB (the key: countersign audit keys)")


@click.command()
def keys() -> None:
    """The log's public keys, one a line. Hand them over by another way than the bundles.

    \b
    countersign audit keys > keys.txt
    """
    from audit.checkpoints.signing_keys import public_keys

    known = public_keys(settings().audit_key_path)
    if not known:
        raise click.ClickException("this installation has no signing key yet: it is made when the service first starts")
    for key in known:
        click.echo(str(key))


def _one_subject(side: ReadSide, log: str, named: str) -> str:
    """Whom `--subject` names. Ends with exit code 1 where nothing is recorded of them, or under several pseudonyms: a bundle
    proves one of them."""
    first, *more = recorded_of(side, log, named)
    if more:
        each = " ".join((first, *more))
        console().print(
            f"[red]earlier releases recorded this person under other pseudonyms too[/]; export each: {each}", soft_wrap=True
        )
        raise click.exceptions.Exit(1)
    return first


@contextmanager
def _whole(output: str) -> Iterator[BinaryIO]:
    """A stream whose file gets its name only when everything was written and is on disk."""
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    from audit.whole_file import appearing

    with appearing(Path(output), replace=False) as stream:
        yield stream


def _size_of(path: str) -> int:
    """The size of a checkpoint in a file. Whether it is genuine is for whoever verifies."""
    from audit.format.notes import Checkpoint, Note

    try:
        return Checkpoint.parse(Note.parse(Path(path).read_bytes()).text).size
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from None


def _microseconds(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no time: write it like 2026-01-31 or 2026-01-31T09:00+01:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch: Any = moment - _EPOCH
    return int(since_epoch.days * 86_400_000_000 + since_epoch.seconds * 1_000_000 + since_epoch.microseconds)
