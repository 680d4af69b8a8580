"""The transformer of inference.models.transformer over quantised tiles: five kernel calls a layer, and nothing between them.

Norms, biases, gates and residual sums happen inside the products, where the numbers are at hand: a step of a small model is
many small operations, and on a CPU they cost more than the products. Weights stay in the file's own blocks. A position's
result is the same to the last bit whatever else is in its chunk.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from inference import kernels
from inference.architecture import Architecture
from inference.kernels.tiles import Matrix
from inference.kv_cache import Pool, Turns
from inference.models.transformer import Arrays, ends

Matrices = dict[str, Matrix]
Gain = Any
"""An `nnx.Param` of float32[width], or None where the model has no such norm."""


class Tiles(nnx.Module):
    """One run of tiles, as a factor of products and as a table of rows."""

    def __init__(self, arrays: Arrays, matrices: Matrices, name: str) -> None:
        self.tiles = nnx.Param(jax.device_put(arrays[name]))
        self.kind, self.rows, self.columns = matrices[name]

    def __call__(self, x: jax.Array, **around: Any) -> jax.Array:
        """See `kernels.product`."""
        return kernels.product(x, self.tiles[...], kind=self.kind, rows=self.rows, **around)

    def take(self, tokens: jax.Array) -> jax.Array:
        return kernels.matrix_rows(tokens, self.tiles[...], kind=self.kind, columns=self.columns)


class TiledLinear(nnx.Module):
    """A product whose matrix may be several runs of tiles, each of its own kind."""

    def __init__(self, arrays: Arrays, matrices: Matrices, name: str) -> None:
        count = next(index for index in range(len(matrices)) if f"{name}.{index}" not in matrices)
        self.parts = nnx.List([Tiles(arrays, matrices, f"{name}.{index}") for index in range(count)])
        bias = arrays.get(f"{name}.bias")
        self.bias = None if bias is None else nnx.Param(jax.device_put(bias))

    def __call__(self, x: jax.Array, *, residual: jax.Array | None = None, **around: Any) -> jax.Array:
        found, first = [], 0
        for part in self.parts:
            place = slice(first, first + part.rows)
            around["bias"] = None if self.bias is None else self.bias[...][place]
            around["residual"] = None if residual is None else residual[:, place]
            found.append(part(x, **around))
            first += part.rows
        return found[0] if len(found) == 1 else jnp.concatenate(found, axis=1)


class TiledLayer(nnx.Module):
    def __init__(self, arrays: Arrays, matrices: Matrices, prefix: str, architecture: Architecture) -> None:
        self.attention_norm = nnx.Param(jax.device_put(arrays[f"{prefix}attention_norm"]))
        self.qkv = TiledLinear(arrays, matrices, f"{prefix}qkv")
        self.out = TiledLinear(arrays, matrices, f"{prefix}out")
        self.feed_forward_norm = nnx.Param(jax.device_put(arrays[f"{prefix}feed_forward_norm"]))
        self.gate_up = TiledLinear(arrays, matrices, f"{prefix}gate_up")
        self.down = TiledLinear(arrays, matrices, f"{prefix}down")
        self.query_norm, self.key_norm = (_gain(arrays, f"{prefix}{name}") for name in ("query_norm", "key_norm"))
        self.attention_after = _gain(arrays, f"{prefix}attention_after")
        self.feed_forward_after = _gain(arrays, f"{prefix}feed_forward_after")
        self.architecture = architecture

    def __call__(self, x: jax.Array, turns: Turns, layer: int, pool: Pool) -> tuple[jax.Array, Pool, jax.Array]:
        """What the layer gives, the pool, and its queries, keys and values before they are turned by their positions."""
        shape = self.architecture
        qkv = self.qkv(x, prologue=kernels.NORM, gain=self.attention_norm[...], epsilon=shape.norm_epsilon)
        mixed, *written = kernels.attention(
            qkv,
            turns,
            *pool,
            layer=layer,
            heads=shape.heads,
            frequencies=shape.frequencies(layer),
            scale=shape.query_scale,
            window=shape.window_of(layer),
            query_gain=_value(self.query_norm),
            key_gain=_value(self.key_norm),
            epsilon=shape.norm_epsilon,
        )
        x = self.add(x, self.out, self.attention_after, mixed)
        inner = self.gate_up(x, prologue=kernels.NORM, gain=self.feed_forward_norm[...], epsilon=shape.norm_epsilon)
        gated = kernels.SWIGLU if shape.activation == "silu" else kernels.GEGLU
        return self.add(x, self.down, self.feed_forward_after, inner, prologue=gated), Pool(*written), qkv

    def add(self, x: jax.Array, linear: TiledLinear, after: Gain, found: jax.Array, **around: Any) -> jax.Array:
        """x + linear(found), with the norm behind it where there is one."""
        if after is None:
            return linear(found, residual=x, **around)
        return kernels.norm_add(linear(found, **around), after[...], x, epsilon=self.architecture.norm_epsilon)


def _gain(arrays: Arrays, name: str) -> Gain:
    return nnx.Param(jax.device_put(arrays[name])) if name in arrays else None


def _value(gain: Gain) -> jax.Array | None:
    return None if gain is None else gain[...]


class TiledTransformer(nnx.Module):
    """Called as `models.transformer.Transformer` is. Without a head of its own the embedding is the head (tied)."""

    def __init__(self, arrays: Arrays, matrices: Matrices, architecture: Architecture) -> None:
        self.embedding = Tiles(arrays, matrices, "embedding")
        layers = range(architecture.layers)
        self.layers = nnx.List([TiledLayer(arrays, matrices, f"layers.{index}.", architecture) for index in layers])
        self.norm = nnx.Param(jax.device_put(arrays["norm"]))
        self.head = Tiles(arrays, matrices, "head.0") if "head.0" in matrices else None
        self.architecture = architecture

    def __call__(
        self,
        tokens: jax.Array,
        turns: Turns,
        pool: Pool,
        *,
        every: bool = False,
        after: tuple[int, ...] = (),
        look: tuple[int, ...] = (),
    ) -> tuple[jax.Array, Pool]:
        x, given = self.embedding.take(tokens.reshape(-1)) * self.architecture.embedding_scale, []
        for index, layer in enumerate(self.layers):
            x, pool, qkv = layer(x, turns, index, pool)
            given += [qkv] if index in look else []
            given += [x] if index in after else []
            if after and index == max((*after, *look)):
                return jnp.concatenate(given, axis=1).reshape(*tokens.shape, -1), pool
        head = self.embedding if self.head is None else self.head
        logits = head(
            x if every else ends(x, turns),
            prologue=kernels.NORM,
            gain=self.norm[...],
            epsilon=self.architecture.norm_epsilon,
        )
        return logits.reshape(*(tokens.shape if every else tokens.shape[:1]), -1), pool
