"""What the tests of fine-tuning share: a few rows, a plan for the tiny Qwen3, and somebody to tell."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from inference.finetune.plan import Base, Outcome, Plan
from inference.finetune.training import finetune
from inference.weights.checkpoint import open_checkpoint
from tests.inference import tiny_models

PAIRS = (
    ("What is a bond?", "A loan that can be sold."),
    ("What is a share?", "A part of a firm."),
    ("What is a fund?", "Money of many in one purse."),
    ("What is a yield?", "What it earns in a year."),
)
PLAN = Plan(rank=4, alpha=8.0, steps=24, batch=4, learning_rate=0.02, length=64, held_out=0.0, save_every=8)


class Told:
    """Remembers what a run told; at a step it may ask the run to stop, or end it as a crash does."""

    def __init__(self, stop_at: int | None = None, crash_at: int | None = None) -> None:
        self.lines: list[str] = []
        self.steps: list[int] = []
        self.stop = threading.Event()
        self._stop_at, self._crash_at = stop_at, crash_at

    def line(self, text: str) -> None:
        self.lines.append(text)

    def step(self, done: int, total: int, loss: float | None, held_out: float | None) -> None:
        self.steps.append(done)
        if self._stop_at is not None and done + 1 >= self._stop_at:
            self.stop.set()
        if done == self._crash_at:
            raise OSError("the power failed")


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def pairs(place: Path) -> Path:
    return write_rows(place / "rows.jsonl", [{"question": question, "answer": answer} for question, answer in PAIRS])


def trained(place: Path, name: str, plan: Plan = PLAN, *, told: Told | None = None, **options: Any) -> Outcome:
    """On the tiny Qwen3 of `place`."""
    folder = place / "qwen3"
    if not folder.exists():
        tiny_models.folder("qwen3", place)
    rows, told = options.pop("rows", None) or pairs(place), told or Told()
    options |= {"cache_dir": place / "cache", "stop": told.stop}
    return finetune(Base.of_path(folder), rows, place / name, plan, told, **options)


def weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    return dict(load_file(folder / "adapter_model.safetensors"))


def opened(family: str, place: Path) -> Any:
    folder = place / family
    return open_checkpoint(
        folder if folder.exists() else tiny_models.folder(family, place), "tiny", cache_dir=None, precision="float32"
    )
