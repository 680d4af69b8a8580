"""MPNet (arXiv:2004.09297) with mean pooling and unit length, in Flax NNX: BERT's layers, whose attention also weighs how
far a key lies from its query.

The weights of distances are T5's (arXiv:1910.10683, section 2.1): buckets that grow with the distance, one number a head,
the same in every layer.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from inference import kernels
from inference.models.minilm import Layer, LayerNorm, TiledLayer, Weights, below, pooled

_FIRST_POSITION = 2  # positions are counted from behind the padding token's number, 1, as in RoBERTa
_FURTHEST = 128  # tokens that are so far apart or further share a bucket
_NAMES = {
    "attention.attn.q.": "attention.self.query.",
    "attention.attn.k.": "attention.self.key.",
    "attention.attn.v.": "attention.self.value.",
    "attention.attn.o.": "attention.output.dense.",
    "attention.LayerNorm.": "attention.output.LayerNorm.",
}
"""MPNet's names of what BERT has too, and BERT's."""


class MPNet(nnx.Module):
    """tiled: over the kernels."""

    def __init__(self, weights: Weights, config: dict[str, Any], *, tiled: bool = False) -> None:
        epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
        self.words = nnx.Param(jnp.asarray(weights["embeddings.word_embeddings.weight"]))
        self.positions = nnx.Param(jnp.asarray(weights["embeddings.position_embeddings.weight"][_FIRST_POSITION:]))
        norm = "embeddings.LayerNorm"
        self.norm = LayerNorm(weights[f"{norm}.weight"], weights[f"{norm}.bias"], epsilon)
        table = weights["encoder.relative_attention_bias.weight"]  # [buckets, heads]
        distances = np.arange(-kernels.LONGEST_TEXT, kernels.LONGEST_TEXT)
        self.bias = nnx.Param(jnp.asarray(np.ascontiguousarray(table[buckets(distances, len(table))].T)))
        kind = TiledLayer if tiled else Layer
        self.layers = nnx.List(
            [
                kind(_as_bert(below(weights, f"encoder.layer.{index}.")), heads, epsilon)
                for index in range(config["num_hidden_layers"])
            ]
        )

    def __call__(self, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
        """tokens: int32[batch, length]; lengths: int32[batch], the real tokens. Returns float32[batch, width], unit."""
        x = self.norm(self.words[...][tokens] + self.positions[...][: tokens.shape[1]])
        for layer in self.layers:
            x = layer(x, lengths, self.bias[...])
        return pooled(x, lengths)


def buckets(distances: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The bucket of each distance, which is the key's place less the query's: one half of the buckets for keys behind the
    query. Near keys have one each, the further ones share by the logarithm of their distance."""
    half = count // 2
    exact = half // 2
    far = np.abs(distances)
    grown = np.log(np.maximum(far, 1) / exact) / np.log(_FURTHEST / exact) * (half - exact)
    shared = np.minimum(exact + grown.astype(np.int64), half - 1)
    return np.where(distances > 0, half, 0) + np.where(far < exact, far, shared)


def _as_bert(weights: Weights) -> Weights:
    found = {}
    for name, array in weights.items():
        theirs = next((one for one in _NAMES if name.startswith(one)), "")
        found[_NAMES.get(theirs, "") + name.removeprefix(theirs)] = array
    return found
