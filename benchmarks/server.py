"""Which WSGI server keeps answering while slow streams, a busy processor and half-sent requests are about.

    python benchmarks/server.py                 # needs the extra `peers`; a server that is not installed is left out
    python benchmarks/server.py --json

Each server gets one process and runs the same small application: a stream of tokens every 20 ms, a health call, and a
call that computes (natively without the GIL, as a model does, then a little Python). In each round, in rotating order:

alone      health calls on the idle server
streams    `--streams` readers of slow streams, with one caller that computes without pause, and health calls beside
half-sent  the same, with `--half-sent` connections that send half a request and then nothing

A health call that has no answer after `--patience` seconds counts as that long.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import importlib.util
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).parents[1]
TOKEN_S = 0.02
TOKENS = 100
HALF = b"POST /stream HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"


# --- the application, the same under every server --------------------------------------------------


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """/stream, /compute and /health."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if len(environ["wsgi.input"].read(length)) < length:
        start_response("408 Request Timeout", [("Connection", "close")])
        return
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    match environ["PATH_INFO"]:
        case "/stream":
            for number in range(TOKENS):
                time.sleep(TOKEN_S)
                yield b"data: token %d\n\n" % number
        case "/compute":
            hashlib.pbkdf2_hmac("sha256", b"a model's step", b"salt", 60_000)
            yield str(sum(n * n for n in range(60_000))).encode()
        case _:
            yield b"ok"


def serve(name: str, port: int, threads: int) -> None:
    """Runs one server in this process until it is stopped."""
    if name == "waitress":
        import waitress

        waitress.serve(application, host="127.0.0.1", port=port, threads=threads, connection_limit=1000)
    elif name == "cheroot":
        from cheroot.wsgi import Server

        Server(("127.0.0.1", port), application, numthreads=threads, request_queue_size=256).start()
    else:
        worker = "app.serving.slow_reads.Worker" if name == "countersign" else name
        options = ["-w", "1", "-k", worker, "-b", f"127.0.0.1:{port}", "--log-level", "error"]
        options += ["--threads", str(threads), "--worker-connections", "1000"]
        os.chdir(Path(__file__).parent)
        os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, "server:application"])


SERVERS = {
    "countersign": "gunicorn",
    "gthread": "gunicorn",
    "waitress": "waitress",
    "cheroot": "cheroot",
    "gevent": "gevent",
}


# --- the load --------------------------------------------------------------------------------------


@dataclass
class Seen:
    """Seconds, of one server in one scene."""

    health: list[float] = field(default_factory=list)
    compute: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    total: list[float] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        for mine, more in zip(vars(self).values(), vars(other).values(), strict=True):
            mine.extend(more)


async def call(port: int, path: str) -> tuple[float, float]:
    """Seconds to the first byte of the body, and to its end."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: benchmark\r\nConnection: close\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(1)
        first = time.perf_counter() - begun
        while await reader.read(65536):
            pass
        return first, time.perf_counter() - begun
    finally:
        writer.close()


async def scene(port: int, streams: int, half_sent: int, patience: float) -> Seen:
    """One scene: it lasts as long as the streams; without streams, one second."""
    seen = Seen()
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(half_sent)]
    for _, writer in held:
        writer.write(HALF)
    if held:
        await asyncio.sleep(0.2)

    async def within(path: str) -> tuple[float, float]:
        try:
            return await asyncio.wait_for(call(port, path), patience)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            return patience, patience

    async def stream() -> None:
        first, total = await within("/stream")
        seen.first.append(first)
        seen.total.append(total)

    async def again_and_again(path: str, pause: float, kept: list[float]) -> None:
        while True:
            kept.append((await within(path))[1])
            await asyncio.sleep(pause)

    beside = [asyncio.create_task(again_and_again("/health", 0.01, seen.health))]
    if streams:
        beside.append(asyncio.create_task(again_and_again("/compute", 0.0, seen.compute)))
        await asyncio.gather(*(stream() for _ in range(streams)))
    else:
        await asyncio.sleep(1)
    for task in beside:
        task.cancel()
    for _, writer in held:
        writer.close()
    if not seen.health:
        seen.health.append(patience)
    return seen


@contextlib.contextmanager
def running(name: str, threads: int) -> Iterator[int]:
    """The server on a free port, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, __file__, "--serve", name, "--port", str(port), "--threads", str(threads)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                asyncio.run(call(port, "/health"))
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{name} did not start; see above") from None
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def measure(names: Sequence[str], options: argparse.Namespace) -> dict[str, dict[str, Seen]]:
    """By server, by scene."""
    scenes = {"alone": (0, 0), "streams": (options.streams, 0), "half-sent": (options.streams, options.half_sent)}
    found = {name: {scene_name: Seen() for scene_name in scenes} for name in names}
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=options.rounds * len(names) * len(scenes))
        for number in range(options.rounds):
            turn = number % len(names)
            for name in [*names[turn:], *names[:turn]]:
                for scene_name, (streams, half) in scenes.items():
                    bar.update(task, description=f"{name}, {scene_name}")
                    # A server of its own for each scene: what one scene leaves behind is not the next one's business.
                    with running(name, options.threads) as port:
                        found[name][scene_name].add(asyncio.run(scene(port, streams, half, options.patience)))
                    bar.advance(task)
    return found


