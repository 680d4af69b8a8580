"""`countersign engine`: the on-prem model as a process of its own."""

from __future__ import annotations

import ipaddress
import re

import click

from app.cli.shared import console, settings


@click.group()
def engine() -> None:
    """The on-prem model as a process of its own, for services on this machine or on others.

    \b
    countersign engine serve --port 8090
    """


def _mesh(context: click.Context, option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", value)
    if not found:
        raise click.BadParameter(f"{value!r} is not of the form 2x4: places along data, times places along model")
    return int(found[1]), int(found[2])


def _address(context: click.Context, option: click.Parameter, value: str | None) -> str:
    if value and not re.fullmatch(r"\S+:[1-9]\d{0,4}", value):
        raise click.BadParameter(f"{value!r} is not of the form host:port")
    return value or ""


@engine.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=8090, show_default=True, help="Port to listen on.")
@click.option("--model", default=None, help="A chat model of the manifest; default: the configured one.")
@click.option("--light", is_flag=True, help="The small model.")
@click.option("--context", type=click.IntRange(512), default=None, help="Tokens of prompt and answer together.")
@click.option(
    "--slots", type=click.IntRange(1, 64), default=None, help="Answers in progress; default: as many as a step takes."
)
@click.option(
    "--waiting", type=click.IntRange(1, 400), default=64, show_default=True, help="Requests that may wait; more get 429."
)
@click.option("--memory-mb", type=click.IntRange(16), default=None, help="Memory of the KV cache.")
@click.option(
    "--drain-s", type=click.FloatRange(0, 3600), default=30.0, show_default=True, help="For answers in progress at the end."
)
@click.option(
    "--one-caller", is_flag=True, help="Requests without a scope are one trusted caller's: their prompts share beginnings."
)
@click.option("--mesh", callback=_mesh, default=None, help="Split the model over devices, as 2x4: data times model.")
@click.option(
    "--processes", type=click.IntRange(1, 1024), default=1, show_default=True, help="Of this engine, on all hosts."
)
@click.option("--join", callback=_address, default=None, help="host:port of this first process, where the others join it.")
def serve(
    host: str,
    port: int,
    model: str | None,
    light: bool,
    context: int | None,
    slots: int | None,
    waiting: int,
    memory_mb: int | None,
    drain_s: float,
    one_caller: bool,
    mesh: tuple[int, int] | None,
    processes: int,
    join: str,
) -> None:
    """Serves one model to clients of the OpenAI API until it is stopped. /readyz tells when it is warm.

    COUNTERSIGN_ENGINE_KEY is the key that clients must send, if it is set. SIGTERM lets answers in progress end. One model
    over several processes: this is the first of them, the others are `countersign engine follow`.

    \b
    countersign engine serve
    countersign engine serve --light --port 8091 --slots 4
    countersign engine serve --mesh 2x4 --processes 2 --join 10.0.0.5:8470
    """
    if processes > 1 and not (join and mesh):
        raise click.UsageError("--processes needs --join, where they meet, and --mesh, how the model is split")
    chosen = False if model else light or None
    found = settings(host=host, port=port, chat_model=model, light=chosen, context=context)
    from inference.store.model_store import ModelStore

    if found.chat_files is None:
        ModelStore(found.models_dir).path(found.chat)
    if not found.engine_secret and not _is_local(host):
        console().print(f"[yellow]anybody who reaches {host}:{port} may use this engine[/]; set COUNTERSIGN_ENGINE_KEY")
    from app.engine_server.lifecycle import Terms
    from app.engine_server.server import EngineServer

    EngineServer(found, Terms(slots or 0, waiting, memory_mb or 0, one_caller, drain_s, mesh, processes, join)).run()


@engine.command()
@click.option("--join", callback=_address, required=True, help="host:port, as the first process has it.")
@click.option("--processes", type=click.IntRange(2, 1024), required=True, help="Of the engine, on all hosts.")
@click.option("--process", type=click.IntRange(1, 1023), required=True, help="Which of them this is, from 1.")
@click.option("--mesh", callback=_mesh, required=True, help="As the first process has it.")
@click.option("--model", default=None, help="A chat model of the manifest; default: the configured one.")
@click.option("--light", is_flag=True, help="The small model.")
@click.option("--context", type=click.IntRange(512), default=None, help="As the first process has it.")
@click.option("--memory-mb", type=click.IntRange(16), default=None, help="As the first process has it.")
def follow(
    join: str,
    processes: int,
    process: int,
    mesh: tuple[int, int],
    model: str | None,
    light: bool,
    context: int | None,
    memory_mb: int | None,
) -> None:
    """One of several processes of an engine, but not the first: it computes its share and listens to no client.

    Model and settings are those of the first process, which says so where they are not. It ends when the first one does.

    \b
    countersign engine follow --mesh 2x4 --processes 2 --process 1 --join 10.0.0.5:8470
    """
    found = settings(chat_model=model, light=False if model else light or None, context=context)
    from app.wiring.chat_model import follow_chat
    from inference.devices.hosts import join_hosts, next_port
    from inference.store.model_store import ModelStore

    store = ModelStore(found.models_dir)
    if found.chat_files is None:
        store.path(found.chat)
    join_hosts(join, processes, process)
    more = {"memory": memory_mb << 20} if memory_mb else {}
    follow_chat(found, store, mesh=mesh, crew=next_port(join), **more)


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
