"""What kind of transformer a weights file holds, read from its own description.

One description covers Llama, Qwen2, Qwen3 and Gemma 3: RMS norm, rotary positions on half-split pairs, grouped-query
attention, a gated feed-forward. What differs is said by a field here, or by which arrays the file has (a bias of q, k and v,
norms of queries and keys, a second norm behind attention and feed-forward). What is not said here is refused, not guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelUnsupported

SUPPORTED = ("llama", "qwen2", "qwen3", "gemma3")


@dataclass(frozen=True)
class Architecture:
    """`query_size`: queries are divided by its root; 0 stands for the head's width. `rope_factors`: what each frequency of
    the global layers is divided by; none for 1. `window`: positions that a sliding layer sees, its own included; every
    `pattern`-th layer is global. Both are 0 where every layer is global."""

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
    rope_factors: tuple[float, ...] = ()
    query_size: float = 0.0
    activation: Literal["silu", "gelu"] = "silu"
    embedding_scale: float = 1.0
    window: int = 0
    pattern: int = 0
    local_rope_base: float = 0.0

    @property
    def parameters(self) -> int:
        """Weights in the layers and the embedding, about."""
        return self.layers * sum(rows * columns for rows, columns in self.matrices.values()) + self.vocabulary * self.width

    @property
    def matrices(self) -> dict[str, tuple[int, int]]:
        """The matrices of a layer, [out, in]."""
        queries, keys = self.heads * self.head_width, self.kv_heads * self.head_width
        return {
            "q": (queries, self.width),
            "k": (keys, self.width),
            "v": (keys, self.width),
            "out": (self.width, queries),
            "gate": (self.feed_forward, self.width),
            "up": (self.feed_forward, self.width),
            "down": (self.width, self.feed_forward),
        }

    @property
    def query_scale(self) -> float:
        return float((self.query_size or self.head_width) ** -0.5)

    def window_of(self, layer: int) -> int:
        """Positions that the layer sees, its own included; 0 for all."""
        return self.window if self.pattern and (layer + 1) % self.pattern else 0

    def frequencies(self, layer: int) -> NDArray[np.float32]:
        """Radians by which each pair of a head turns from one position to the next, float32[head_width / 2]."""
        half = self.head_width // 2
        local = self.window_of(layer) > 0
        found = (self.local_rope_base if local else self.rope_base) ** (-np.arange(half) / half)
        if self.rope_factors and not local:
            found /= np.asarray(self.rope_factors)
        return found.astype(np.float32)


def read_architecture(metadata: Mapping[str, Any], vocabulary: int, rope_factors: tuple[float, ...] = ()) -> Architecture:
    """From GGUF metadata (key-value names as in the GGUF specification); `rope_factors` are the file's `rope_freqs`.

    Raises `ModelUnsupported` for another architecture or a variant of it that is not implemented.
    """
    family = _known(str(metadata["general.architecture"]))

    def field(name: str, default: Any = None) -> Any:
        return metadata[f"{family}.{name}"] if default is None else metadata.get(f"{family}.{name}", default)

    heads, width = int(field("attention.head_count")), int(field("embedding_length"))
    kv_heads = field("attention.head_count_kv", heads)
    if not isinstance(kv_heads, int | np.integer):
        raise ModelUnsupported(f"{family} with another number of heads in each layer is not implemented")
    for name in ("attn_logit_softcapping", "final_logit_softcapping"):
        if metadata.get(f"{family}.{name}"):
            raise ModelUnsupported(f"{family} with {name} is not implemented; Gemma 3 has none")
    head_width = int(field("attention.key_length", width // heads))
    scaling = field("rope.scaling.type", "none")
    if scaling == "linear":
        rope_factors = (float(field("rope.scaling.factor")),) * (head_width // 2)
    elif scaling not in ("none", "llama3"):
        raise ModelUnsupported(f"{family} with rotary scaling {scaling!r} is not implemented; use an unscaled model")
    common: dict[str, Any] = {
        "family": family,
        "layers": int(field("block_count")),
        "width": width,
        "heads": heads,
        "kv_heads": int(kv_heads),
        "head_width": head_width,
        "feed_forward": int(field("feed_forward_length")),
        "vocabulary": vocabulary,
        "context": int(field("context_length")),
        "rope_base": float(field("rope.freq_base", 1e6 if family == "gemma3" else 10000.0)),
        "norm_epsilon": float(field("attention.layer_norm_rms_epsilon")),
        "rope_factors": rope_factors,
    }
    if family != "gemma3":
        return Architecture(**common)
    scale = metadata.get("gemma3.attention.scale")
    if scale is None and common["layers"] == 62:  # the 27B divides by another number than the others, and no key says so
        scale = (width / heads) ** -0.5
    return Architecture(
        **common,
        **_GEMMA,
        embedding_scale=math.sqrt(width),
        query_size=0.0 if scale is None else float(scale) ** -2,
        window=int(field("attention.sliding_window")),
        pattern=int(field("attention.sliding_window_pattern", 6)),
        local_rope_base=float(field("rope.freq_base_swa", 10000.0)),
    )


_FAMILY_OF = {
    "LlamaForCausalLM": "llama",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
    "Gemma3ForCausalLM": "gemma3",
    "Gemma3ForConditionalGeneration": "gemma3",
}
_GEMMA: dict[str, Any] = {"activation": "gelu"}


def read_config(config: Mapping[str, Any]) -> Architecture:
    """From a Hugging Face `config.json`, of any version of transformers. Of a model that also sees, the text part.

    Raises `ModelUnsupported` for another architecture or a variant of it that is not implemented.
    """
    named = (config.get("architectures") or ["none"])[0]
    family = _known(_FAMILY_OF.get(named, named))
    config = {**config, **config.get("text_config", {})}
    _refuse_variants(family, config)
    heads, width, layers = (config[name] for name in ("num_attention_heads", "hidden_size", "num_hidden_layers"))
    head_width = config.get("head_dim") or width // heads
    rope = config.get("rope_parameters") or {}  # transformers 5; before it the same lay in the config itself
    whole = rope.get("full_attention", rope)
    scaling = config.get("rope_scaling") or whole
    base = whole.get("rope_theta") or config.get("rope_theta") or (1e6 if family == "gemma3" else 10000.0)
    common: dict[str, Any] = {
        "family": family,
        "layers": layers,
        "width": width,
        "heads": heads,
        "kv_heads": config.get("num_key_value_heads") or heads,
        "head_width": head_width,
        "feed_forward": config["intermediate_size"],
        "vocabulary": config["vocab_size"],
        "context": config["max_position_embeddings"],
        "rope_base": float(base),
        "norm_epsilon": float(config["rms_norm_eps"]),
        "rope_factors": _rope_factors(family, scaling, float(base), head_width // 2),
    }
    if family != "gemma3":
        return Architecture(**common)
    local = rope.get("sliding_attention", {}).get("rope_theta") or config.get("rope_local_base_freq") or 10000.0
    return Architecture(
        **common,
        **_GEMMA,
        embedding_scale=math.sqrt(width),
        query_size=float(config.get("query_pre_attn_scalar", head_width)),
        window=config["sliding_window"],
        pattern=_pattern(config, layers),
        local_rope_base=float(local),
    )


def _known(family: str) -> str:
    if family not in SUPPORTED:
        raise ModelUnsupported(f"architecture {family!r} is not implemented; known: {', '.join(SUPPORTED)}")
    return family


def _refuse_variants(family: str, config: Mapping[str, Any]) -> None:
    """What the configuration could ask for and no published model of the family does."""
    activation = config.get("hidden_activation") or config.get("hidden_act")
    expected = "gelu_pytorch_tanh" if family == "gemma3" else "silu"
    asked = [name for name in ("attn_logit_softcapping", "final_logit_softcapping", "mlp_bias") if config.get(name)]
    if config.get("use_sliding_window"):
        asked.append("use_sliding_window")
    if config.get("use_bidirectional_attention"):
        asked.append("use_bidirectional_attention")
    if activation != expected:
        asked.append(f"activation {activation!r}")
    if config.get("quantization_config"):
        asked.append("quantised safetensors")
    if asked:
        raise ModelUnsupported(f"{family} with {', '.join(asked)} is not implemented; use a model without it")


def _pattern(config: Mapping[str, Any], layers: int) -> int:
    """Every which layer is global."""
    kinds = config.get("layer_types")
    pattern = int(config.get("sliding_window_pattern") or config.get("_sliding_window_pattern") or 6)
    if kinds is None:
        return pattern
    found = kinds.index("full_attention") + 1 if "full_attention" in kinds else layers + 1
    if kinds != ["sliding_attention" if (layer + 1) % found else "full_attention" for layer in range(layers)]:
        raise ModelUnsupported("gemma3 whose global layers do not come at equal distances is not implemented")
    return found


def _rope_factors(family: str, scaling: Mapping[str, Any], base: float, half: int) -> tuple[float, ...]:
    """What each frequency is divided by. `llama3`: long waves by the factor, short ones by 1, and between them smoothly."""
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return ()
    if kind == "linear":
        return (float(scaling["factor"]),) * half
    if kind != "llama3":
        raise ModelUnsupported(f"{family} with rotary scaling {kind!r} is not implemented; use an unscaled model")
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    waves = scaling["original_max_position_embeddings"] / (2 * math.pi * base ** (np.arange(half) / half))
    share = np.clip((waves - low) / (high - low), 0.0, 1.0)
    return tuple((1.0 / ((1.0 - share) / scaling["factor"] + share)).tolist())
