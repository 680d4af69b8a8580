"""The transformer of every chat model here, in Flax NNX: Llama and Qwen2 are the same description with other numbers.

A step is a pure function of (weights, tokens, turns, pool). The position of a token decides its rotation and its place in
the cache, so that a prompt gives the same logits however it is cut into chunks, and whoever else is in the step.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.cache import POSITIONS, Pool, Turns

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

    def __call__(self, x: jax.Array, turns: Turns, layer: int, pool: Pool) -> tuple[jax.Array, Pool]:
        """x: float32[turns * length, width], whose keys and values are written into the pool first."""
        shape = self.architecture
        count, queries = len(turns.starts), shape.heads * shape.head_width
        length = x.shape[0] // count
        positions = jnp.asarray(turns.starts)[:, None] + jnp.arange(length)
        query, key, value = jnp.split(self.qkv(x), [queries, queries + shape.kv_heads * shape.head_width], axis=1)
        query = rotate(query.reshape(len(x), shape.heads, -1), positions.reshape(-1), shape.rope_base)
        key = rotate(key.reshape(len(x), shape.kv_heads, -1), positions.reshape(-1), shape.rope_base)
        pool = write(pool, turns, layer, key, value.reshape(len(x), shape.kv_heads, -1))

        keys, values = (
            part[layer][turns.tables].swapaxes(1, 2).reshape(count, shape.kv_heads, -1, shape.head_width) for part in pool
        )
        grouped = query.reshape(count, length, shape.kv_heads, shape.heads // shape.kv_heads, shape.head_width)
        scores = jnp.einsum("bnkgd,bktd->bkgnt", grouped, keys) * shape.head_width**-0.5
        seen = jnp.arange(keys.shape[2]) <= positions[:, :, None]
        shares = jax.nn.softmax(jnp.where(seen[:, None, None], scores, -1e30), axis=-1)
        mixed = jnp.einsum("bkgnt,bktd->bnkgd", shares, values)
        return self.out(mixed.reshape(len(x), queries)), pool


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

    def __call__(self, x: jax.Array, turns: Turns, layer: int, pool: Pool) -> tuple[jax.Array, Pool]:
        mixed, pool = self.attention(self.attention_norm(x), turns, layer, pool)
        x = x + mixed
        return x + self.feed_forward(self.feed_forward_norm(x)), pool


class Transformer(nnx.Module):
    """The whole model. Without a head of its own the embedding is the head (tied)."""

    def __init__(self, arrays: Arrays, architecture: Architecture) -> None:
        self.embedding = nnx.Param(jax.device_put(arrays["embedding"]))
        self.layers = nnx.List([Layer(arrays, f"layers.{index}.", architecture) for index in range(architecture.layers)])
        self.norm = RMSNorm(arrays["norm"], architecture.norm_epsilon)
        self.head = linear(arrays, "head") if "head" in arrays else None

    def __call__(self, tokens: jax.Array, turns: Turns, pool: Pool, *, every: bool = False) -> tuple[jax.Array, Pool]:
        """Logits behind each turn's last token, or behind every token, and the pool with the tokens in it.

        tokens: int32[turns, length]; what follows a turn's count is padding, and its logits are undefined.
        Returns float32[turns, vocabulary], or float32[turns, length, vocabulary].
        """
        x = self.embedding[...][tokens.reshape(-1)].astype(jnp.float32)
        for index, layer in enumerate(self.layers):
            x, pool = layer(x, turns, index, pool)
        x = self.norm(x if every else ends(x, turns))
        logits = jnp.einsum("ni,oi->no", x, self.embedding[...]) if self.head is None else self.head(x)
        return logits.reshape(*(tokens.shape if every else tokens.shape[:1]), -1), pool


def ends(x: jax.Array, turns: Turns) -> jax.Array:
    """The row of each turn's last token, float32[turns, width]."""
    count = len(turns.starts)
    return x[jnp.arange(count) * (len(x) // count) + jnp.maximum(turns.counts, 1) - 1]


def write(pool: Pool, turns: Turns, layer: int, keys: jax.Array, values: jax.Array) -> Pool:
    """Put float32[turns * length, kv_heads, head_width] at their turns' positions; padding goes to block 0."""
    count = len(turns.starts)
    place = jnp.arange(len(keys) // count)
    positions = turns.starts[:, None] + place
    known = jnp.minimum(positions // POSITIONS, turns.tables.shape[1] - 1)
    blocks = jnp.take_along_axis(turns.tables, known, axis=1)
    blocks = jnp.where(place < turns.counts[:, None], blocks, 0).reshape(-1)
    within = (positions % POSITIONS).reshape(-1)
    return Pool(
        pool.keys.at[layer, blocks, :, within].set(keys.astype(pool.keys.dtype)),
        pool.values.at[layer, blocks, :, within].set(values.astype(pool.values.dtype)),
    )


def rotate(x: jax.Array, positions: jax.Array, base: float) -> jax.Array:
    """Rotary embedding on half-split pairs. x: float32[n, heads, head_width]; positions: int32[n]."""
    half = x.shape[-1] // 2
    frequencies = base ** (-jnp.arange(half, dtype=jnp.float32) / half)
    angles = positions[:, None].astype(jnp.float32) * frequencies
    cos, sin = jnp.cos(angles)[:, None, :], jnp.sin(angles)[:, None, :]
    first, second = x[..., :half], x[..., half:]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
