"""A GGUF file: its metadata, its tokens, its tensors under the model's names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFReader, ReaderTensor
from numpy.typing import NDArray

from inference.architecture import Architecture, read_architecture
from inference.errors import ModelUnsupported
from inference.text.vocabulary import read_vocabulary
from inference.weights.tensors import Quantised, Source, Tensor, model_name

_OUTSIDE = {"token_embd.weight": "embedding", "output.weight": "head", "output_norm.weight": "norm"}
_IN_LAYER = {
    "attn_norm.weight": "attention_norm",
    "attn_q.weight": "q",
    "attn_k.weight": "k",
    "attn_v.weight": "v",
    "attn_q.bias": "q.bias",
    "attn_k.bias": "k.bias",
    "attn_v.bias": "v.bias",
    "attn_q_norm.weight": "query_norm",
    "attn_k_norm.weight": "key_norm",
    "attn_output.weight": "out",
    "post_attention_norm.weight": "attention_after",
    "ffn_norm.weight": "feed_forward_norm",
    "ffn_gate.weight": "gate",
    "ffn_up.weight": "up",
    "ffn_down.weight": "down",
    "post_ffw_norm.weight": "feed_forward_after",
}
_ROPE_FACTORS = "rope_freqs.weight"


def read_gguf(path: Path) -> Source:
    """Raises `ModelUnsupported` where the engine cannot run what the file holds."""
    reader = GGUFReader(path)
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    stored = {tensor.name: tensor for tensor in reader.tensors}
    factors = tuple(map(float, stored.pop(_ROPE_FACTORS).data)) if _ROPE_FACTORS in stored else ()
    vocabulary = read_vocabulary(metadata)
    architecture = read_architecture(metadata, vocabulary.size, factors)
    tensors: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        tensors[_model_name(name)] = Quantised(tensor, _row_order(architecture, tensor))
    return Source(architecture, vocabulary, tensors)


def _model_name(name: str) -> str:
    known = model_name(name, _OUTSIDE, "blk", _IN_LAYER)
    if known is None:
        raise ModelUnsupported(f"the weights file has a tensor {name!r}, which no model here knows; choose another model")
    return known


def _row_order(architecture: Architecture, tensor: ReaderTensor) -> NDArray[np.int64] | None:
    """Llama's GGUF interleaves the two halves of each rotary pair in q and k; undo that."""
    if architecture.family != "llama" or not (".attn_q." in tensor.name or ".attn_k." in tensor.name):
        return None
    pairs = np.arange(len(tensor.data)).reshape(-1, architecture.head_width // 2, 2)
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(-1)
