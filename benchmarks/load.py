"""What the pipeline itself carries: Countersign under load, with a model that answers at a fixed pace.

    python benchmarks/load.py                                    # SQLite, one and two processes; some minutes
    python benchmarks/load.py --postgres postgresql+psycopg://user@host/database
    python benchmarks/load.py --soak 60                          # an hour; memory must stay flat
    python benchmarks/load.py --litellm PATH                     # the interpreter of an environment with litellm[proxy]

A small server that speaks OpenAI's API says a token every 20 ms; it stands for the firm's engine replicas, and for the
model behind the peer. All else is real: `countersign serve` with all rails, redaction, audit log and its signatures.

answers   callers that ask, wait for the whole answer and ask again: answers a second, first byte and whole, p50 and p99
streams   so many streams at a time, all begun within a few seconds: how many end well, first byte, memory of each
soak      a moderate load for so many minutes: memory in the first and the last quarter
peer      the same callers through LiteLLM's proxy, with its Presidio guardrail in front of the same model

The machine carries callers, model and service together, so the figures are a floor of what the service carries alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
TOKEN_S, TOKENS = 0.02, 40
MODEL = "steady"
QUESTIONS = (
    "Explain the difference between a stock and a bond.",
    "What is inflation?",
    "How does compound interest work?",
    "Explain diversification to a beginner.",
    "Please draft a polite reminder; my name is Anna Meyer, my card is 4111 1111 1111 1111.",
)
SENTENCE = "Money that is put to work may grow slowly over many years and can also lose a part of its value."
READY_S = 180.0
CONTENT = re.compile(rb'"content": ?"[^"]')
ENDED = re.compile(rb'"(?:code|finish_reason)": ?"([a-z_]+)"')
errors = Console(stderr=True)


# --- the model -----------------------------------------------------------------------------------------------------------


async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection of the fixed-pace model: chat completions, streamed or whole, and the health calls."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ", 2)[1].decode()
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = json.loads(await reader.readexactly(int(lengths[0].split(b":")[1]))) if lengths else {}
            if path != "/v1/chat/completions":
                writer.write(_whole({"object": "list", "data": [{"id": MODEL, "object": "model"}]}))
            elif body.get("stream"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
                for number in range(min(TOKENS, body.get("max_tokens") or TOKENS)):
                    await asyncio.sleep(TOKEN_S)
                    writer.write(_chunk(_event({"content": _word(number)}, None)))
                    await writer.drain()
                usage = {"prompt_tokens": 50, "completion_tokens": TOKENS, "total_tokens": 50 + TOKENS}
                last = b"data: " + json.dumps(_frame([], usage=usage)).encode() + b"\n\n"
                writer.write(_chunk(_event({}, "stop")) + _chunk(last) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
            else:
                await asyncio.sleep(TOKEN_S * TOKENS)
                message = {"role": "assistant", "content": "".join(map(_word, range(TOKENS)))}
                frame = _frame([{"index": 0, "message": message, "finish_reason": "stop"}], kind="chat.completion")
                writer.write(_whole(frame))
            await writer.drain()
    writer.close()


def _word(number: int) -> str:
    words = SENTENCE.split()
    return words[number % len(words)] + " "


def _frame(choices: list[Any], kind: str = "chat.completion.chunk", **more: Any) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 0, "model": MODEL, "choices": choices, **more}


def _event(delta: Mapping[str, str], finish: str | None) -> bytes:
    return b"data: " + json.dumps(_frame([{"index": 0, "delta": delta, "finish_reason": finish}])).encode() + b"\n\n"


def _whole(answer: Mapping[str, Any]) -> bytes:
    body = json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def model(port: int) -> None:
    server = await asyncio.start_server(speak, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


# --- the callers ---------------------------------------------------------------------------------------------------------


@dataclass
class Heard:
    """Seconds of answers that ended well; what else came, by its kind."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)

    def fail(self, why: str) -> None:
        self.failed[why] = self.failed.get(why, 0) + 1


