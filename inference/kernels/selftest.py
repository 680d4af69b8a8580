"""Do the kernels compute what NumPy computes? Asked once when the engine starts, in some milliseconds."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from gguf import GGMLQuantizationType as Type

from inference import kernels
from inference.kernels.tiles import round_to_q8_0, tiles
from inference.kv_cache import Turns

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
    return _wrong_attention()


def _wrong_attention() -> str | None:
    """One conversation's second position attends to both, with a library that takes what this module gives."""
    random = np.random.default_rng(1)
    heads, width = 2, 16
    qkv = random.standard_normal((2, 4 * width)).astype(np.float32)
    turns = Turns(np.zeros(1, np.int32), np.array([2], np.int32), np.array([[1]], np.int32))

    def attend(qkv: jax.Array, turns: Turns, keys: jax.Array, values: jax.Array) -> tuple[jax.Array, ...]:
        turning = np.ones(width // 2, np.float32)
        return kernels.attention(qkv, turns, keys, values, layer=0, heads=heads, frequencies=turning, scale=0.25)

    pool = [jnp.zeros((1, 2, 1, 32, width), jnp.float16) for _ in range(2)]
    mixed = np.asarray(jax.jit(attend, donate_argnums=(2, 3))(qkv, turns, *pool)[0])
    value = qkv[:, 3 * width :]
    if not np.allclose(mixed[0], np.tile(value[0], heads), atol=_TOLERANCE):
        return "the kernels failed their self-test: a first position does not attend to itself"
    shares = np.linalg.lstsq(value.T, mixed[1].reshape(heads, width).T, rcond=None)[0]
    if not np.allclose(shares.sum(axis=0), 1, atol=_TOLERANCE):
        return "the kernels failed their self-test: attention's shares do not add up to one"
    return None
