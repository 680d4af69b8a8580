"""A folder in Hugging Face's layout: config.json, tokenizer.json, model*.safetensors (bfloat16, float16 or float32)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open

from inference.architecture import Architecture, read_config
from inference.errors import ModelMissing, ModelUnsupported
from inference.text.huggingface_vocabulary import read_tokenizer
from inference.weights.tensors import Source, Stored, Tensor, model_name

_OUTSIDE = {"embed_tokens.weight": "embedding", "norm.weight": "norm"}
_IN_LAYER = {
    "input_layernorm.weight": "attention_norm",
    "self_attn.q_proj.weight": "q",
    "self_attn.k_proj.weight": "k",
    "self_attn.v_proj.weight": "v",
    "self_attn.q_proj.bias": "q.bias",
    "self_attn.k_proj.bias": "k.bias",
    "self_attn.v_proj.bias": "v.bias",
    "self_attn.q_norm.weight": "query_norm",
    "self_attn.k_norm.weight": "key_norm",
    "self_attn.o_proj.weight": "out",
    "post_attention_layernorm.weight": "feed_forward_norm",
    "mlp.gate_proj.weight": "gate",
    "mlp.up_proj.weight": "up",
    "mlp.down_proj.weight": "down",
}
_IN_GEMMA_LAYER = {
    **_IN_LAYER,
    "post_attention_layernorm.weight": "attention_after",
    "pre_feedforward_layernorm.weight": "feed_forward_norm",
    "post_feedforward_layernorm.weight": "feed_forward_after",
}
_TABLE = "embed_tokens.weight"
_CONSTANT = "rotary_emb.inv_freq"  # older files keep what the configuration says anyway


def read_folder(path: Path) -> Source:
    """Raises `ModelMissing` where a file is not there, `ModelUnsupported` where the engine cannot run the model."""
    config = read_json(path / "config.json")
    architecture = read_config(config)
    stored = _open_all(path)
    prefix = next((name.removesuffix(_TABLE) for name in stored if name.endswith(f"model.{_TABLE}")), None)
    if prefix is None:
        raise ModelUnsupported(f"{path}: its safetensors have no {_TABLE}; the folder does not hold a whole chat model")
    tied = config.get("tie_word_embeddings", architecture.family == "gemma3")
    tensors: dict[str, Tensor] = {}
    for name, part in stored.items():
        if name.endswith(_CONSTANT):
            continue
        if name.startswith(prefix):
            known = name_of(name.removeprefix(prefix), architecture)
            tensors[known] = Stored(part, 1.0 if architecture.family == "gemma3" and known.endswith(_NORMS) else 0.0)
        elif name.endswith("lm_head.weight") and not tied:
            tensors["head"] = Stored(part)
    return Source(architecture, read_tokenizer(path, tensors["embedding"].shape[0]), tensors)


_NORMS = ("norm", "_after")


def name_of(name: str, architecture: Architecture) -> str:
    """What the model calls a tensor below the decoder. Raises `ModelUnsupported` where no model here has it."""
    known = model_name(name, _OUTSIDE, "layers", _IN_GEMMA_LAYER if architecture.family == "gemma3" else _IN_LAYER)
    if known is None:
        raise ModelUnsupported(f"{architecture.family} with a tensor {name!r} is not implemented; choose another model")
    return known


def file_name_of(name: str, architecture: Architecture) -> str:
    """The reverse of `name_of`, for a tensor of a layer ("layers.0.q"): what the folder's layout calls it."""
    within = _IN_GEMMA_LAYER if architecture.family == "gemma3" else _IN_LAYER
    _, layer, part = name.split(".", 2)
    return f"layers.{layer}.{next(theirs for theirs, ours in within.items() if ours == part)}"


def read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelMissing(
            f"{path} is not there; a model's folder needs config.json, tokenizer.json and safetensors"
        ) from None
    except ValueError as error:
        raise ModelUnsupported(f"{path} is not JSON ({error}); fetch the model's folder again") from error
    return content


def _open_all(path: Path) -> dict[str, Any]:
    """Every tensor's slice, by name."""
    index = path / "model.safetensors.index.json"
    files = sorted({path / name for name in read_json(index)["weight_map"].values()}) if index.exists() else []
    files = files or sorted(path.glob("model*.safetensors"))
    if not files:
        raise ModelMissing(f"{path} has no model.safetensors; copy the whole folder of the model")
    stored: dict[str, Any] = {}
    for file in files:
        if not file.exists():
            raise ModelMissing(f"{file} is not there, and {index.name} names it; copy the whole folder of the model")
        parts: Any = safe_open(file, "np")
        stored |= {name: parts.get_slice(name) for name in parts.keys()}  # noqa: SIM118 (it is no mapping)
    return stored
