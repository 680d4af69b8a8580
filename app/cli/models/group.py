"""`countersign models`: what the manifest names, what is here, and fetching the rest."""

from __future__ import annotations

import click
from rich.table import Table

from app.cli.lazy import Lazy
from app.cli.shared import console, progress, settings

_COMMANDS = {
    "finetune": ("app.cli.models.finetune", "Trains an adapter on the firm's own questions and answers."),
    "redact": ("app.cli.models.redact", "Replaces personal data in the rows that an adapter is to learn from."),
}


@click.group(cls=Lazy, lazy=_COMMANDS)
def models() -> None:
    """The models that this installation uses: list, fetch, check, and adapt to the firm's own answers.

    \b
    countersign models list
    countersign models pull smollm2-135m-instruct
    countersign models verify
    countersign models finetune --data answers.jsonl --out our-tone
    """


@models.command("list")
def list_models() -> None:
    """Every model of the manifest, and whether it is here.

    \b
    countersign models list
    """
    from inference.store.model_store import ModelStore

    store = ModelStore(settings().models_dir)
    table = Table("model", "kind", "here", "size", "licence", "use")
    for name, spec in store.manifest.items():
        size = sum(file.size for file in spec.files)
        table.add_row(name, spec.kind, store.state(name), f"{size / 1e6:,.0f} MB", spec.licence, spec.use)
    console().print(table)


@models.command()
@click.argument("names", nargs=-1)
@click.option("--light", is_flag=True, help="What the small configuration needs.")
def pull(names: tuple[str, ...], light: bool) -> None:
    """Fetches models, checks every digest, and never fetches anything twice. Without names: what the settings need.

    \b
    countersign models pull
    countersign models pull --light
    """
    from inference.store.model_store import ModelStore

    found = settings(light=True if light else None)
    store = ModelStore(found.models_dir)
    wanted = names or found.local_models
    missing = [name for name in wanted if name not in store.manifest or store.state(name) != "present"]
    if not missing:
        console().print(f"here already: {', '.join(wanted)}")
        return
    with progress(size=True) as bar:
        store.pull(missing, bar)


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Reads every byte of the models that are here and compares the digests.

    \b
    countersign models verify
    countersign models verify smollm2-135m-instruct
    """
    from inference.store.model_store import ModelStore

    store = ModelStore(settings().models_dir)
    for name in names or [n for n in store.manifest if store.state(n) == "present"]:
        store.verify(name)
        console().print(f"[green]as published[/green]  {name}")
