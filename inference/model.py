"""The transformer of every chat model here, in Flax NNX: Llama and Qwen2 are the same description with other numbers.

A step is a pure function of (weights, tokens, start, cache). The position of a token decides its rotation and its place
in the cache, so that a prompt gives the same logits however it is cut into chunks.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.cache import KVCache, LayerCache

Arrays = dict[str, NDArray[Any]]


class Linear(nnx.Module):
    """float32[n, in] to float32[n, out]; the kernel lies as [out, in], which XLA's CPU products read fastest."""

    def __init__(self, arrays: Arrays, name: str) -> None:
        bias = arrays.get(f"{name}.bias")
        self.kernel = nnx.Param(jax.device_put(arrays[name]))
        self.bias = None if bias is None else nnx.Param(jax.device_put(bias))

    def __call__(self, x: jax.Array) -> jax.Array:
        y = self.product(x)
        return y if self.bias is None else y + self.bias[...]

    def product(self, x: jax.Array) -> jax.Array:
        return jnp.einsum("ni,oi->no", x, self.kernel[...])


class Int8Linear(Linear):
    """Rows of int8 with a scale each, against activations of two int8 digits.

    A row of activations is split into a high digit (step = peak / 127) and a low digit (step / 254), 16 bits in all, and
    both go through one integer product: exact sums, and the second row is what makes XLA's CPU product fast.
    """

    def __init__(self, arrays: Arrays, name: str) -> None:
        super().__init__(arrays, name)
        self.scale = nnx.Param(jax.device_put(arrays[f"{name}.scale"]))

    def product(self, x: jax.Array) -> jax.Array:
        step = jnp.maximum(jnp.max(jnp.abs(x), axis=-1, keepdims=True), 1e-12) / 127.0
        high = jnp.round(x / step)
        low = jnp.round((x - high * step) / step * 254.0)
        digits = jnp.concatenate([high, low]).astype(jnp.int8)
        sums = jax.lax.dot_general(digits, self.kernel[...], (((1,), (1,)), ((), ())), preferred_element_type=jnp.int32)
        of_high, of_low = jnp.split(sums.astype(jnp.float32), 2)
        return (of_high + of_low / 254.0) * step * self.scale[...]


def linear(arrays: Arrays, name: str) -> Linear:
    return Int8Linear(arrays, name) if f"{name}.scale" in arrays else Linear(arrays, name)


class RMSNorm(nnx.Module):
    """arXiv:1910.07467."""

    def __init__(self, scale: NDArray[Any], epsilon: float) -> None:
        self.scale = nnx.Param(jax.device_put(scale))
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * self.scale[...]


class Attention(nnx.Module):
    """Grouped-query attention (arXiv:2305.13245) with rotary positions (arXiv:2104.09864)."""

    def __init__(self, arrays: Arrays, prefix: str, architecture: Architecture) -> None:
        self.qkv = linear(arrays, f"{prefix}qkv")
        self.out = linear(arrays, f"{prefix}out")
        self.architecture = architecture

    def __call__(self, x: jax.Array, positions: jax.Array, cache: LayerCache) -> tuple[jax.Array, LayerCache]:
        """x: float32[n, width] of the n positions, whose keys and values are written into the cache first."""
        shape, count = self.architecture, x.shape[0]
        queries = shape.heads * shape.head_width
        rows = self.qkv(x)
        query, key, value = jnp.split(rows, [queries, queries + shape.kv_heads * shape.head_width], axis=1)
        query = rotate(query.reshape(count, shape.heads, -1), positions, shape.rope_base)
        key = rotate(key.reshape(count, shape.kv_heads, -1), positions, shape.rope_base)
        cache = cache.write(key, value.reshape(count, shape.kv_heads, -1), positions[0])

        grouped = query.reshape(count, shape.kv_heads, shape.heads // shape.kv_heads, shape.head_width)
        scores = jnp.einsum("nkgd,ktd->kgnt", grouped, cache.keys) * shape.head_width**-0.5
        seen = jnp.arange(cache.keys.shape[1])[None, :] <= positions[:, None]
        shares = jax.nn.softmax(jnp.where(seen, scores, -1e30), axis=-1)
        mixed = jnp.einsum("kgnt,ktd->nkgd", shares, cache.values)
        return self.out(mixed.reshape(count, queries)), cache


class FeedForward(nnx.Module):
    """SwiGLU (arXiv:2002.05202)."""

    def __init__(self, arrays: Arrays, prefix: str) -> None:
        self.gate_up = linear(arrays, f"{prefix}gate_up")
        self.down = linear(arrays, f"{prefix}down")

    def __call__(self, x: jax.Array) -> jax.Array:
        gate, up = jnp.split(self.gate_up(x), 2, axis=-1)
        return self.down(jax.nn.silu(gate) * up)


class Layer(nnx.Module):
    def __init__(self, arrays: Arrays, prefix: str, architecture: Architecture) -> None:
        self.attention_norm = RMSNorm(arrays[f"{prefix}attention_norm"], architecture.norm_epsilon)
        self.attention = Attention(arrays, prefix, architecture)
        self.feed_forward_norm = RMSNorm(arrays[f"{prefix}feed_forward_norm"], architecture.norm_epsilon)
        self.feed_forward = FeedForward(arrays, prefix)

    def __call__(self, x: jax.Array, positions: jax.Array, cache: LayerCache) -> tuple[jax.Array, LayerCache]:
        mixed, cache = self.attention(self.attention_norm(x), positions, cache)
        x = x + mixed
        return x + self.feed_forward(self.feed_forward_norm(x)), cache


class Transformer(nnx.Module):
    """The whole model. Without a head of its own the embedding is the head (tied)."""

    def __init__(self, arrays: Arrays, architecture: Architecture) -> None:
        self.embedding = nnx.Param(jax.device_put(arrays["embedding"]))
        self.layers = nnx.List([Layer(arrays, f"layers.{index}.", architecture) for index in range(architecture.layers)])
        self.norm = RMSNorm(arrays["norm"], architecture.norm_epsilon)
        self.head = linear(arrays, "head") if "head" in arrays else None

    def __call__(self, tokens: jax.Array, start: jax.Array, last: jax.Array, cache: KVCache) -> tuple[jax.Array, KVCache]:
        """Logits behind token `last` of the chunk, and the cache with the chunk in it.

        tokens: int32[n] at positions start, start + 1, …, all below the cache's capacity. What follows `last` is padding:
        its rows in the cache lie at positions that no query sees before they are written again.
        Returns float32[vocabulary].
        """
        positions = start + jnp.arange(tokens.shape[0])
        x = self.embedding[...][tokens].astype(jnp.float32)
        layers = []
        for layer, layer_cache in zip(self.layers, cache.layers, strict=True):
            x, layer_cache = layer(x, positions, layer_cache)
            layers.append(layer_cache)
        x = self.norm(jax.lax.dynamic_slice_in_dim(x, last, 1))
        logits = jnp.einsum("ni,oi->no", x, self.embedding[...]) if self.head is None else self.head(x)
        return logits[0], KVCache(tuple(layers))


def rotate(x: jax.Array, positions: jax.Array, base: float) -> jax.Array:
    """Rotary embedding on half-split pairs. x: float32[n, heads, head_width]; positions: int32[n]."""
    half = x.shape[-1] // 2
    frequencies = base ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angles = positions[:, None].astype(jnp.float32) * frequencies
    cos, sin = jnp.cos(angles)[:, None, :], jnp.sin(angles)[:, None, :]
    first, second = x[..., :half], x[..., half:]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
