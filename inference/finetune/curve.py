"""The losses of a run: loss.csv, and loss.png where matplotlib (the extra `plots`) is installed."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("step", "loss", "held_out_loss", "learning_rate")


@dataclass(frozen=True)
class Point:
    """After `step` steps. loss: of the step's own batch before it; held_out: where it was measured then. Nats per token."""

    step: int
    loss: float | None = None
    held_out: float | None = None
    rate: float | None = None


def write_points(path: Path, points: Sequence[Point]) -> None:
    """Whole or not at all. Numbers are written so that reading gives the same ones again."""
    scratch = path.with_name(f".{path.name}")
    with scratch.open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(FIELDS)
        for point in points:
            rest = (point.loss, point.held_out, point.rate)
            rows.writerow([point.step, *("" if value is None else repr(value) for value in rest)])
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(path)


def read_points(path: Path) -> list[Point]:
    with path.open(newline="") as stream:
        return [
            Point(int(row["step"]), *(float(row[name]) if row[name] else None for name in FIELDS[1:]))
            for row in csv.DictReader(stream)
        ]


def draw(path: Path, points: Sequence[Point]) -> bool:
    """Whether it could be drawn."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), constrained_layout=True)
    trained = [(point.step, point.loss) for point in points if point.loss is not None]
    apart = [(point.step, point.held_out) for point in points if point.held_out is not None]
    axes.plot(*zip(*trained, strict=True), color="#9db4c8", linewidth=1, label="each step's answers")
    if apart:
        axes.plot(*zip(*apart, strict=True), color="#1f4e79", marker="o", markersize=4, label="held-out answers")
    axes.set(xlabel="step", ylabel="loss, nats per token", ylim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
    return True
