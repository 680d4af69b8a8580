"""A run from rows to an adapter. The same plan, rows and model give the same adapter, interrupted or not.

What decides the order of the examples is the seed and the step's number alone, so that a run that is resumed from a
checkpoint sees what it would have seen.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.devices.compilation import keep_compiled
from inference.devices.hosts import anywhere, same_everywhere
from inference.devices.mesh import ALONE, Grid, make_grid
from inference.errors import TrainingRefused, TrainingStopped
from inference.finetune.curve import Point, draw, write_points
from inference.finetune.examples import Course, Encoder, Example, encode_rows, in_order
from inference.finetune.factors import Factors, fresh, write_adapter
from inference.finetune.plan import Base, Outcome, Plan, Tell
from inference.finetune.rows import held_apart, read_rows
from inference.store.model_store import file_digest
from inference.weights.checkpoint import Checkpoint, open_checkpoint

if TYPE_CHECKING:
    from inference.finetune.record import Run
    from inference.finetune.steps import Trainer


def finetune(
    base: Base,
    rows: Path,
    out: Path,
    plan: Plan,
    tell: Tell,
    *,
    resume: bool = False,
    cache_dir: Path | None = None,
    mesh: tuple[int, int] | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train an adapter and put it into the folder `out`, in PEFT's layout.

    rows: see `inference.finetune.rows`. cache_dir: where the weights in float32 and the compiled programs are kept.
    mesh: places along `data`, which share a batch's examples, and `model` (see `inference.devices.mesh`).

    Raises `RowsUnfit` naming every line that cannot be used, `TrainingRefused` where something else stands against it (the
    folder, the memory, a run that was begun otherwise), `ModelUnsupported`. Nothing has been written then. Setting `stop`
    ends the run behind the step that it is at, with a checkpoint: `TrainingStopped`. `resume` goes on from the last one.
    """
    check_packages()
    from inference.finetune.record import Run, look
    from inference.finetune.steps import Trainer, as_numpy

    look(out, resume=resume)
    read = read_rows(rows)
    keep_compiled(cache_dir)
    grid = ALONE if mesh is None else make_grid(*mesh)
    checkpoint = _open(base, plan, grid, cache_dir, tell)
    encoder = Encoder(checkpoint.vocabulary)
    shown, apart = held_apart(read, plan.held_out, plan.seed)
    trained, first = encode_rows(shown, encoder, rows, plan.length, leave_out=plan.leave_out)
    tested, second = encode_rows(apart, encoder, rows, plan.length, leave_out=plan.leave_out)
    if not trained:
        raise TrainingRefused(f"no answer of {rows} fits into {plan.length} tokens with its prompt; raise the length")
    tell.line(
        f"{len(trained)} answers to learn from, {len(tested)} held out"
        + (f", {first + second} left out as longer than {plan.length} tokens" if first + second else "")
    )
    course = Course(trained, plan.batch, plan.length, plan.seed)
    total = plan.steps or plan.epochs * course.steps_per_epoch
    trainer = Trainer(checkpoint.architecture, checkpoint.arrays, plan, total, grid)
    begun = {"model": base.digest, "rows": file_digest(rows), **asdict(plan)}
    if not same_everywhere(json.dumps(begun)):
        raise TrainingRefused("the processes of this run were not given the same model, rows and settings; start them alike")
    run = Run(out, begun, plan.save_every, resume=resume)
    started = time.monotonic()
    try:
        begin = trainer.begin(fresh(checkpoint.architecture, plan.rank, plan.seed))
        factors = _train(run, trainer, begin, course, tested, total, tell, stop or threading.Event())
        seconds = time.monotonic() - started
        before, after = _ends(run.points)
        drawn: list[bool] = []

        def write(folder: Path) -> None:
            write_adapter(folder, as_numpy(factors), checkpoint.architecture, plan, base)
            told = {"base": base.published, **begun, "answers": len(trained), "held_out_answers": len(tested)}
            told |= {"steps_made": total, "loss_before": before, "loss_after": after}
            (folder / "training.json").write_text(json.dumps(told, indent=2) + "\n")
            write_points(folder / "loss.csv", run.points)
            drawn.append(draw(folder / "loss.png", run.points))

        run.finish(write)
    except BaseException:
        run.close()
        raise
    if drawn == [False]:
        tell.line("no loss.png: matplotlib is not installed; install Countersign with the extra 'plots'")
    return Outcome(out, total, before, after, seconds)


def check_packages() -> None:
    """Raises `TrainingRefused` where the extra is not installed."""
    try:
        import optax  # noqa: F401
        import orbax.checkpoint  # noqa: F401
    except ImportError as error:
        raise TrainingRefused(
            f"fine-tuning needs optax and Orbax ({error}); install Countersign with the extra 'finetune'"
        ) from error


def _open(base: Base, plan: Plan, grid: Grid, cache_dir: Path | None, tell: Tell) -> Checkpoint:
    """The model in float32, after what it needs is known to be there."""
    from inference.finetune.memory import check_memory

    tell.line(f"reading {base.name} …")
    tell.line(check_memory(base.path, plan, grid))
    checkpoint = open_checkpoint(base.path, base.digest, cache_dir=cache_dir, precision="float32")
    if plan.length > checkpoint.architecture.context:
        raise TrainingRefused(
            f"the length is {plan.length} tokens, and {base.name} has a context of {checkpoint.architecture.context}; "
            "take a smaller length"
        )
    return checkpoint


def _train(
    run: Run,
    trainer: Trainer,
    begin: tuple[Factors, Any],
    course: Course,
    tested: Sequence[Example],
    total: int,
    tell: Tell,
    stop: threading.Event,
) -> Factors:
    """The factors after the last step."""

    def measured(factors: Factors) -> float | None:
        if not tested:
            return None
        found = [trainer.losses(factors, batch) for batch in in_order(tested, course.size, course.length)]
        return sum(loss for loss, _ in found) / sum(count for _, count in found)

    step, state = run.last(begin)
    factors: Factors
    factors, moments = trainer.place(state)
    if not run.points:
        run.points.append(Point(0, None, measured(factors)))
    tell.step(step, total, None, run.points[-1].held_out)
    while step < total:
        changed, loss = trainer.step(factors, moments, course.batch(step))
        if not math.isfinite(loss):
            raise TrainingRefused(f"the loss is no number at step {step + 1}; begin anew with a lower learning rate")
        due = (step + 1) % run.every == 0 or step + 1 == total
        held_out = measured(changed[0]) if due else None
        run.points.append(Point(step + 1, loss, held_out, float(trainer.rate(step))))
        step, (factors, moments) = step + 1, changed
        stopped = anywhere(stop.is_set()) and step < total
        if due or stopped:
            run.save(step, (factors, moments))
        tell.step(step, total, loss, held_out)
        if stopped:
            raise TrainingStopped(f"stopped after step {step} of {total}; {run.folder} is kept: resume the run from it")
    return factors


def _ends(points: Sequence[Point]) -> tuple[float, float]:
    """The loss before and after: on the held-out answers, or of the first and the last step where none are held out."""
    apart = [point.held_out for point in points if point.held_out is not None]
    found = apart or [point.loss for point in points if point.loss is not None]
    return found[0], found[-1]
