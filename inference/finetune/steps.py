"""One step of training, compiled: loss on the answers' tokens, its gradient in the factors, Adam (arXiv:1412.6980).

Of a layer only what its matrices give is kept for the way back; attention is computed again. Logits are made one example
at a time, so that a large vocabulary costs memory for one.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from inference.architecture import Architecture
from inference.devices.mesh import Grid
from inference.finetune.examples import Batch
from inference.finetune.factors import MATRIX, Factors, attach
from inference.finetune.plan import Plan
from inference.kv_cache import Turns
from inference.models.transformer import Transformer
from inference.weights.checkpoint import Arrays

_KEPT = jax.checkpoint_policies.save_only_these_names(MATRIX)


class Frozen:
    """The transformer, its layers stacked so that one compiled layer serves all of them: `weights` are the arrays, the rest
    is how they are used. Layers that differ (Gemma's window) come in cycles of `period`; what is left over stands alone."""

    def __init__(self, architecture: Architecture, arrays: Arrays, grid: Grid) -> None:
        self.grid = grid
        self.period = architecture.pattern or 1
        self.cycles = architecture.layers // self.period
        model = Transformer(arrays, architecture, grid)
        layers, model.layers = list(model.layers), nnx.List([])
        self._graphs = [nnx.graphdef(layer) for layer in layers[: self.period]]
        states = [nnx.state(layer) for layer in layers]
        del layers
        whole = self.cycles * self.period
        rest, states = states[whole:], states[:whole]
        stacked = [_stack(states, slot, self.period) for slot in range(self.period if self.cycles else 0)]
        self._outer, outer = nnx.split(model)
        self.weights: Any = {"outer": outer, "stacked": stacked, "rest": rest}

    def answer_loss(self, weights: Any, factors: Factors, scale: float, batch: Batch) -> tuple[jax.Array, jax.Array]:
        """Cross-entropy in nats, summed over the targets that have a weight, and the sum of the weights."""
        rows, length = batch.tokens.shape
        start = jnp.zeros(rows, jnp.int32)
        turns = Turns(start, jnp.full(rows, length, jnp.int32), jnp.zeros((rows, 1), jnp.int32))
        model: Transformer = nnx.merge(self._outer, weights["outer"])

        def through(x: jax.Array, slot: int, state: Any, factors: Factors) -> jax.Array:
            layer = attach(nnx.merge(self._graphs[slot], state), factors, scale, self.grid)
            return layer(self.grid.keep(x, "data", None), turns, slot, None)[0]

        def cycle(x: jax.Array, both: tuple[Any, Factors]) -> tuple[jax.Array, None]:
            for slot, state in enumerate(both[0]):
                x = through(x, slot, state, jax.tree.map(lambda part, slot=slot: part[slot], both[1]))
            return x, None

        whole = self.cycles * self.period
        of_cycles = jax.tree.map(lambda part: part[:whole].reshape(self.cycles, self.period, *part.shape[1:]), factors)
        x = model.embed(jnp.asarray(batch.tokens))
        if self.cycles:
            x, _ = jax.lax.scan(jax.checkpoint(cycle, policy=_KEPT), x, (weights["stacked"], of_cycles))
        for slot, state in enumerate(weights["rest"]):
            x = through(x, slot, state, jax.tree.map(lambda part, slot=slot: part[whole + slot], factors))

        @jax.checkpoint
        def one(row: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
            x, targets, shares = row
            logits = model.score(x)
            said = jnp.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
            return jnp.sum((jax.nn.logsumexp(logits, axis=1) - said) * shares)

        every = (x.reshape(rows, length, -1), jnp.asarray(batch.targets), jnp.asarray(batch.weights))
        each = jax.lax.map(one, every) if self.grid.mesh is None else jax.vmap(one)(every)
        return jnp.sum(each), jnp.sum(every[2])


def _stack(states: list[Any], slot: int, period: int) -> Any:
    """Every `period`-th state in one. Each is given up as soon as it is copied, for together they are the whole model."""
    leaves = [jax.tree.leaves(state) for state in states[slot::period]]
    shape = jax.tree.structure(states[slot])
    states[slot::period] = [None] * len(leaves)
    found = []
    for place in range(len(leaves[0])):
        found.append(jnp.stack([one[place] for one in leaves]))
        for one in leaves:
            one[place] = None
    return jax.tree.unflatten(shape, found)


class Trainer:
    """The frozen weights on the devices, and the two compiled programs. `total`: steps of the whole run."""

    def __init__(self, architecture: Architecture, arrays: Arrays, plan: Plan, total: int, grid: Grid) -> None:
        self._grid = grid
        frozen = Frozen(architecture, arrays, grid)
        self._weights = frozen.weights
        self.rate = schedule(plan.learning_rate, total)
        self._optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(self.rate))
        scale = plan.alpha / plan.rank

        def losses(factors: Factors, weights: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
            return frozen.answer_loss(weights, factors, scale, batch)

        def mean(factors: Factors, weights: Any, batch: Batch) -> jax.Array:
            loss, count = losses(factors, weights, batch)
            return loss / count

        def step(factors: Factors, moments: Any, weights: Any, batch: Batch) -> tuple[Factors, Any, jax.Array]:
            loss, slopes = jax.value_and_grad(mean)(factors, weights, batch)
            changes, moments = self._optimiser.update(slopes, moments, factors)
            changed = jax.tree.map(grid.keep, (optax.apply_updates(factors, changes), moments))  # whole on every device
            return *changed, loss

        self._losses, self._step, self._gradient = jax.jit(losses), jax.jit(step), jax.jit(jax.grad(mean))

    def begin(self, factors: Factors) -> tuple[Factors, Any]:
        """On the devices, with the optimiser's moments."""
        placed = self.place(factors)
        return placed, self.place(self._optimiser.init(placed))

    def place(self, tree: Any) -> Any:
        """Arrays onto the devices, each of which holds all of them."""
        return jax.tree.map(self._grid.put, tree)

    def step(self, factors: Factors, moments: Any, batch: Batch) -> tuple[tuple[Factors, Any], float]:
        """Factors and moments one step further, and the loss per token of an answer before it."""
        factors, moments, loss = self._step(factors, moments, self._weights, batch)
        return (factors, moments), float(loss)

    def gradient(self, factors: Factors, batch: Batch) -> Factors:
        """Of the loss per token, in every factor."""
        found: Factors = self._gradient(factors, self._weights, batch)
        return found

    def bytes_needed(self, factors: Factors, batch: Batch) -> int:
        """What the compiled step takes for such a batch: its arguments and its room."""
        found: Any = self._step.lower(*self.begin(factors), self._weights, batch).compile().memory_analysis()
        return int(found.argument_size_in_bytes + found.temp_size_in_bytes + found.output_size_in_bytes)

    def losses(self, factors: Factors, batch: Batch) -> tuple[float, float]:
        """The sum of the losses of a batch's answers' tokens, and how many tokens these are."""
        loss, count = self._losses(factors, self._weights, batch)
        return float(loss), float(count)


def schedule(highest: float, total: int) -> Any:
    """Up over the first tenth of the steps (100 at most), then down to a tenth along a cosine."""
    rising = min(100, math.ceil(total / 10))
    return optax.warmup_cosine_decay_schedule(highest / rising, highest, rising, max(total, rising + 1), highest / 10)


def as_numpy(tree: Any) -> Any:
    """The same with arrays of this process alone."""
    return jax.tree.map(np.asarray, tree)
