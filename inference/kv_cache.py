"""The KV cache: one pool of blocks for all conversations, each block the keys and values of 32 positions in every layer.

A conversation names its blocks in a table, so that two that begin alike may name the same blocks. Block 0 belongs to
nobody: what is computed for padding goes there. The arrays are donated to each step, which writes into them in place:
after a step only the returned pool may be used.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from inference.architecture import Architecture

Integers = jax.Array | NDArray[np.int32]
POSITIONS = 32
"""Of one block; the kernels are compiled for it."""


class Pool(NamedTuple):
    """[layers, blocks, kv_heads, POSITIONS, head_width] each, float16 for the kernels, float32 for XLA."""

    keys: jax.Array
    values: jax.Array


class Turns(NamedTuple):
    """Whose tokens a step works on: `count` tokens of each turn, at positions start, start + 1, …

    starts, counts: int32[turns]; a turn of no tokens is padding. tables: int32[turns, places], the blocks of its positions.
    """

    starts: Integers
    counts: Integers
    tables: Integers


def empty_pool(architecture: Architecture, blocks: int, kind: type[jnp.floating]) -> Pool:
    shape = (architecture.layers, blocks, architecture.kv_heads, POSITIONS, architecture.head_width)
    return Pool(jnp.zeros(shape, kind), jnp.zeros(shape, kind))


def block_bytes(architecture: Architecture, width: int) -> int:
    """Bytes of one block in all layers; width: bytes of a number."""
    return 2 * architecture.layers * architecture.kv_heads * POSITIONS * architecture.head_width * width


def blocks_for(positions: int) -> int:
    return -(-positions // POSITIONS)
