"""The compiled steps of one model, and the pool of its KV cache.

A step takes tokens of several conversations at once. Every step consumes the pool and returns its successor, so one thread
alone may use a runner. Shapes are few and fixed (turns, tokens of each, places in a table), so that nothing is compiled
after `compile_all`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.typing import NDArray

from inference.devices.followers import Crew, Forget, Order, Step
from inference.devices.mesh import ALONE, Grid
from inference.errors import ModelUnsupported
from inference.kv_cache import Pool, Turns, block_bytes, blocks_for, empty_pool
from inference.models.tiled_transformer import TiledTransformer
from inference.models.transformer import Transformer
from inference.weights.checkpoint import Checkpoint

DRAFTED = 6
"""Tokens of a step that checks a draft: the last token of the answer and five guesses."""


@dataclass(frozen=True)
class Feed:
    """Tokens to be appended to a conversation that has `start` tokens in the cache; `blocks` is its table."""

    start: int
    tokens: Sequence[int]
    blocks: Sequence[int]


class Runner:
    """Owns the weights and the pool on the device. Belongs to one thread.

    `width`: the most conversations of one step; `chunks`: the lengths in which a prompt is read.
    """

    def __init__(
        self, checkpoint: Checkpoint, context: int, memory: int, grid: Grid = ALONE, crew: Crew | None = None
    ) -> None:
        """memory: bytes for the KV cache; it holds one whole context in any case. grid: the devices. crew: the other
        processes of the grid, which make every step that this one makes.

        Raises `ModelUnsupported` for the kernels on several devices.
        """
        self.architecture = checkpoint.architecture
        self.context = context
        self.fast = checkpoint.precision == "blocks"
        self.width = 8 if self.fast else 4
        self.chunks = (32, 128)
        one = block_bytes(self.architecture, 2 if self.fast else 4)
        self.blocks = 1 + max(memory // one, blocks_for(context))
        self._grid = grid
        self._crew = crew
        graph, state = nnx.split(_transformer(checkpoint, grid))
        # a plain list of arrays reaches a compiled step several times faster than NNX's state does
        self._weights, shape = jax.tree.flatten(state)

        def step(
            weights: list[jax.Array],
            tokens: jax.Array,
            turns: Turns,
            pool: object,
            every: bool,
            after: tuple[int, ...],
            look: tuple[int, ...],
        ) -> object:
            model = nnx.merge(graph, jax.tree.unflatten(shape, weights))
            logits, pool = model(tokens, turns, pool, every=every, after=after, look=look)
            return grid.keep(logits), pool  # whole on every device: each process reads all of them

        def put(pool: Pool, blocks: jax.Array, parts: tuple[jax.Array, jax.Array]) -> Pool:
            return Pool(*(old.at[:, blocks].set(new) for old, new in zip(pool, parts, strict=True)))

        self._step = jax.jit(step, donate_argnums=3, static_argnums=(4, 5, 6))
        self._put = jax.jit(put, donate_argnums=0)
        self._pool: Pool
        self._empty()

    def run(self, feeds: Sequence[Feed], *, every: bool = False) -> NDArray[np.float32]:
        """Logits behind each feed's last token, float32[feeds, vocabulary]; with `every` behind each of its tokens,
        float32[feeds, DRAFTED, vocabulary], for a single feed of at most DRAFTED tokens.

        A feed's result is the same whatever else is in the step: to the last bit with the kernels, to float32 rounding
        without. Should a step fail, the pool is lost and with it every conversation.
        """
        longest = max(len(feed.tokens) for feed in feeds)
        length = DRAFTED if every else next(size for size in (1, *self.chunks) if size >= longest)
        turns = next(size for size in self._widths() if size >= len(feeds))
        return self._run(feeds, turns, length, every)

    def states(self, feed: Feed, after: tuple[int, ...], look: tuple[int, ...] = ()) -> NDArray[np.float32]:
        """What these layers give for each of a feed's tokens, of a largest chunk at most: float32[tokens, …], as
        `models.transformer.Transformer` orders it. Costs less than logits: the layers behind the last of them are left
        out. Raises `ModelUnsupported` where the steps are shared with other processes."""
        if self._crew is not None:
            raise ModelUnsupported("a model on several hosts gives no states of its layers; use one host")
        length = next(size for size in self.chunks if size >= len(feed.tokens))
        return self._run([feed], 1, length, False, after, look)[0, : len(feed.tokens)]

    def _run(
        self,
        feeds: Sequence[Feed],
        turns: int,
        length: int,
        every: bool,
        after: tuple[int, ...] = (),
        look: tuple[int, ...] = (),
    ) -> NDArray[np.float32]:
        reach = max(feed.start + len(feed.tokens) for feed in feeds)
        places = next(size for size in self._places() if size >= blocks_for(reach))
        tokens = np.zeros((turns, length), np.int32)
        start, count, table = np.zeros(turns, np.int32), np.zeros(turns, np.int32), np.zeros((turns, places), np.int32)
        for row, feed in enumerate(feeds):
            tokens[row, : len(feed.tokens)] = feed.tokens
            start[row], count[row] = feed.start, len(feed.tokens)
            used = feed.blocks[:places]
            table[row, : len(used)] = used
        return self._call(tokens, Turns(start, count, table), every, after, look)[: len(feeds)]

    def compile_all(self, after: tuple[int, ...] = (), look: tuple[int, ...] = ()) -> None:
        """Run every shape once, on nobody's block; with `after`, that of `states` too."""
        shapes = [(turns, 1, False) for turns in self._widths()] + [(1, size, False) for size in self.chunks]
        shapes += [(1, DRAFTED, True)] if self.fast else []
        for places in self._places():
            for turns, length, every in shapes:
                nothing = Turns(*(np.zeros(shape, np.int32) for shape in (turns, turns, (turns, places))))
                if not np.isfinite(self._call(np.zeros((turns, length), np.int32), nothing, every)).all():
                    raise FloatingPointError(f"the model gives no finite logits ({turns} turns of {length} tokens)")
            for size in self.chunks if after else ():
                nothing = Turns(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros((1, places), np.int32))
                self._call(np.zeros((1, size), np.int32), nothing, False, after, look)

    def content(self, blocks: Sequence[int]) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Keys and values of these blocks, [layers, blocks, kv_heads, POSITIONS, head_width] each."""
        keys, values = (np.asarray(part[:, np.asarray(blocks)]) for part in self._pool)
        return keys, values

    def put(self, blocks: Sequence[int], keys: NDArray[np.generic], values: NDArray[np.generic]) -> None:
        """Write what `content` gave into these blocks. Raises ValueError where it is of another model."""
        shape, kind = self._pool.keys.shape, self._pool.keys.dtype
        for part in (keys, values):
            if part.shape != (shape[0], len(blocks), *shape[2:]) or part.dtype != kind:
                raise ValueError(f"blocks of {part.dtype}{list(part.shape)} do not fit into a cache of {kind}{list(shape)}")
        self._pool = self._put(self._pool, np.asarray(blocks), (keys, values))

    def forget(self) -> None:
        """An empty pool, after a step that failed has taken the old one with it."""
        if self._crew is not None:
            self._crew.tell(Forget())
        self._empty()

    def follow(self, orders: Iterable[Order]) -> None:
        """Make the steps that another process's runner makes, until there are no more."""
        for order in orders:
            if isinstance(order, Forget):
                self._empty()
            else:
                self._call(order.tokens, order.turns, order.every)

    def close(self) -> None:
        """Let the other processes end."""
        if self._crew is not None:
            self._crew.close()

    def _empty(self) -> None:
        pool = empty_pool(self.architecture, self.blocks, jnp.float16 if self.fast else jnp.float32)
        self._pool = Pool(*(self._grid.put(part, None, None, "model", None, None) for part in pool))

    def _call(
        self,
        tokens: NDArray[np.int32],
        turns: Turns,
        every: bool,
        after: tuple[int, ...] = (),
        look: tuple[int, ...] = (),
    ) -> NDArray[np.float32]:
        if self._crew is not None:
            self._crew.tell(Step(tokens, turns, every))
        logits, self._pool = self._step(self._weights, tokens, turns, self._pool, every, after, look)
        return np.asarray(logits)

    def _widths(self) -> tuple[int, ...]:
        return (1, 2, 4, 8) if self.fast else (1, 4)

    def _places(self) -> Iterator[int]:
        """The lengths that a table may have. The kernels read only what a conversation has; XLA's attention costs as much
        as the table is long, so that it has several."""
        whole = blocks_for(self.context)
        if not self.fast:
            yield from (size for size in (16, 64) if size < whole)
        yield whole


def _transformer(checkpoint: Checkpoint, grid: Grid) -> nnx.Module:
    if checkpoint.precision == "blocks":
        if grid.mesh is not None:
            raise ModelUnsupported("the C++ kernels run on one machine's CPU; choose precision int8 or float32 for a mesh")
        return TiledTransformer(checkpoint.arrays, checkpoint.matrices, checkpoint.architecture)
    return Transformer(checkpoint.arrays, checkpoint.architecture, grid)