# --- the figures -----------------------------------------------------------------------------------


def figures(found: dict[str, dict[str, Seen]], patience: float) -> dict[str, dict[str, Any]]:
    base = next(iter(found.values()))["alone"]
    unit = statistics.median(base.health)
    table: dict[str, dict[str, Any]] = {}
    for name, scenes in found.items():
        row: dict[str, Any] = {}
        for scene_name, seen in scenes.items():
            row[scene_name] = {
                "health p50": statistics.median(seen.health) / unit,
                "health p99": _p99(seen.health) / unit,
                "health worst": max(seen.health) / unit,
                "first byte p50": statistics.median(seen.first) / TOKEN_S if seen.first else None,
                "stream": statistics.median(seen.total) / (TOKEN_S * TOKENS) if seen.total else None,
                "computed": len(seen.compute) or None,
                "health calls": len(seen.health),
                "unanswered": sum(s >= patience for s in seen.health),
            }
        table[name] = row
    return table


def _p99(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[int(0.99 * (len(ordered) - 1))]


def show(table: dict[str, dict[str, Any]]) -> None:
    out = Console()
    for scene_name in ("alone", "streams", "half-sent"):
        columns = ("health p50", "health p99", "health worst", "first byte p50", "stream", "computed", "unanswered")
        shown = Table("server", *columns, title=scene_name, title_justify="left")
        for name, row in table.items():
            cells = [row[scene_name][column] for column in columns]
            shown.add_row(name, *("" if c is None else str(c) if isinstance(c, int) else f"{c:.2f}" for c in cells))
        out.print(shown)
    out.print("health: times the first server's median alone; first byte: times one token; stream: times its ideal length;")
    out.print("computed: answers to the caller that computes; unanswered: health calls without an answer in time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=32, help="slow streams at a time (default 32)")
    parser.add_argument("--half-sent", type=int, default=64, help="connections that send half a request (default 64)")
    parser.add_argument("--threads", type=int, default=48, help="threads of each server (default 48)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds, in rotating order (default 2)")
    parser.add_argument("--patience", type=float, default=5.0, help="seconds a client waits (default 5)")
    parser.add_argument("--servers", default=",".join(SERVERS), help=f"of: {','.join(SERVERS)}")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.port, options.threads)
        return
    names = [name for name in options.servers.split(",") if name]
    if unknown := [name for name in names if name not in SERVERS]:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(SERVERS)}")
    missing = [name for name in names if importlib.util.find_spec(SERVERS[name]) is None]
    if missing:
        print(f"not installed, left out: {', '.join(missing)} (pip install -e '.[peers]')", file=sys.stderr)
    table = figures(measure([name for name in names if name not in missing], options), options.patience)
    print(json.dumps(table)) if options.json else show(table)


if __name__ == "__main__":
    main()
