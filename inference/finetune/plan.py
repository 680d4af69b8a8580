"""What a run is asked to do, and what it tells while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from inference.errors import TrainingRefused
from inference.store.manifest import ModelSpec
from inference.store.model_store import check_model, model_digest


@dataclass(frozen=True)
class Plan:
    """Everything that decides the result, beside the model and the rows: a run goes on only under the plan it began with.

    rank, alpha: of the adapter; what it adds is scaled by alpha / rank. epochs: how often every row is seen; steps, where
    given, instead of it. batch: answers of a step. learning_rate: the highest; it rises over the first tenth of the steps
    (100 at most) and then falls to a tenth along a cosine. length: tokens of an example, prompt and answer together;
    leave_out: longer ones are left out instead of refused. held_out: share of the rows that are never trained on.
    save_every: steps from one checkpoint, and one measurement on the held-out rows, to the next.
    """

    rank: int = 8
    alpha: float = 16.0
    epochs: int = 3
    steps: int | None = None
    batch: int = 8
    learning_rate: float = 2e-4
    length: int = 512
    leave_out: bool = False
    held_out: float = 0.1
    save_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        bounds: dict[str, tuple[float | None, float, float]] = {
            "rank": (self.rank, 1, 256),
            "alpha": (self.alpha, 1e-3, 1e4),
            "epochs": (self.epochs, 1, 1000),
            "steps": (self.steps, 1, 10_000_000),
            "batch": (self.batch, 1, 1024),
            "learning_rate": (self.learning_rate, 1e-8, 1.0),
            "length": (self.length, 8, 1 << 20),
            "held_out": (self.held_out, 0.0, 0.9),
            "save_every": (self.save_every, 1, 10_000_000),
            "seed": (self.seed, 0, 2**63),
        }
        for name, (value, least, most) in bounds.items():
            if value is not None and not least <= value <= most:
                raise TrainingRefused(f"{name} is {value:g}; it must be from {least:g} to {most:g}")


@dataclass(frozen=True)
class Base:
    """The model that is trained on. `published`: the name by which others find it."""

    name: str
    published: str
    path: Path
    digest: str

    @classmethod
    def of_manifest(cls, spec: ModelSpec, path: Path) -> Base:
        """Raises `ModelDamaged` where a file is not the one that the manifest names."""
        check_model(spec, path)
        return cls(spec.name, spec.names[1], path, spec.digest)

    @classmethod
    def of_path(cls, path: Path) -> Base:
        """A GGUF file or a folder in Hugging Face's layout. Raises `TrainingRefused` where it is not there."""
        if not path.exists():
            raise TrainingRefused(f"{path} is not there; give a model of the manifest, a GGUF file or a model's folder")
        name = path.stem if path.is_file() else path.resolve().name
        return cls(name, name, path, model_digest(path))


class Tell(Protocol):
    """Hears how a run goes on. `line`: one thing worth knowing; `step`: after each step, and once before the first."""

    def line(self, text: str) -> None: ...

    def step(self, done: int, total: int, loss: float | None, held_out: float | None) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """before, after: loss per token on the held-out answers, or of the first and the last step where none are held out."""

    adapter: Path
    steps: int
    before: float
    after: float
    seconds: float

    def document(self) -> dict[str, Any]:
        return {
            "adapter": str(self.adapter),
            "steps": self.steps,
            "loss_before": round(self.before, 4),
            "loss_after": round(self.after, 4),
            "seconds": round(self.seconds, 1),
        }
