"""Tiny models of every family, with random weights that this file makes again from a seed: only what an independent
implementation said about them is kept in golden/models (made by golden/make_models.py). No model library is needed here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).with_name("golden") / "models"
FAMILIES = ("llama", "llama3", "qwen2", "qwen3", "gemma3")


def about(family: str) -> dict[str, Any]:
    """Seed, shapes and texts with their tokens."""
    content: dict[str, Any] = json.loads((GOLDEN / family / "about.json").read_text("utf-8"))
    return content


def weight(seed: int, name: str, shape: tuple[int, ...], *, less_one: bool = False) -> NDArray[np.float32]:
    """The weights of that name, every one a bfloat16 number; less_one: norms lie around 0, as Gemma's do."""
    number = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "big")
    random = np.random.Generator(np.random.Philox(number)).standard_normal(shape)
    if len(shape) == 2:
        values = random * 1.5 * shape[1] ** -0.5
    elif "norm" in name:
        values = random * 0.3 + (0.0 if less_one else 1.0)
    else:
        values = random * 0.5
    bits = values.astype(np.float32).view(np.uint32)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)  # round to nearest, ties to even
    return bits.view(np.float32)


def weights(family: str) -> dict[str, NDArray[np.float32]]:
    known = about(family)
    gemma = family == "gemma3"
    return {name: weight(known["seed"], name, tuple(shape), less_one=gemma) for name, shape in known["shapes"].items()}


def folder(family: str, place: Path) -> Path:
    """The model as a folder in Hugging Face's layout, its weights in bfloat16."""
    import ml_dtypes
    from safetensors.numpy import save_file

    made = place / family
    shutil.copytree(GOLDEN / family, made)
    save_file({n: w.astype(ml_dtypes.bfloat16) for n, w in weights(family).items()}, made / "model.safetensors")
    return made


def adapter(place: Path) -> Path:
    """A LoRA adapter of the tiny Qwen3, in PEFT's layout."""
    from safetensors.numpy import save_file

    made = place / "qwen3-adapter"
    shutil.copytree(GOLDEN / made.name, made)
    save_file(weights(made.name), made / "adapter_model.safetensors")
    return made


def golden(family: str) -> dict[str, NDArray[Any]]:
    """tokens: int32[48]; logits behind the `places` of them; what is said greedily behind all of them, `continued`."""
    return dict(np.load(GOLDEN / family / "golden.npz"))
