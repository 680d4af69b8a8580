"""Do the kernels compute what NumPy computes? Asked once when the engine starts, in some milliseconds."""

from __future__ import annotations

import jax
import numpy as np
from gguf import GGMLQuantizationType as Type

from inference import kernels
from inference.kernels.tiles import round_to_q8_0, tiles

_TOLERANCE = 0.02


def complaint() -> str | None:
    """What is wrong, or None. A product of known weights by one token and by a batch, against float32."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((48, 256)).astype(np.float32)
    x = random.standard_normal((19, 256)).astype(np.float32)
    packed = tiles(round_to_q8_0(weights), Type.Q8_0)
    exact = x @ weights.T
    run = jax.jit(lambda x, packed: kernels.product(x, packed, kind="q8_0", rows=48))
    batch = np.asarray(run(x, packed))
    single = np.asarray(run(x[:1], packed))
    worst = float(np.abs(batch - exact).max() / np.abs(exact).max())
    if not worst < _TOLERANCE:
        return f"the kernels failed their self-test: a product is off by {worst:.3f} of its largest entry"
    if not np.array_equal(single, batch[:1]):
        return "the kernels failed their self-test: a token's result depends on its batch"
    return None
