"""The adapter while it is trained: two small matrices beside every matrix of the frozen transformer.

y = W x + (alpha / rank) * B (A x). B begins at zero, so that the first step starts from the model as it is. Of the
transformer itself nothing is changed and no gradient is taken.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.devices.mesh import Grid
from inference.finetune.plan import Base, Plan
from inference.models.transformer import Layer, Linear
from inference.weights.huggingface import file_name_of

Factors = dict[str, dict[str, Any]]
"""By the matrix's name in a layer ("q"): A, float32[layers, rank, in], and B, float32[layers, out, rank]."""

FUSED = {"attention.qkv": ("q", "k", "v"), "attention.out": ("out",), "feed_forward.gate_up": ("gate", "up"),
         "feed_forward.down": ("down",)}  # fmt: skip
"""Where a layer keeps which matrices, one under the other."""

MATRIX = "matrix"
"""The name under which the way back finds what a matrix gave."""


def fresh(architecture: Architecture, rank: int, seed: int) -> Factors:
    """A even between plus and minus the root of 1 / in, as PEFT draws it, B zero. Each kind is drawn by its own name."""
    found: Factors = {}
    for name, (rows, columns) in architecture.matrices.items():
        number = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big")
        reach = columns**-0.5
        a = np.random.Generator(np.random.Philox(number)).uniform(-reach, reach, (architecture.layers, rank, columns))
        b = np.zeros((architecture.layers, rows, rank), np.float32)
        found[name] = {"A": a.astype(np.float32), "B": b}
    return found


class Adapted(nnx.Module):
    """A frozen matrix, or several one under the other, with the factors of each."""

    def __init__(self, base: Linear, factors: Sequence[Mapping[str, jax.Array]], scale: float, grid: Grid) -> None:
        self.base = base
        self.factors = nnx.data([dict(pair) for pair in factors])
        self.scale = scale
        self.grid = grid

    def __call__(self, x: jax.Array) -> jax.Array:
        added = [(x @ pair["A"].T) @ pair["B"].T for pair in self.factors]
        found: jax.Array = checkpoint_name(self.base(x) + self.scale * self.grid.join(added), MATRIX)  # type: ignore[no-untyped-call]
        return found


def attach(layer: Layer, factors: Factors, scale: float, grid: Grid) -> Layer:
    """The same layer with its factors in it; these are of one layer, A float32[rank, in]."""
    for place, names in FUSED.items():
        part, matrix = place.split(".")
        block = getattr(layer, part)
        setattr(block, matrix, Adapted(getattr(block, matrix), [factors[name] for name in names], scale, grid))
    return layer


def write_adapter(folder: Path, factors: Factors, architecture: Architecture, plan: Plan, base: Base) -> None:
    """In PEFT's layout: adapter_config.json and adapter_model.safetensors. `base`: the model that it was trained on."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray[np.float32]] = {}
    targets = set()
    for matrix, pair in factors.items():
        for layer in range(architecture.layers):
            module = file_name_of(f"layers.{layer}.{matrix}", architecture).removesuffix(".weight")
            targets.add(module.rpartition(".")[2])
            for half in "AB":
                one = np.array(pair[half][layer], np.float32)
                tensors[f"base_model.model.model.{module}.lora_{half}.weight"] = one
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    config = {
        "base_model_digest": base.digest,
        "base_model_name_or_path": base.published,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": plan.alpha,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": plan.rank,
        "target_modules": sorted(targets),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