async def ask(port: int, key: str, question: str, name: str, heard: Heard) -> None:
    """One streamed question through the OpenAI API of whoever listens there."""
    body = json.dumps({"model": name, "stream": True, "messages": [{"role": "user", "content": question}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    begun = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError as refused:
        heard.fail(type(refused).__name__)
        return
    try:
        writer.write(head.encode() + body)
        status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
        first, said = 0.0, b""
        while data := await reader.read(65536):
            said = (said + data)[-4000:]
            if not first and CONTENT.search(said):
                first = time.perf_counter() - begun
        if status == "200" and first and b"[DONE]" in said:
            heard.first.append(first)
            heard.whole.append(time.perf_counter() - begun)
        else:
            told = ENDED.findall(said)
            heard.fail(status if status != "200" else f"cut short, {told[-1].decode() if told else 'nothing said'}")
    except (OSError, asyncio.IncompleteReadError) as broken:
        heard.fail(type(broken).__name__)
    finally:
        writer.close()


async def answers(ports: Sequence[int], key: str, name: str, callers: int, seconds: float) -> tuple[Heard, float]:
    """Callers that ask again as soon as they have an answer; and how long it took in all."""
    heard, begun = Heard(), time.perf_counter()

    async def caller(number: int) -> None:
        turn = number
        while time.perf_counter() - begun < seconds:
            await ask(ports[number % len(ports)], key, QUESTIONS[turn % len(QUESTIONS)], name, heard)
            turn += 1

    await asyncio.gather(*(caller(number) for number in range(callers)))
    return heard, time.perf_counter() - begun


async def streams(ports: Sequence[int], key: str, name: str, count: int, over_s: float) -> Heard:
    """So many streams, begun one after another within `over_s` seconds."""
    heard = Heard()

    async def one(number: int) -> None:
        await asyncio.sleep(over_s * number / count)
        await ask(ports[number % len(ports)], key, QUESTIONS[number % len(QUESTIONS)], name, heard)

    await asyncio.gather(*(one(number) for number in range(count)))
    return heard


# --- the service ---------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def started(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(command), env={**os.environ, **environment}, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


async def until_ready(port: int, path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            status = await reader.readline()
            writer.close()
            if b" 200 " in status:
                return
        await asyncio.sleep(0.3)
    raise SystemExit(f"port {port} did not become ready; its log ends:\n" + "\n".join(log.read_text().splitlines()[-15:]))


@contextlib.contextmanager
def database_beside(url: str) -> Iterator[str]:
    """The URL of an empty database beside that of `url`, which is removed afterwards; "" for "sqlite"."""
    if url == "sqlite":
        yield ""
        return
    from sqlalchemy import create_engine, make_url, text

    name = f"load_{secrets.token_hex(4)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(url).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@contextlib.contextmanager
def service(folder: Path, model_port: int, processes: int, database: str, streams_at_once: int) -> Iterator[Any]:
    """Processes of `countersign serve` on one database: their ports, a caller's key and their process numbers."""
    environment = {
        "COUNTERSIGN_HOME": str(folder / "home"),
        "COUNTERSIGN_ENGINES": f"http://127.0.0.1:{model_port}",
        "COUNTERSIGN_ENGINE_MODEL": MODEL,
        "COUNTERSIGN_THREADS": str(min(512, streams_at_once + 8)),
        "COUNTERSIGN_MAX_CHATS": str(min(500, streams_at_once)),
        "COUNTERSIGN_LOG_LEVEL": "WARNING",
    }
    if database:
        environment["COUNTERSIGN_DATABASE_URL"] = database
    countersign = [sys.executable, "-m", "app"]
    run = {**os.environ, **environment}
    made = subprocess.run(
        [*countersign, "keys", "create", "--label", "load"],
        env=run, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise SystemExit(f"no key could be made: {made.stderr.strip()[-500:]}")
    key = made.stdout.split()[-1]
    with contextlib.ExitStack() as stack:
        ports, pids = [], []
        for number in range(processes):
            port, log = free_port(), folder / f"service{number}.log"
            mine = {**environment, "COUNTERSIGN_PORT": str(port)}
            process = stack.enter_context(started([*countersign, "serve"], mine, log))
            asyncio.run(until_ready(port, "/readyz", process, log))
            ports.append(port)
            pids.append(process.pid)
        yield ports, key, pids


def memory_mib(pids: Sequence[int]) -> float:
    """Resident memory of these processes and all that they started, in MiB (shared pages counted once, by proportion)."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    mine = set(pids)
    while more := {child for child, parent in parents.items() if parent in mine} - mine:
        mine |= more
    total = 0
    for pid in mine:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


# --- what is measured ----------------------------------------------------------------------------------------------------


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(values) or [float("nan")]
    late = ordered[int(0.99 * (len(ordered) - 1))]
    return {"p50_ms": round(1000 * statistics.median(ordered), 1), "p99_ms": round(1000 * late, 1)}


def figures(heard: Heard, seconds: float) -> dict[str, Any]:
    return {
        "answers_per_second": round(len(heard.whole) / seconds, 2), "answered": len(heard.whole), "failed": heard.failed,
        "first": spread(heard.first), "whole": spread(heard.whole),
    }  # fmt: skip


def measure(folder: Path, model_port: int, processes: int, database: str, chosen: argparse.Namespace) -> dict[str, Any]:
    out: dict[str, Any] = {"processes": processes, "database": database.partition(":")[0] or "sqlite"}
    at_once = max(chosen.streams, *chosen.callers)
    with service(folder, model_port, processes, database, at_once) as (ports, key, pids):
        asyncio.run(answers(ports, key, "countersign", 2, 5))  # warm
        for callers in chosen.callers:
            errors.print(f"{out['database']}, {processes} processes, {callers} callers")
            heard, seconds = asyncio.run(answers(ports, key, "countersign", callers, chosen.seconds))
            out[f"{callers} callers"] = figures(heard, seconds)
        idle = memory_mib(pids)
        errors.print(f"{chosen.streams} streams at a time")
        peak, heard = asyncio.run(_watched(pids, streams(ports, key, "countersign", chosen.streams, chosen.over)))
        out[f"{chosen.streams} streams"] = figures(heard, 1) | {
            "memory_mib": round(idle), "kib_a_stream": round(1024 * max(0.0, peak - idle) / chosen.streams, 1),
        }  # fmt: skip
        del out[f"{chosen.streams} streams"]["answers_per_second"]
        if chosen.soak:
            out["soak"] = soak(ports, key, pids, chosen.soak)
    return out


async def _watched(pids: Sequence[int], work: Any) -> tuple[float, Heard]:
    """The most memory while the work is done, looked at every half second."""
    task = asyncio.ensure_future(work)
    peak = 0.0
    while not task.done():
        peak = max(peak, await asyncio.to_thread(memory_mib, pids))
        await asyncio.wait([task], timeout=0.5)
    return peak, task.result()


def soak(ports: Sequence[int], key: str, pids: Sequence[int], minutes: float) -> dict[str, Any]:
    """Four callers, minute by minute."""
    seen, failed = [], 0
    with Progress(console=errors) as progress:
        task = progress.add_task("soak", total=minutes)
        for _ in range(max(4, round(minutes * 4))):
            heard, _ = asyncio.run(answers(ports, key, "countersign", 4, 15))
            failed += sum(heard.failed.values())
            seen.append(memory_mib(pids))
            progress.advance(task, 0.25)
    quarter = max(1, len(seen) // 4)
    first, last = (statistics.fmean(part) for part in (seen[quarter : 2 * quarter], seen[-quarter:]))
    return {
        "minutes": len(seen) / 4, "failed": failed, "growth": round(last / first - 1, 4),
        "second_quarter_mib": round(first, 1), "last_quarter_mib": round(last, 1),
    }  # fmt: skip


def peer(python: str, folder: Path, model_port: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """LiteLLM's proxy with its Presidio guardrail; Presidio's analyzer and anonymizer run beside it, as it asks for."""
    port, presidio = free_port(), free_port()
    settings = {
        "model_list": [{
            "model_name": MODEL,
            "litellm_params": {
                "model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{model_port}/v1", "api_key": "none"
            },
        }],
        "guardrails": [{
            "guardrail_name": "presidio",
            "litellm_params": {"guardrail": "presidio", "mode": "pre_call", "default_on": True, "output_parse_pii": True},
        }],
        "general_settings": {"master_key": "sk-load"},
    }  # fmt: skip
    (folder / "litellm.json").write_text(json.dumps(settings))  # YAML reads JSON
    beside = {f"PRESIDIO_{part}_API_BASE": f"http://127.0.0.1:{presidio}" for part in ("ANALYZER", "ANONYMIZER")}
    proxy = [str(Path(python).parent / "litellm"), "--config", str(folder / "litellm.json"), "--port", str(port)]
    log = folder / "litellm.log"
    with (
        started([python, str(ROOT / "benchmarks/load_presidio.py"), str(presidio)], {}, log) as analyzer,
        started(proxy, beside | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}, log) as process,
    ):
        asyncio.run(until_ready(presidio, "/health", analyzer, log))
        asyncio.run(until_ready(port, "/health/liveliness", process, log))
        asyncio.run(answers([port], "sk-load", MODEL, 2, 5))
        out: dict[str, Any] = {}
        for callers in chosen.callers:
            errors.print(f"LiteLLM, {callers} callers")
            heard, seconds = asyncio.run(answers([port], "sk-load", MODEL, callers, chosen.seconds))
            out[f"{callers} callers"] = figures(heard, seconds)
        idle = memory_mib([process.pid, analyzer.pid])
        peak, heard = asyncio.run(_watched([process.pid], streams([port], "sk-load", MODEL, chosen.streams, chosen.over)))
        out[f"{chosen.streams} streams"] = figures(heard, 1) | {"memory_mib": round(idle), "peak_mib": round(peak)}
        return out


def show(found: Mapping[str, Any]) -> None:
    table = Table("", "load", "answers/s", "failed", "first p50/p99 ms", "whole p50/p99 ms", "KiB a stream")
    for name, row in found.items():
        for load, value in row.items():
            if isinstance(value, dict) and "first" in value:
                first, whole = (f"{value[part]['p50_ms']} / {value[part]['p99_ms']}" for part in ("first", "whole"))
                failed = str(sum(value["failed"].values()))
                rate, size = str(value.get("answers_per_second", "")), str(value.get("kib_a_stream", ""))
                table.add_row(name, load, rate, failed, first, whole, size)
    Console().print(table)
    for name, row in found.items():
        if "soak" in row:
            Console().print(f"soak, {name}: {row['soak']}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--postgres", default="", help="SQLAlchemy URL; databases are made beside it and removed")
    options.add_argument("--no-sqlite", action="store_true", help="PostgreSQL alone")
    options.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options.add_argument("--callers", type=int, nargs="+", default=[1, 16, 64])
    options.add_argument("--seconds", type=float, default=20, help="for each number of callers")
    options.add_argument("--streams", type=int, default=500)
    options.add_argument("--over", type=float, default=10, help="seconds within which the streams begin")
    options.add_argument("--soak", type=float, default=0, help="minutes")
    options.add_argument("--litellm", default="", help="the interpreter of an environment with litellm[proxy]")
    options.add_argument("--model-port", type=int, default=0, help=argparse.SUPPRESS)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    if chosen.model_port:
        asyncio.run(model(chosen.model_port))
        return
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder, port = Path(temporary), free_port()
        with started([sys.executable, __file__, "--model-port", str(port)], {}, folder / "model.log") as steady:
            asyncio.run(until_ready(port, "/v1/models", steady, folder / "model.log"))
            for database in filter(None, ("" if chosen.no_sqlite else "sqlite", chosen.postgres)):
                for processes in chosen.processes:
                    kind = database.partition(":")[0].partition("+")[0]
                    name = f"{kind}, {processes} process{'es' if processes > 1 else ''}"
                    home = folder / name.replace(", ", "-").replace(" ", "")
                    home.mkdir()
                    with database_beside(database) as own:
                        found[name] = measure(home, port, processes, own, chosen)
            if chosen.litellm:
                try:
                    found["LiteLLM with Presidio"] = peer(chosen.litellm, folder, port, chosen)
                except SystemExit as failed:  # the peer's trouble shall not cost our own figures
                    errors.print(str(failed))
    if chosen.json:
        print(json.dumps(found))
    else:
        show(found)


if __name__ == "__main__":
    main()
