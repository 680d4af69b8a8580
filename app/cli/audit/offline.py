"""`countersign audit verify --bundle` and `--receipt`: needs the file and public keys, and nothing else.

Invariant: no database, model, settings or web framework is imported; and what a file says is shown only with its
control characters escaped, since whoever wrote it may want to write on the reader's terminal.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, cast

import click

from app.cli.printable import printable
from audit.errors import NoteRefused
from audit.format.notes import COSIGNATURE, ED25519, VerifierKey
from audit.verify.offline import ReaderTrust, Verdict, verify_bundle, verify_receipt

MAX_RECEIPT = 4 << 20
_LISTED = 50


def check(
    bundle: str | None,
    receipt: str | None,
    keys: Iterable[str],
    witnesses: Iterable[str],
    needed: int | None,
    policies: Iterable[str],
    held: Iterable[str],
    origin: str | None,
    *,
    as_json: bool,
) -> bool:
    """Prints the verdict and returns whether it is good."""
    if bundle and receipt:
        raise click.UsageError("give --bundle or --receipt, not both")
    trust = ReaderTrust(
        _keys(keys, ED25519, "--key"),
        _keys(witnesses, COSIGNATURE, "--witness"),
        needed,
        frozenset(policies),
        tuple(_text(path) for path in held),
        origin,
    )
    if not trust.keys:
        raise click.UsageError("say whom you trust: --key with the log's public key, got from elsewhere than this file")
    if needed is not None and needed > len(set(trust.witnesses)):
        raise click.UsageError(f"--needed {needed} is more than the witnesses given")
    if receipt:
        verdict = verify_receipt(_text(receipt), trust)
    else:
        try:
            with click.open_file(str(bundle), "rb") as stream:
                verdict = verify_bundle(cast(BinaryIO, stream), trust)
        except OSError as error:
            raise click.ClickException(f"{bundle} cannot be read: {error.strerror}") from None
    _json(verdict) if as_json else _tell(verdict)
    return verdict.ok


def _tell(verdict: Verdict) -> None:
    if verdict.origin:
        chosen = ", ".join(f"{name} {value}" for name, value in verdict.selection.items())
        click.echo(printable(f"log        {verdict.origin}"))
        click.echo(printable(f"events     {verdict.events}{f', selected by {chosen}' if chosen else ''}"))
        click.echo(f"checkpoint size {verdict.size}, root {verdict.root}")
        for name, signers in (("signed by ", verdict.signed_by), ("cosigned  ", verdict.cosigned_by)):
            for signer in signers:
                click.echo(f"{name} {signer}")
    if verdict.ok:
        click.echo("good: nothing was altered, and nothing is missing that these keys vouch for")
        return
    count = len(verdict.findings) + verdict.unlisted
    click.echo(f"NOT GOOD: {count} finding{'s' if count > 1 else ''}")
    for one in verdict.findings[:_LISTED]:
        where = [f"line {one.line}"] if one.line is not None else []
        where += [f"event {one.seq}"] if one.seq is not None else []
        place = f" ({', '.join(where)})" if where else ""
        click.echo(printable(f"  {one.what}: {one.detail}{place}"))
    if count > _LISTED:
        click.echo(f"  … and {count - _LISTED} more; --json lists up to 1000")


def _json(verdict: Verdict) -> None:
    sys.stdout.write(json.dumps(dataclasses.asdict(verdict)) + "\n")


def _keys(given: Iterable[str], algorithm: int, option: str) -> tuple[VerifierKey, ...]:
    """Keys as they are written, or files with one key a line."""
    found: list[VerifierKey] = []
    for one in given:
        lines = _text(one).splitlines() if Path(one).is_file() else [one]
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            try:
                key = VerifierKey.parse(line)
            except NoteRefused as error:
                raise click.UsageError(f"{option} {printable(one[:80])}: {error}") from None
            if key.algorithm != algorithm:
                kind = "witness'" if key.algorithm == COSIGNATURE else "log's"
                raise click.UsageError(f"{option} {key.name}: this is a {kind} key")
            found.append(key)
    return tuple(dict.fromkeys(found))


def _text(path: str) -> str:
    try:
        with click.open_file(path, "rb") as stream:
            raw = stream.read(MAX_RECEIPT + 1)
        if len(raw) > MAX_RECEIPT:
            raise click.ClickException(f"{path} is larger than {MAX_RECEIPT} bytes: is it a bundle?")
        return str(raw.decode())
    except OSError as error:
        raise click.ClickException(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.ClickException(f"{path} is not text") from None
