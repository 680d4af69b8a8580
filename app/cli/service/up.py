"""`countersign up`: the whole demo with one command, and its clean end with Ctrl-C.

This process only starts others and waits: models are pulled and documents read in processes of their own, so that the
service forks from nothing that has loaded JAX.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.panel import Panel

from app.cli.shared import console, settings
from app.identity.api_keys import Role
from app.settings import Settings
from app.wiring.key_material import demo_key_path
from app.wiring.read_side import ReadSide, open_key_desk

SAMPLES = Path("samples")
READY_S = 900.0


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@click.command()
@click.option("--light", is_flag=True, help="Use the small chat model (a tenth of the download).")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port of the service.")
@click.option("--market-port", type=click.IntRange(1, 65535), default=8091, show_default=True)
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=SAMPLES,
    show_default=True,
)
def up(light: bool, port: int | None, market_port: int, samples: Path) -> None:
    """Fetches the models, reads the sample documents, starts the sample live-data service and Countersign.

    SIGHUP makes the service look at its policy file now.

    \b
    countersign up
    countersign up --light
    """
    found = settings(light=True if light else None, port=port, connectors_file=samples / "connectors.yaml", demo=True)
    out = console()
    for name, number in (("service", found.port), ("live-data service", market_port)):
        if _taken(number):
            raise click.ClickException(f"port {number} for the {name} is in use; stop what uses it or choose another")
    environment = {
        **os.environ,
        "COUNTERSIGN_LIGHT": str(found.light).lower(),
        "COUNTERSIGN_PORT": str(found.port),
        "COUNTERSIGN_DEMO": "true",
        "COUNTERSIGN_DRAIN_GRACE_S": "0",
        "COUNTERSIGN_CONNECTORS_FILE": str(samples / "connectors.yaml"),
        "COUNTERSIGN_MARKET_URL": f"http://127.0.0.1:{market_port}",
    }
    children: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, lambda *_: children[-1].send_signal(signal.SIGHUP) if len(children) > 1 else None)
    try:
        _run(["models", "pull"], environment, "the models could not be fetched")
        key, admin = _demo_keys(found)
        _run(["ingest", str(samples / "documents")], environment, "the sample documents could not be read")
        children.append(_start(_market(found, samples, market_port), environment, samples.resolve().parent))
        children.append(_start([sys.executable, "-m", "app", "serve"], environment, Path.cwd()))
        _wait(found, children, out)
        _say(found, market_port, key, admin, out)
        while True:
            for child in children:
                if child.poll() is not None:
                    raise click.ClickException(f"a part ended by itself with exit code {child.returncode}")
            time.sleep(0.5)
    except (KeyboardInterrupt, Stopped):
        out.print("\nstopping …")
    finally:
        _end(children)
    out.print("stopped")


def _stop(*_: Any) -> None:
    raise Stopped


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _run(arguments: Sequence[str], environment: dict[str, str], failure: str) -> None:
    done = subprocess.run([sys.executable, "-m", "app", *arguments], env=environment, check=False)
    if done.returncode:
        raise click.ClickException(f"{failure}; see above")


def _start(command: Sequence[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """In a group of its own, so that Ctrl-C reaches it through us, once, and in order."""
    return subprocess.Popen(list(command), env=environment, cwd=folder, start_new_session=True)


def _market(found: Settings, samples: Path, port: int) -> list[str]:
    working = (found.home / "market.json").resolve()
    return [sys.executable, "-m", f"{samples.name}.market_api", "--port", str(port), "--file", str(working)]


def _demo_keys(found: Settings) -> tuple[str, str]:
    """The demo's caller key and administrator's key; made once, kept readable for this user alone."""
    with open_key_desk(found) as log:
        caller = _kept(log, found, demo_key_path(found), "caller")
        return caller, _kept(log, found, found.home / "admin.key", "administrator")


def _kept(log: ReadSide, found: Settings, path: Path, role: Role) -> str:
    if path.is_file() and log.keys.find(secret := path.read_text("utf-8").strip()):
        return secret
    secret = log.key_desk.create(found.tenant, role, f"demo {role}", ("public",), "terminal")
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    return secret


def _wait(found: Settings, children: Sequence[subprocess.Popen[bytes]], out: Console) -> None:
    """Until /readyz says so. Raises ClickException where a part ended or the models could not be loaded."""
    deadline = time.monotonic() + READY_S
    with out.status("loading and compiling the models …") as status, httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline:
            if any(child.poll() is not None for child in children):
                raise click.ClickException("a part did not start; see above")
            try:
                answer = client.get(f"{found.public_url}/readyz", timeout=2)
                if answer.status_code == 200:
                    return
                parts = answer.json()["parts"]
                if "error" in parts:
                    raise click.ClickException(parts["error"])
                status.update("  ".join(f"{name}: {state}" for name, state in parts.items()))
            except (httpx.HTTPError, ValueError, KeyError):
                pass
            time.sleep(0.3)
    raise click.ClickException(f"not ready after {READY_S:.0f} s; see the log")


def _say(found: Settings, market_port: int, key: str, admin: str, out: Console) -> None:
    lines = (
        f"demo page      {found.public_url}/",
        f"API            {found.public_url}/v1/chat   (description: /openapi.json)",
        f"review         {found.public_url}/review",
        f"live data      http://127.0.0.1:{market_port}/v1/instruments",
        f"demo key       {key}",
        f"admin's key    {admin}",
    )
    curl = (
        f'curl {found.public_url}/v1/chat -H "Authorization: Bearer {key}" \\',
        "  -H 'Content-Type: application/json' -d '{\"message\": \"What is the dealing cut-off time?\"}'",
        "",
        "Ctrl-C stops everything.",
    )
    out.print(Panel("\n".join(lines), title="Countersign is ready", expand=False), soft_wrap=True)
    out.print("\n".join(curl), markup=False, highlight=False, soft_wrap=True)


def _end(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in reversed(children):
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
