"""The compiled steps of one model: chunks of prefill and single tokens of decode.

Only one step runs at a time (`Turns`), and every step consumes the cache that it was given and returns its successor.
Shapes are few and fixed, chunk lengths times cache capacities, so that nothing is compiled after `compile_all`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import jax
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from inference.cache import KVCache, capacities, capacity_for, empty_cache, grown
from inference.model import Transformer
from inference.tiled import TiledTransformer
from inference.turns import Turns
from inference.weights import Checkpoint

CHUNKS = (1, 32, 128)


@dataclass
class Slot:
    """One conversation on the device: the tokens whose keys and values are in the cache. Belongs to one thread."""

    cache: KVCache
    tokens: list[int] = field(default_factory=list)


class Runner:
    """Owns the weights on the device and the right to run there. Thread-safe."""

    def __init__(self, checkpoint: Checkpoint, context: int) -> None:
        self.architecture = checkpoint.architecture
        self.context = context
        self._turns = Turns()
        graph, state = nnx.split(_transformer(checkpoint))
        # a plain list of arrays reaches a compiled step several times faster than NNX's state does
        self._weights, shape = jax.tree.flatten(state)

        def step(
            weights: list[jax.Array], tokens: jax.Array, start: jax.Array, last: jax.Array, cache: KVCache
        ) -> tuple[jax.Array, KVCache]:
            logits, cache = nnx.merge(graph, jax.tree.unflatten(shape, weights))(tokens, start, last, cache)
            return logits, cache

        self._step = jax.jit(step, donate_argnums=4)
        self._grow = jax.jit(grown, static_argnums=1)

    def new_slot(self) -> Slot:
        return Slot(empty_cache(self.architecture, capacity_for(1, self.context)))

    def feed(self, slot: Slot, tokens: Sequence[int]) -> NDArray[np.float32]:
        """Append at most one chunk of tokens to the slot; the logits behind the last one, float32[vocabulary].

        The caller sees to it that the slot stays below the context. Should a step fail, its slot is lost.
        """
        length = next(chunk for chunk in CHUNKS if chunk >= len(tokens))
        end = len(slot.tokens) + len(tokens)
        slot.tokens += tokens
        with self._turns:
            if end > slot.cache.capacity:
                slot.cache = self._grow(slot.cache, capacity_for(end, self.context))
            # near the end of the cache a padded chunk would not fit: begin it earlier, with tokens that are in already
            start = min(end - len(tokens), slot.cache.capacity - length)
            window = np.zeros(length, np.int32)
            window[: end - start] = slot.tokens[start:end]
            logits, slot.cache = self._step(self._weights, window, np.int32(start), np.int32(end - start - 1), slot.cache)
            return np.asarray(logits)

    def compile_all(self) -> None:
        """Run every shape once."""
        previous: KVCache | None = None
        for capacity in capacities(self.context):
            with self._turns:
                cache = empty_cache(self.architecture, capacity) if previous is None else self._grow(previous, capacity)
                for length in CHUNKS:
                    window = np.zeros(length, np.int32)
                    logits, cache = self._step(self._weights, window, np.int32(0), np.int32(0), cache)
                    if not np.isfinite(np.asarray(logits)).all():
                        raise FloatingPointError(f"the model gives no finite logits (chunk {length}, cache {capacity})")
                previous = cache


def _transformer(checkpoint: Checkpoint) -> nnx.Module:
    if checkpoint.precision == "blocks":
        return TiledTransformer(checkpoint.arrays, checkpoint.matrices, checkpoint.architecture)
    return Transformer(checkpoint.arrays, checkpoint.architecture)
