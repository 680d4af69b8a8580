"""A LoRA adapter (arXiv:2106.09685) in PEFT's layout: adapter_config.json and adapter_model.safetensors.

It is added to the weights before they are quantised: W + scale * B A. So an answer costs what it costs without one. What an
adapter asks for and is not done here is refused, and so is an adapter that was trained on another model.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from inference.architecture import Architecture
from inference.errors import AdapterUnfit, ModelUnsupported
from inference.weights.huggingface import name_of, read_json
from inference.weights.tensors import Source, Tensor

_KEY = re.compile(r"base_model\.model\.(?:.*\.)?(layers\.\d+\..+)\.lora_([AB])(?:\.\w+)?\.weight")

_NOT_DONE = (
    "use_dora", "use_qalora", "use_bdlora", "lora_bias", "modules_to_save", "rank_pattern", "alpha_pattern",
    "fan_in_fan_out", "trainable_token_indices", "target_parameters", "layer_replication", "alora_invocation_tokens",
    "kasa_config",
)  # fmt: skip
_CHANGES_BASE = ("pissa", "olora", "loftq", "corda", "lora_ga")


class Merged(Tensor):
    """A matrix and what the adapter adds to it; quantised anew, to Q8_0."""

    def __init__(self, base: Tensor, a: NDArray[np.float32], b: NDArray[np.float32]) -> None:
        self._base, self._a, self._b = base, a, b
        self.shape = base.shape

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        return self._base.rows(start, stop) + self._b[start:stop] @ self._a


class Adapter:
    """`digest` is the SHA-256 of its two files' digests. Immutable."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder = folder
        self._config = config
        self._scale = self._read_scale()
        self.digest = _digest(folder)

    @classmethod
    def read(cls, folder: Path, base_digest: str, base_names: Sequence[str]) -> Adapter:
        """base_names: what the base model is called; an adapter names the one that it was trained on.

        Raises `AdapterUnfit` where the adapter is of another base or of another kind, `ModelMissing` where it is not there.
        """
        config = read_json(folder / "adapter_config.json")
        if not (folder / "adapter_model.safetensors").exists():
            raise AdapterUnfit(f"{folder} has no adapter_model.safetensors; copy the adapter's whole folder")
        trained_on = config.get("base_model_digest")
        if trained_on and trained_on != base_digest:
            raise AdapterUnfit(f"adapter {folder} was trained on weights {trained_on[:16]}…, these are {base_digest[:16]}…")
        named = str(config.get("base_model_name_or_path") or "")
        if not trained_on and named and not any(_plain(named) == _plain(name) for name in base_names):
            raise AdapterUnfit(
                f"adapter {folder} was trained on {named!r}, the model is {base_names[0]!r}; choose its own base model, or "
                "correct base_model_name_or_path in adapter_config.json"
            )
        return cls(folder, config)

    def onto(self, source: Source) -> Source:
        """The source with the adapter's matrices added to its own. Raises `AdapterUnfit` where they do not fit."""
        tensors = dict(source.tensors)
        with safe_open(self.folder / "adapter_model.safetensors", "np") as file:
            parts: dict[str, dict[str, NDArray[np.float32]]] = {}
            for key in sorted(file.keys()):
                name, half = self._target(key, source.architecture)
                parts.setdefault(name, {})[half] = file.get_tensor(key).astype(np.float32)
        for name, pair in parts.items():
            if name not in tensors or pair.keys() != {"A", "B"}:
                raise AdapterUnfit(f"adapter {self.folder} changes {name!r}, which the model does not have, or half of it")
            a, b = pair["A"], pair["B"] * np.float32(self._scale)
            if (b.shape[0], a.shape[1]) != tensors[name].shape or a.shape[0] != b.shape[1]:
                raise AdapterUnfit(
                    f"adapter {self.folder} is for another base model: its {name!r} is {[b.shape[0], a.shape[1]]}, the "
                    f"model's is {list(tensors[name].shape)}"
                )
            tensors[name] = Merged(tensors[name], a, b)
        return replace(source, tensors=tensors)

    def _target(self, key: str, architecture: Architecture) -> tuple[str, str]:
        """The model's name of the matrix, and which factor it is: A or B."""
        found = _KEY.fullmatch(key)
        try:
            if found is not None:
                return name_of(f"{found[1]}.weight", architecture), found[2]
        except ModelUnsupported:
            pass
        raise AdapterUnfit(
            f"adapter {self.folder} changes {key!r}; only matrices of attention and feed-forward can be changed"
        )

    def _read_scale(self) -> float:
        config = self._config
        asked = [name for name in _NOT_DONE if config.get(name)]
        asked += [f"bias {config['bias']!r}"] if config.get("bias", "none") != "none" else []
        if config.get("init_lora_weights") in _CHANGES_BASE:
            asked.append(f"init_lora_weights {config['init_lora_weights']!r}")
        if config.get("peft_type") != "LORA" or asked:
            asked = asked or [f"kind {config.get('peft_type')!r}"]
            raise AdapterUnfit(
                f"adapter {self.folder} with {', '.join(asked)} is not implemented; train a plain LoRA adapter"
            )
        rank = int(config["r"])
        return float(config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank))


def combined_digest(base: str, adapter: str) -> str:
    """What names a model with an adapter: SHA-256 of the two hexadecimal digests with a line end behind each."""
    return hashlib.sha256(f"{base}\n{adapter}\n".encode()).hexdigest()


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        with (folder / name).open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").hexdigest().encode() + b"\n")
    return whole.hexdigest()


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]", "", Path(name).name.lower())
