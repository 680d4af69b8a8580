"""What kind of transformer a weights file holds.

One description covers Llama and Qwen2: RMS norm, rotary positions on half-split pairs, grouped-query attention, SwiGLU.
They differ in numbers, in the q/k/v bias (Qwen2) and in how the file orders the rotary rows (Llama's GGUF).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inference.errors import ModelUnsupported

SUPPORTED = ("llama", "qwen2")


@dataclass(frozen=True)
class Architecture:
    family: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    feed_forward: int
    vocabulary: int
    context: int
    rope_base: float
    norm_epsilon: float

    @property
    def parameters(self) -> int:
        """Weights in the layers and the embedding, about."""
        attention = 2 * self.width * (self.heads + self.kv_heads) * self.head_width
        return self.layers * (attention + 3 * self.width * self.feed_forward) + self.vocabulary * self.width


def read_architecture(metadata: Mapping[str, Any], vocabulary: int) -> Architecture:
    """From GGUF metadata (key-value names as in the GGUF specification).

    Raises `ModelUnsupported` for another architecture or a variant of it that is not implemented.
    """
    family = str(metadata["general.architecture"])
    if family not in SUPPORTED:
        raise ModelUnsupported(f"architecture {family!r} is not implemented; known: {', '.join(SUPPORTED)}")
    if scaling := metadata.get(f"{family}.rope.scaling.type"):
        raise ModelUnsupported(f"{family} with rotary scaling {scaling!r} is not implemented; use an unscaled model")

    def field(name: str) -> Any:
        return metadata[f"{family}.{name}"]

    width, heads = int(field("embedding_length")), int(field("attention.head_count"))
    return Architecture(
        family=family,
        layers=int(field("block_count")),
        width=width,
        heads=heads,
        kv_heads=int(field("attention.head_count_kv")),
        head_width=width // heads,
        feed_forward=int(field("feed_forward_length")),
        vocabulary=vocabulary,
        context=int(field("context_length")),
        rope_base=float(metadata.get(f"{family}.rope.freq_base", 10000.0)),
        norm_epsilon=float(field("attention.layer_norm_rms_epsilon")),
    )
