"""BERT (arXiv:1810.04805) with mean pooling and unit length (Sentence-BERT, arXiv:1908.10084), in Flax NNX: once for XLA,
in float32, and once over the engine's kernels, with weights and activations of 8 bits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from inference import kernels
from inference.kernels.tiles import dense_tiles

Weights = dict[str, NDArray[np.float32]]


class Dense(nnx.Module):
    """float32[..., in] to float32[..., out]. The kernel lies as [out, in]: XLA's CPU products are faster that way."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self.kernel = nnx.Param(jnp.asarray(kernel))
        self.bias = nnx.Param(jnp.asarray(bias))

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.einsum("...i,oi->...o", x, self.kernel[...]) + self.bias[...]


class TiledDense(nnx.Module):
    """The same over tiles; see `kernels.dense` for what may be around it."""

    def __init__(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self.tiles = nnx.Param(jnp.asarray(dense_tiles(kernel)))
        self.bias = nnx.Param(jnp.asarray(bias))

    def __call__(self, x: jax.Array, **around: Any) -> jax.Array:
        return kernels.dense(x, self.tiles[...], self.bias[...], **around)


class LayerNorm(nnx.Module):
    def __init__(self, scale: NDArray[np.float32], bias: NDArray[np.float32], epsilon: float) -> None:
        self.scale = nnx.Param(jnp.asarray(scale))
        self.bias = nnx.Param(jnp.asarray(bias))
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        centred = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + self.epsilon) * self.scale[...] + self.bias[...]


class TiledLayerNorm(LayerNorm):
    def __call__(self, x: jax.Array) -> jax.Array:
        return kernels.layer_norm(x, self.scale[...], self.bias[...], epsilon=self.epsilon)


class Layer(nnx.Module):
    """Self-attention and feed-forward, each with its residual and its norm behind it."""

    dense: type[Dense] | type[TiledDense] = Dense
    norm: type[LayerNorm] = LayerNorm

    def __init__(self, weights: Weights, heads: int, epsilon: float) -> None:
        def dense(*names: str) -> Any:
            kernel, bias = ([weights[f"{name}.{kind}"] for name in names] for kind in ("weight", "bias"))
            return self.dense(np.concatenate(kernel), np.concatenate(bias))

        def norm(name: str) -> Any:
            return self.norm(weights[f"{name}.weight"], weights[f"{name}.bias"], epsilon)

        self.heads = heads
        self.qkv = dense("attention.self.query", "attention.self.key", "attention.self.value")
        self.out = dense("attention.output.dense")
        self.attention_norm = norm("attention.output.LayerNorm")
        self.up = dense("intermediate.dense")
        self.down = dense("output.dense")
        self.output_norm = norm("output.LayerNorm")

    def __call__(self, x: jax.Array, lengths: jax.Array, bias: jax.Array | None = None) -> jax.Array:
        """x: float32[batch, length, width]; lengths: int32[batch], the real tokens. bias: see `kernels.text_attention`."""
        batch, length, width = x.shape
        split = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads)
        query, key, value = split[:, :, 0], split[:, :, 1], split[:, :, 2]
        scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * (width // self.heads) ** -0.5
        if bias is not None:
            places = jnp.arange(length)
            scores += bias[:, kernels.LONGEST_TEXT + places[None, :] - places[:, None]]
        unseen = jnp.where(real(x, lengths), 0.0, -1e9)[:, None, None, :]
        mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores + unseen, axis=-1), value)
        x = self.attention_norm(x + self.out(mixed.reshape(batch, length, width)))
        found: jax.Array = self.output_norm(x + self.down(jax.nn.gelu(self.up(x), approximate=False)))
        return found


class TiledLayer(Layer):
    """What goes into queries, keys and values is kept in 16 bits: some tokens there are thirty times as large as others."""

    dense, norm = TiledDense, TiledLayerNorm

    def __call__(self, x: jax.Array, lengths: jax.Array, bias: jax.Array | None = None) -> jax.Array:
        rows = x.reshape(-1, x.shape[-1])
        mixed = kernels.text_attention(self.qkv(rows, precise=True), lengths, heads=self.heads, bias=bias)
        rows = self.attention_norm(self.out(mixed, residual=rows))
        found: jax.Array = self.output_norm(self.down(self.up(rows, gelu=True, precise=True), residual=rows, precise=True))
        return found.reshape(x.shape)


class MiniLM(nnx.Module):
    """tiled: over the kernels."""

    def __init__(self, weights: Weights, config: dict[str, Any], *, tiled: bool = False) -> None:
        epsilon, heads = config["layer_norm_eps"], config["num_attention_heads"]
        # one segment only: the type embedding is a constant, folded into the positions
        positions = weights["embeddings.position_embeddings.weight"]
        self.words = nnx.Param(jnp.asarray(weights["embeddings.word_embeddings.weight"]))
        self.positions = nnx.Param(jnp.asarray(positions + weights["embeddings.token_type_embeddings.weight"][0]))
        norm = "embeddings.LayerNorm"
        self.norm = LayerNorm(weights[f"{norm}.weight"], weights[f"{norm}.bias"], epsilon)
        kind = TiledLayer if tiled else Layer
        self.layers = nnx.List(
            [kind(below(weights, f"encoder.layer.{index}."), heads, epsilon) for index in range(config["num_hidden_layers"])]
        )

    def __call__(self, tokens: jax.Array, lengths: jax.Array) -> jax.Array:
        """tokens: int32[batch, length]; lengths: int32[batch], the real tokens. Returns float32[batch, width], unit."""
        x = self.norm(self.words[...][tokens] + self.positions[...][: tokens.shape[1]])
        for layer in self.layers:
            x = layer(x, lengths)
        return pooled(x, lengths)


def pooled(x: jax.Array, lengths: jax.Array) -> jax.Array:
    """The mean of a text's tokens at unit length, float32[batch, width]."""
    mean = jnp.einsum("bl,bld->bd", real(x, lengths).astype(x.dtype), x) / jnp.maximum(lengths, 1)[:, None]
    return mean / jnp.maximum(jnp.linalg.norm(mean, axis=-1, keepdims=True), 1e-12)


def real(x: jax.Array, lengths: jax.Array) -> jax.Array:
    """bool[batch, length]: which rows of x are tokens and not padding."""
    return jnp.arange(x.shape[1])[None, :] < lengths[:, None]


def below(weights: Weights, prefix: str) -> Weights:
    """The weights whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
