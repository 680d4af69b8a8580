"""`countersign witness`: a process on another machine that remembers what the log was, and vouches that it only grew.

It loads no model, no database library and no web framework: click, cryptography and the standard library are enough.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from pathlib import Path

import click
from click.core import ParameterSource

_STATE = click.option(
    "--state",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("witness"),
    show_default=True,
    envvar="COUNTERSIGN_WITNESS_STATE",
    help="Its folder: key and memory. Nobody else's, and never restored from a backup.",
)
_NAME = click.option("--name", default="", help="Of a new key, such as witness.example/w1. Default: from the host's name.")


@click.group(invoke_without_command=True)
@click.option("--listen", default="127.0.0.1:8765", show_default=True, metavar="HOST:PORT", help="Where it answers.")
@_STATE
@click.option("--log", "logs", multiple=True, metavar="VKEY", help="Public key of a log; once for each key.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Log that the keys may speak for, or a beginning such as 'bank.example/audit/*'. "
    "Default: each key's own name and all names below it.",
)
@_NAME
@click.option("--verbose", is_flag=True, help="Report every request.")
@click.pass_context
def witness(
    ctx: click.Context,
    listen: str,
    folder: Path,
    logs: tuple[str, ...],
    origins: tuple[str, ...],
    name: str,
    verbose: bool,
) -> None:
    """Cosigns a log's checkpoints after it has proved that each continues the one before.

    A log that was cut, rewritten or forked gets no cosignature, and both of its contradicting notes are kept.

    \b
    countersign witness key                                     make its key and print the public part
    countersign witness --log bank.example+1a2b3c4d+AV…         watch the logs of that key
    countersign witness --listen 0.0.0.0:8765 --state /var/lib/witness \\
        --log bank.example+1a2b3c4d+AV… --origin 'bank.example/audit/*'
    curl http://127.0.0.1:8765/checkpoints                      what it vouches for
    curl http://127.0.0.1:8765/evidence                         contradictions that it was shown

    The log's public key is printed by its operator; give the log the key that this command prints in return.
    """
    if ctx.invoked_subcommand:
        return
    if not logs:
        raise click.UsageError("give the public key of the log to watch: --log NAME+HASH+KEY")
    _run(_address(listen), folder, logs, origins, name, verbose)


@witness.command()
@_STATE
@_NAME
@click.pass_context
def key(ctx: click.Context, folder: Path, name: str) -> None:
    """Prints the witness' public key; makes the key first where there is none.

    \b
    countersign witness key --state /var/lib/witness --name witness.example/w1
    """
    from audit.witness.state import witness_key

    if ctx.parent and ctx.get_parameter_source("folder") is ParameterSource.DEFAULT:
        folder = ctx.parent.params["folder"]  # given before the word "key"
    click.echo(str(witness_key(folder, _named(folder, name)).key))


def _run(
    address: tuple[str, int], folder: Path, logs: tuple[str, ...], origins: tuple[str, ...], name: str, verbose: bool
) -> None:
    from audit.witness.rules import WitnessTrust
    from audit.witness.server import WitnessServer
    from audit.witness.state import Witness

    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=level, force=True)
    found = Witness(folder, WitnessTrust.parse(logs, origins), name=_named(folder, name))
    try:
        server = WitnessServer(address, found)
    except OSError as error:
        found.close()
        raise click.ClickException(
            f"cannot listen on {address[0]}:{address[1]}: {error.strerror}; choose another with --listen"
        ) from None
    click.echo(str(found.key.key))
    held, evidence = found.counts()
    click.echo(f"witness at {server.url}, {held} logs held, {evidence} contradictions kept", err=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stopped = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stopped.set())
    stopped.wait()
    server.shutdown()
    server.server_close()
    found.close()


def _named(folder: Path, name: str) -> str:
    """A name is needed for a new key alone; an old one has its own."""
    if name or (folder / "key").exists():
        return name
    host = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-.") else "-" for letter in _host())
    return f"{host}/witness"


def _host() -> str:
    return socket.gethostname() or "host"


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise click.UsageError(f"--listen {listen!r} is not HOST:PORT, such as 127.0.0.1:8765 or [::]:8765")
    return host.removeprefix("[").removesuffix("]"), int(port)
