"""What a model's middle layers make of a prompt, for heads that read it (retrieval/evidence/prose/reader.py).

Each chunk of the prompt is a call of its own on the engine's thread and waits for its tenant's turn, so that answers in
progress go on between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.engine.prefix_cache import Blocks
from inference.engine.runner import Feed, Runner
from inference.engine.scheduler import Scheduler
from inference.errors import EngineFailed, PromptTooLong
from inference.kv_cache import blocks_for
from inference.models.attended import Span, layers_of, made_width, shares
from inference.types import Looked, Terms


def looked(
    scheduler: Scheduler,
    tokens: Sequence[int],
    after: tuple[int, ...],
    heads: Sequence[tuple[int, int]],
    spans: Sequence[Span],
    architecture: Architecture,
    tenant: str = "",
) -> Looked:
    """The last token's state behind the layers `after`, and what these heads (layer, head) give from the last span to the
    others. Raises what `states` does."""
    layers = layers_of(heads)
    found = states(scheduler, tokens, after, layers, tenant)
    own: list[NDArray[np.float32]] = []
    given: dict[tuple[int, int], NDArray[np.float32]] = {}
    at = 0
    for layer in sorted({*layers, *after}):
        if layer in layers:
            made, at = found[:, at : at + made_width(architecture)], at + made_width(architecture)
            asked = [head for of, head in heads if of == layer]
            given |= zip(
                [(layer, head) for head in asked],
                shares(made, architecture, layer, asked, spans[-1], spans[:-1]),
                strict=True,
            )
        if layer in after:
            own.append(found[-1, at : at + architecture.width])
            at += architecture.width
    attention = np.stack([given[one] for one in heads]) if heads else np.zeros((0, 2, 0), np.float32)
    return Looked(np.concatenate(own), attention)


def states(
    scheduler: Scheduler, tokens: Sequence[int], after: tuple[int, ...], look: tuple[int, ...] = (), tenant: str = ""
) -> NDArray[np.float32]:
    """Of every token, float32[tokens, …], as `models.transformer.Transformer` orders it.

    Raises `PromptTooLong` where the tokens do not fit into what is free, and `EngineFailed`.
    """
    held: list[tuple[Blocks, list[int]]] = []

    def take(runner: Runner, blocks: Blocks) -> int:
        table = blocks.take(blocks_for(len(tokens)))
        if table is None:
            raise PromptTooLong(f"{len(tokens)} tokens do not fit into what is free of the cache; try again later")
        held.append((blocks, table))
        return runner.chunks[-1]

    def read(runner: Runner, blocks: Blocks, start: int) -> tuple[int, NDArray[np.float32]]:
        if blocks is not held[0][0]:  # a step failed meanwhile, and what was read before is gone with the cache
            raise EngineFailed("the engine lost its cache while it read; ask again")
        chunk = tokens[start : start + runner.chunks[-1]]
        return start + len(chunk), runner.states(Feed(start, chunk, held[0][1]), after, look)

    def release(_: Runner, blocks: Blocks) -> None:
        if blocks is held[0][0]:
            blocks.release(held[0][1])

    size = scheduler.call(take)
    try:
        start, found = 0, []
        while start < len(tokens):
            start, part = scheduler.call(partial(read, start=start), Terms(tenant), min(size, len(tokens) - start))
            found.append(part)
        return np.concatenate(found)
    finally:
        scheduler.call(release)
