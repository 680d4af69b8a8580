"""The KV cache of one conversation: keys and values of every position so far, in arrays of a few fixed lengths.

Its arrays are donated to each step, which writes into them in place: after a step only the returned cache may be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from inference.architecture import Architecture

SMALLEST = 512
_STEP = 16  # the kernels keep the keys of 16 positions together


class LayerCache(NamedTuple):
    """float32[kv_heads, capacity, head_width] each."""

    keys: jax.Array
    values: jax.Array

    def write(self, keys: jax.Array, values: jax.Array, start: jax.Array) -> LayerCache:
        """Put float32[n, kv_heads, head_width] at positions start, …, start + n - 1."""
        return LayerCache(
            jax.lax.dynamic_update_slice_in_dim(self.keys, keys.swapaxes(0, 1), start, axis=1),
            jax.lax.dynamic_update_slice_in_dim(self.values, values.swapaxes(0, 1), start, axis=1),
        )


class KVCache(NamedTuple):
    layers: tuple[LayerCache, ...]

    @property
    def capacity(self) -> int:
        """Positions that fit."""
        return int(self.layers[0].keys.shape[1])


def empty_cache(architecture: Architecture, capacity: int) -> KVCache:
    shape = (architecture.kv_heads, capacity, architecture.head_width)
    return KVCache(tuple(LayerCache(jnp.zeros(shape), jnp.zeros(shape)) for _ in range(architecture.layers)))


def grown(cache: KVCache, capacity: int) -> KVCache:
    """The same positions in longer arrays."""
    room = ((0, 0), (0, capacity - cache.capacity), (0, 0))
    return KVCache(tuple(LayerCache(jnp.pad(layer.keys, room), jnp.pad(layer.values, room)) for layer in cache.layers))


def capacities(context: int) -> Iterator[int]:
    """The lengths that a cache may have: each four times the last, the largest the whole context.

    Attention costs as much as the cache is long, and every length is three more programs to compile: short questions
    stay in the first, a prompt with passages goes to the second.
    """
    length = SMALLEST
    while length < context:
        yield length
        length *= 4
    yield -(-max(context, SMALLEST) // _STEP) * _STEP


def capacity_for(positions: int, context: int) -> int:
    return next(length for length in capacities(context) if length >= positions)
