"""`countersign engine`: the on-prem model as a process of its own."""

from __future__ import annotations

import ipaddress

import click

from app.cli.shared import console, settings


@click.group()
def engine() -> None:
    """The on-prem model as a process of its own, for services on this machine or on others.

    \b
    countersign engine serve --port 8090
    """


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
) -> None:
    """Serves one model to clients of the OpenAI API until it is stopped. /readyz tells when it is warm.

    COUNTERSIGN_ENGINE_KEY is the key that clients must send, if it is set. SIGTERM lets answers in progress end.

    \b
    countersign engine serve
    countersign engine serve --light --port 8091 --slots 4
    """
    chosen = False if model else light or None
    found = settings(host=host, port=port, chat_model=model, light=chosen, context=context)
    from inference.store import ModelStore

    ModelStore(found.models_dir).path(found.chat)
    if not found.engine_secret and not _is_local(host):
        console().print(f"[yellow]anybody who reaches {host}:{port} may use this engine[/]; set COUNTERSIGN_ENGINE_KEY")
    from app.engine.server import EngineServer
    from app.engine.serving import Terms

    EngineServer(found, Terms(slots or 0, waiting, memory_mb or 0, one_caller, drain_s)).run()


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
