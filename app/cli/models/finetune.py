"""`countersign models finetune`: an adapter for the chat model from the firm's own conversations."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from app.cli.shared import console, plain, put, settings


@click.command()
@click.option(
    "--model",
    default=None,
    help="A chat model of the manifest, a GGUF file or a model's folder; default: the configured one.",
)
@click.option(
    "--data",
    "rows",
    required=True,
    type=click.Path(path_type=Path),
    help="JSON lines: conversations, or questions with answers.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the adapter; must not be there yet.")
@click.option("--rank", type=click.IntRange(1, 256), default=8, show_default=True, help="Of the adapter's matrices.")
@click.option(
    "--alpha",
    type=click.FloatRange(0.001, 10_000),
    default=16.0,
    show_default=True,
    help="The adapter is scaled by alpha / rank.",
)
@click.option("--epochs", type=click.IntRange(1, 1000), default=3, show_default=True, help="How often each row is seen.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Steps, instead of epochs.")
@click.option("--batch", type=click.IntRange(1, 1024), default=8, show_default=True, help="Answers of a step.")
@click.option("--learning-rate", type=click.FloatRange(1e-8, 1), default=2e-4, show_default=True, help="The highest.")
@click.option(
    "--length", type=click.IntRange(8), default=512, show_default=True, help="Tokens of an answer with its prompt, at most."
)
@click.option("--skip-long", is_flag=True, help="Leave longer ones out, instead of refusing them.")
@click.option(
    "--held-out",
    type=click.FloatRange(0, 0.9),
    default=0.1,
    show_default=True,
    help="Share of the rows to measure on, never to learn from.",
)
@click.option(
    "--save-every",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Steps from one checkpoint, and one measurement, to the next.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63), default=0, show_default=True, help="The same seed gives the same adapter."
)
@click.option("--resume", is_flag=True, help="Go on with a run that was interrupted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document at the end, on standard output.")
def finetune(
    model: str | None,
    rows: Path,
    out: Path,
    rank: int,
    alpha: float,
    epochs: int,
    steps: int | None,
    batch: int,
    learning_rate: float,
    length: int,
    skip_long: bool,
    held_out: float,
    save_every: int,
    seed: int,
    resume: bool,
    as_json: bool,
) -> None:
    """Trains a LoRA adapter on conversations, or on questions with answers; only the answers are learnt.

    Rows are {"messages": [{"role": …, "content": …}, …]} or {"question": …, "answer": …}. Redact them first
    (`models redact`): what a model has learnt cannot be erased from it. See docs/models.md.

    \b
    countersign models finetune --model smollm2-135m-instruct --data answers.jsonl --out our-tone
    countersign models finetune --model smollm2-135m-instruct --data answers.jsonl --out our-tone --resume
    """
    found = settings(**({} if model is None else {"light": False}))
    from inference.errors import TrainingStopped
    from inference.finetune.plan import Base, Plan
    from inference.finetune.training import check_packages
    from inference.finetune.training import finetune as train
    from inference.store.model_store import ModelStore

    check_packages()
    plan = Plan(
        rank=rank,
        alpha=alpha,
        epochs=epochs,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        length=length,
        leave_out=skip_long,
        held_out=held_out,
        save_every=save_every,
        seed=seed,
    )
    store = ModelStore(found.models_dir)
    named = model or found.chat
    if model is None and found.chat_files is not None:
        base = Base.of_path(found.chat_files)
    elif model is not None and named not in store.manifest and ("/" in named or Path(named).exists()):
        base = Base.of_path(Path(named))
    else:
        path = store.path(named)
        base = Base.of_manifest(store.manifest[named], path)
    with _shown() as tell, stopping() as stop:
        try:
            outcome = train(base, rows, out, plan, tell, resume=resume, cache_dir=store.root / "compiled", stop=stop)
        except TrainingStopped as stopped:
            tell.line(str(stopped))
            raise click.exceptions.Exit(130) from stopped
    if as_json:
        put(outcome.document())
        return
    console().print(
        f"[green]{plain(str(outcome.adapter))}[/] after {outcome.steps} steps: loss per token {outcome.before:.3f} before, "
        f"{outcome.after:.3f} after. Use it: COUNTERSIGN_CHAT_ADAPTER={plain(str(outcome.adapter))}"
    )


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Set by Ctrl-C or SIGTERM, so that a step and a checkpoint are never cut in two; a second one ends at once."""
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Bar:
    """Tells a run on standard error: lines, and a bar with the loss and the time that is left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._held_out: float | None = None
        self._task: TaskID | None = None

    def line(self, text: str) -> None:
        self._progress.console.print(plain(text))

    def step(self, done: int, total: int, loss: float | None, held_out: float | None) -> None:
        self._held_out = self._held_out if held_out is None else held_out
        parts = [] if loss is None else [f"loss {loss:.3f}"]
        parts += [] if self._held_out is None else [f"held out {self._held_out:.3f}"]
        if self._task is None:
            self._task = self._progress.add_task("training", total=total, loss="")
        self._progress.update(self._task, completed=done, loss=", ".join(parts))


@contextmanager
def _shown() -> Iterator[_Bar]:
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console()) as progress:
        yield _Bar(progress)
