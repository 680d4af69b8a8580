"""`countersign serve`: the service alone."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.shared import settings


@click.command()
@click.option("--host", default=None, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Port to listen on.")
@click.option("--light", is_flag=True, help="Use the small chat model.")
@click.option("--demo", is_flag=True, help="Serve the demo page at /.")
@click.option("--connectors", "connectors_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def serve(host: str | None, port: int | None, light: bool, demo: bool, connectors_file: Path | None) -> None:
    """Runs the service until it is stopped. /readyz tells when the models are warm.

    \b
    countersign serve
    countersign serve --light --port 9000
    """
    found = settings(host=host, port=port, light=light or None, demo=demo or None, connectors_file=connectors_file)
    from inference.store.model_store import ModelStore

    store = ModelStore(found.models_dir)
    for name in found.local_models:
        store.path(name)
    from app.serving.server import Server
    from app.wiring.deployment import check

    check(found)
    Server(found).run()
