"""The transformer of every chat model here, in Flax NNX: Llama, Qwen2, Qwen3 and Gemma 3 are one description with other
numbers (see `inference.architecture`).

A step is a pure function of (weights, tokens, turns, pool). The position of a token decides its rotation and its place in
the cache, so that a prompt gives the same logits however it is cut into chunks, and whoever else is in the step.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.devices.mesh import ALONE, Grid
from inference.kv_cache import POSITIONS, Pool, Turns

Arrays = dict[str, NDArray[Any]]


class Linear(nnx.Module):
    """float32[n, in] to float32[n, out]; the kernel lies as [out, in], which XLA's CPU products read fastest.

    axes: the mesh axis of out and of in; parts: the outs of the matrices that lie one under the other in this one.
    """

    def __init__(
        self, arrays: Arrays, name: str, grid: Grid, axes: tuple[str | None, str | None], parts: tuple[int, ...] = ()
    ) -> None:
        def laid(extra: str) -> Any:
            array = arrays.get(f"{name}{extra}")
            return None if array is None else nnx.Param(grid.put(grid.share_out(array, parts), *axes[: array.ndim]))

        self.kernel, self.bias, self.scale = laid(""), laid(".bias"), laid(".scale")

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

    def product(self, x: jax.Array) -> jax.Array:
        step = jnp.maximum(jnp.max(jnp.abs(x), axis=-1, keepdims=True), 1e-12) / 127.0
        high = jnp.round(x / step)
        low = jnp.round((x - high * step) / step * 254.0)
        digits = jnp.concatenate([high, low]).astype(jnp.int8)
        sums = jax.lax.dot_general(digits, self.kernel[...], (((1,), (1,)), ((), ())), preferred_element_type=jnp.int32)
        of_high, of_low = jnp.split(sums.astype(jnp.float32), 2)
        found: jax.Array = (of_high + of_low / 254.0) * step * self.scale[...]
        return found


def linear(arrays: Arrays, name: str, *rest: Any) -> Linear:
    return Int8Linear(arrays, name, *rest) if f"{name}.scale" in arrays else Linear(arrays, name, *rest)


class RMSNorm(nnx.Module):
    """arXiv:1910.07467."""

    def __init__(self, scale: NDArray[Any], epsilon: float, grid: Grid) -> None:
        self.scale = nnx.Param(grid.put(scale))
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * self.scale[...]


def norm(arrays: Arrays, name: str, architecture: Architecture, grid: Grid) -> RMSNorm | None:
    """The norm of that name, where the model has it."""
    return RMSNorm(arrays[name], architecture.norm_epsilon, grid) if name in arrays else None


class Attention(nnx.Module):
    """Grouped-query attention (arXiv:2305.13245) with rotary positions (arXiv:2104.09864), over all that came before or
    over a window of it, with normed queries and keys where the model has norms for them."""

    def __init__(self, arrays: Arrays, prefix: str, architecture: Architecture, grid: Grid) -> None:
        keys = architecture.kv_heads * architecture.head_width
        self.parts = (architecture.heads * architecture.head_width, keys, keys)
        self.qkv = linear(arrays, f"{prefix}qkv", grid, ("model", None), self.parts)
        self.out = linear(arrays, f"{prefix}out", grid, (None, "model"))
        self.query_norm = norm(arrays, f"{prefix}query_norm", architecture, grid)
        self.key_norm = norm(arrays, f"{prefix}key_norm", architecture, grid)
        self.architecture = architecture
        self.grid = grid

    def __call__(
        self, x: jax.Array, turns: Turns, layer: int, pool: Pool | None
    ) -> tuple[jax.Array, Pool | None, tuple[jax.Array, ...]]:
        """x: float32[turns * length, width], whose keys and values are written into the pool first. Without a pool a turn
        sees its own tokens of this step and no others. With what it gives come queries, keys and values as they were
        made."""
        shape = self.architecture
        count = len(turns.starts)
        length = x.shape[0] // count
        positions = jnp.asarray(turns.starts)[:, None] + jnp.arange(length)
        made = self.grid.split(self.qkv(x), self.parts)
        query, key, value = (part.reshape(len(x), -1, shape.head_width) for part in made)
        if self.query_norm is not None and self.key_norm is not None:
            query, key = self.query_norm(query), self.key_norm(key)
        frequencies = shape.frequencies(layer)
        query, key = (rotate(part, positions.reshape(-1), frequencies) for part in (query, key))
        if pool is None:
            keys, values = (part.reshape(count, length, -1, shape.head_width).swapaxes(1, 2) for part in (key, value))
        else:
            pool = write(pool, turns, layer, key, value)
            pool = Pool(*(self.grid.keep(part, None, None, "model", None, None) for part in pool))
            keys, values = (
                part[layer][turns.tables].swapaxes(1, 2).reshape(count, shape.kv_heads, -1, shape.head_width)
                for part in pool
            )
        grouped = query.reshape(count, length, shape.kv_heads, shape.heads // shape.kv_heads, shape.head_width)
        scores = jnp.einsum("bnkgd,bktd->bkgnt", grouped, keys) * shape.query_scale
        place = jnp.arange(keys.shape[2])
        seen = place <= positions[:, :, None]
        if window := shape.window_of(layer):
            seen &= place > positions[:, :, None] - window
        shares = jax.nn.softmax(jnp.where(seen[:, None, None], scores, -1e30), axis=-1)
        mixed = jnp.einsum("bkgnt,bktd->bnkgd", shares, values)
        return self.out(mixed.reshape(len(x), -1)), pool, tuple(made)


class FeedForward(nnx.Module):
    """SwiGLU or GeGLU (arXiv:2002.05202)."""

    def __init__(self, arrays: Arrays, prefix: str, architecture: Architecture, grid: Grid) -> None:
        self.parts = (architecture.feed_forward, architecture.feed_forward)
        self.gate_up = linear(arrays, f"{prefix}gate_up", grid, ("model", None), self.parts)
        self.down = linear(arrays, f"{prefix}down", grid, (None, "model"))
        self.activation = architecture.activation
        self.grid = grid

    def __call__(self, x: jax.Array) -> jax.Array:
        gate, up = self.grid.split(self.gate_up(x), self.parts)
        return self.down((jax.nn.silu(gate) if self.activation == "silu" else jax.nn.gelu(gate)) * up)


class Layer(nnx.Module):
    """Attention and feed-forward, each behind its norm and, in Gemma, before a second one."""

    def __init__(self, arrays: Arrays, prefix: str, architecture: Architecture, grid: Grid) -> None:
        self.attention_norm = RMSNorm(arrays[f"{prefix}attention_norm"], architecture.norm_epsilon, grid)
        self.attention = Attention(arrays, prefix, architecture, grid)
        self.attention_after = norm(arrays, f"{prefix}attention_after", architecture, grid)
        self.feed_forward_norm = RMSNorm(arrays[f"{prefix}feed_forward_norm"], architecture.norm_epsilon, grid)
        self.feed_forward = FeedForward(arrays, prefix, architecture, grid)
        self.feed_forward_after = norm(arrays, f"{prefix}feed_forward_after", architecture, grid)

    def __call__(
        self, x: jax.Array, turns: Turns, layer: int, pool: Pool | None
    ) -> tuple[jax.Array, Pool | None, tuple[jax.Array, ...]]:
        mixed, pool, made = self.attention(self.attention_norm(x), turns, layer, pool)
        x = x + (mixed if self.attention_after is None else self.attention_after(mixed))
        inner = self.feed_forward(self.feed_forward_norm(x))
        return x + (inner if self.feed_forward_after is None else self.feed_forward_after(inner)), pool, made


class Transformer(nnx.Module):
    """The whole model. Without a head of its own the embedding is the head (tied)."""

    def __init__(self, arrays: Arrays, architecture: Architecture, grid: Grid = ALONE) -> None:
        grid.check(architecture)
        self.embedding = nnx.Param(grid.put(arrays["embedding"], "model", None))
        layers = range(architecture.layers)
        self.layers = nnx.List([Layer(arrays, f"layers.{index}.", architecture, grid) for index in layers])
        self.norm = RMSNorm(arrays["norm"], architecture.norm_epsilon, grid)
        self.head = linear(arrays, "head", grid, ("model", None)) if "head" in arrays else None
        self.embedding_scale = architecture.embedding_scale
        self.grid = grid

    def __call__(
        self,
        tokens: jax.Array,
        turns: Turns,
        pool: Pool | None,
        *,
        every: bool = False,
        after: tuple[int, ...] = (),
        look: tuple[int, ...] = (),
    ) -> tuple[jax.Array, Pool | None]:
        """Logits behind each turn's last token, or behind every token, and the pool with the tokens in it.

        tokens: int32[turns, length]; what follows a turn's count is padding, and its logits are undefined.
        Returns float32[turns, vocabulary], or float32[turns, length, vocabulary]; with `after`, what those layers give for
        every token, float32[turns, length, len(after) * width], and no layer behind the last of them is computed. Layers of
        `look` give their queries, keys and values too, (heads + 2 * kv_heads) * head_width numbers, in the order of layers,
        before what `after` gives of the same layer.
        """
        x, given = self.embed(tokens), []
        for index, layer in enumerate(self.layers):
            x, pool, made = layer(self.grid.keep(x, "data", None), turns, index, pool)
            given += [*made] if index in look else []
            given += [x] if index in after else []
            if after and index == max((*after, *look)):
                return jnp.concatenate(given, axis=1).reshape(*tokens.shape, -1), pool
        logits = self.score(x if every else ends(x, turns))
        return logits.reshape(*(tokens.shape if every else tokens.shape[:1]), -1), pool

    def embed(self, tokens: jax.Array) -> jax.Array:
        """int32[turns, length] to what the first layer takes, float32[turns * length, width]."""
        found: jax.Array = self.embedding[...][tokens.reshape(-1)].astype(jnp.float32) * self.embedding_scale
        return found

    def score(self, x: jax.Array) -> jax.Array:
        """What the last layer gave, float32[n, width], to logits, float32[n, vocabulary]."""
        x = self.norm(x)
        return jnp.einsum("ni,oi->no", x, self.embedding[...]) if self.head is None else self.head(x)


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


def rotate(x: jax.Array, positions: jax.Array, frequencies: NDArray[np.float32]) -> jax.Array:
    """Rotary embedding on half-split pairs. x: float32[n, heads, head_width]; positions: int32[n]."""
    half = x.shape[-1] // 2
    angles = positions[:, None].astype(jnp.float32) * frequencies
    cos, sin = jnp.cos(angles)[:, None, :], jnp.sin(angles)[:, None, :]
    first, second = x[..., :half], x[..., half:]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
