"""How much of a prompt's attention goes from one part of it to others, told of its layers' queries and keys.

Some heads of a middle layer look from a question to the line that answers it ("retrieval heads", arXiv:2404.15574; as a
ranking, arXiv:2410.02642). Invariant: the shares are those that the model's own attention has, whatever kernel computed it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inference.architecture import Architecture

Span = tuple[int, int]
"""Tokens from the first up to but not including the second."""


def made_width(architecture: Architecture) -> int:
    """How many numbers a token's queries, keys and values are in one layer."""
    return (architecture.heads + 2 * architecture.kv_heads) * architecture.head_width


def layers_of(heads: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """The layers of heads (layer, head), each once, in order."""
    return tuple(sorted({layer for layer, _ in heads}))


def shares(
    made: NDArray[np.float32],
    architecture: Architecture,
    layer: int,
    heads: Sequence[int],
    asking: Span,
    parts: Sequence[Span],
) -> NDArray[np.float32]:
    """Of each head, how much of the attention of `asking`'s tokens each part has: float32[heads, 2, parts], the mean over
    those tokens and the most that one of them gives.

    made: float32[tokens, made_width], before the rotation, of a layer without norms of queries and keys and without a
    window.
    """
    width, group = architecture.head_width, architecture.heads // architecture.kv_heads
    asked, positions = np.arange(*asking), np.arange(len(made))
    angles = positions[:, None].astype(np.float32) * architecture.frequencies(layer)
    turns = np.cos(angles), np.sin(angles)

    def turned(number: int) -> NDArray[np.float32]:
        """Of every token, by its position: the vector of this number; the queries of all heads, then their keys."""
        return _rotated(made[:, number * width : (number + 1) * width], *turns)

    keys = {of: turned(architecture.heads + of) for of in {head // group for head in heads}}
    found = np.zeros((len(heads), 2, len(parts)), np.float32)
    for place, head in enumerate(heads):
        scores = (turned(head)[asked] @ keys[head // group].T) * np.float32(architecture.query_scale)
        scores[positions[None, :] > asked[:, None]] = -np.inf
        given = np.exp(scores - scores.max(axis=1, keepdims=True))
        given /= given.sum(axis=1, keepdims=True)
        for number, (first, end) in enumerate(parts):
            own = given[:, first:end].sum(axis=1)
            found[place, :, number] = own.mean(), own.max()
    return found


def _rotated(x: NDArray[np.float32], cos: NDArray[np.float32], sin: NDArray[np.float32]) -> NDArray[np.float32]:
    """`models.transformer.rotate` without XLA, which would compile it anew for each length. x: float32[n, head_width]."""
    half = x.shape[1] // 2
    first, second = x[:, :half], x[:, half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=1)
