"""The C++ kernels on every instruction set of this processor, against the dequantised float32 product."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize
from numpy.typing import NDArray

from inference import kernels
from inference.kernels.tiles import ROWS, Layout, dense_tiles, kind_of, tiles
from inference.kv_cache import Turns

pytestmark = pytest.mark.skipif(
    kernels.library_path() is None, reason="the C++ kernels were not built: see setup.py's message"
)

BLOCKS = {Type.Q4_K: (256, 144), Type.Q6_K: (256, 210), Type.Q4_0: (32, 18), Type.Q4_1: (32, 20), Type.Q8_0: (32, 34)}
HALVES = {Type.Q4_K: (0, 2), Type.Q6_K: (208,), Type.Q4_0: (0,), Type.Q4_1: (0, 2), Type.Q8_0: (0,)}
SHAPES = [(16, 256), (40, 512), (193, 768), (576, 1536), (32, 8960)]
BATCHES = (1, 2, 3, 16, 37)


@pytest.fixture(params=kernels.paths() if kernels.library_path() else [])
def path(request: pytest.FixtureRequest) -> Iterator[str]:
    kernels.use_path(request.param)
    yield request.param
    kernels.use_path(kernels.paths()[0])


def random_blocks(tensor_type: Type, rows: int, columns: int, seed: int = 0) -> NDArray[np.uint8]:
    """Blocks of any bits at all, but for scales of an ordinary size."""
    random = np.random.default_rng(seed)
    size, length = BLOCKS[tensor_type]
    data = random.integers(0, 256, (rows, columns // size, length), dtype=np.uint8)
    for place in HALVES[tensor_type]:
        halves = random.uniform(-0.02, 0.02, (rows, columns // size, 1)).astype(np.float16)
        data[..., place : place + 2] = halves.view(np.uint8)
    return data.reshape(rows, -1)


def eight_bits(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a kernel makes of activations: 8 bits and a scale for every 32 of them."""
    groups = x.reshape(len(x), -1, 32)
    peak = np.abs(groups).max(axis=2, keepdims=True)
    inverse = np.where(peak > 0, np.float32(127) / np.where(peak > 0, peak, 1), 0).astype(np.float32)
    return (np.rint(groups * inverse) * (peak / np.float32(127))).reshape(x.shape)


def product(x: Any, packed: Any, **options: Any) -> NDArray[np.float32]:
    return np.asarray(jax.jit(lambda x, packed: kernels.product(x, packed, **options))(x, packed))


@pytest.mark.parametrize("tensor_type", BLOCKS, ids=lambda kind: kind.name)
def test_tiles_hold_exactly_the_files_weights(path: str, tensor_type: Type) -> None:
    for rows, columns in SHAPES:
        data = random_blocks(tensor_type, rows, columns)
        kind, packed = kind_of(tensor_type), tiles(data, tensor_type)
        assert packed.shape == (-(-rows // ROWS), Layout(kind, columns).tile_bytes)
        found = kernels.matrix_rows(jnp.arange(rows, dtype=jnp.int32), jnp.asarray(packed), kind=kind, columns=columns)
        assert np.array_equal(np.asarray(found), dequantize(data, tensor_type))


@pytest.mark.parametrize("tensor_type", BLOCKS, ids=lambda kind: kind.name)
def test_a_product_is_the_float32_product_of_the_dequantised_weights(path: str, tensor_type: Type) -> None:
    """To float32's rounding, once the activations are in 8 bits; and to half a percent against the exact ones."""
    random = np.random.default_rng(1)
    for rows, columns in SHAPES:
        data = random_blocks(tensor_type, rows, columns)
        packed, weights = tiles(data, tensor_type), dequantize(data, tensor_type).astype(np.float64)
        x = random.standard_normal((max(BATCHES), columns)).astype(np.float32)
        for batch in BATCHES:
            found = product(x[:batch], packed, kind=kind_of(tensor_type), rows=rows)
            size = np.linalg.norm(x[:batch], axis=1)[:, None] * np.linalg.norm(weights, axis=1)
            assert np.abs((found - eight_bits(x[:batch]) @ weights.T) / size).max() < 3e-5
            assert np.abs((found - x[:batch] @ weights.T) / size).max() < 1e-2


def test_weights_of_another_type_are_kept_in_8_bits(path: str) -> None:
    random = np.random.default_rng(2)
    weights = random.standard_normal((32, 256)).astype(np.float32)
    for tensor_type in (Type.F16, Type.Q5_1):
        packed = tiles(quantize(weights, tensor_type), tensor_type)
        exact = dequantize(quantize(weights, tensor_type), tensor_type)
        rows = kernels.matrix_rows(jnp.arange(32, dtype=jnp.int32), jnp.asarray(packed), kind="q8_0", columns=256)
        assert np.abs(np.asarray(rows) - exact).max() < np.abs(exact).max() / 200


@pytest.mark.parametrize("tensor_type", BLOCKS, ids=lambda kind: kind.name)
def test_a_token_gives_the_same_bits_in_every_batch(path: str, tensor_type: Type) -> None:
    packed = tiles(random_blocks(tensor_type, 80, 768), tensor_type)
    x = np.random.default_rng(3).standard_normal((37, 768)).astype(np.float32)
    options: dict[str, Any] = {"kind": kind_of(tensor_type), "rows": 80}
    together = product(x, packed, **options)
    for first, last in ((0, 1), (5, 7), (10, 14), (20, 28), (21, 37), (36, 37)):
        assert np.array_equal(product(x[first:last], packed, **options), together[first:last])


def test_every_thread_count_gives_the_same_bits() -> None:
    packed = tiles(random_blocks(Type.Q4_K, 4096, 512), Type.Q4_K)
    x = np.random.default_rng(4).standard_normal((5, 512)).astype(np.float32)
    try:
        found = []
        for threads in (1, 2, 3):
            kernels.use_threads(threads)
            found += [product(x, packed, kind="q4_k", rows=4096) for _ in range(20)]
    finally:
        kernels.use_threads(len(os.sched_getaffinity(0)))
    assert all(np.array_equal(found[0], other) for other in found)


def test_norm_bias_and_residual_belong_to_the_product(path: str) -> None:
    random = np.random.default_rng(5)
    data = random_blocks(Type.Q8_0, 50, 64)
    x, gain, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((3, 64), 64, 50))
    residual = random.standard_normal((3, 50)).astype(np.float32)
    found = np.asarray(
        jax.jit(
            lambda x, packed: kernels.product(
                x, packed, kind="q8_0", rows=50, prologue=kernels.NORM, gain=gain, epsilon=1e-5, bias=bias, residual=residual
            )
        )(x, tiles(data, Type.Q8_0))
    )
    normed = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5) * gain
    exact = residual + bias + normed @ dequantize(data, Type.Q8_0).T
    assert np.abs(found - exact).max() < 0.01 * np.abs(exact).max()


def test_swiglu_belongs_to_the_product(path: str) -> None:
    random = np.random.default_rng(6)
    data = random_blocks(Type.Q4_1, 50, 64)
    x = (6 * random.standard_normal((4, 128))).astype(np.float32)
    found = product(x, tiles(data, Type.Q4_1), kind="q4_1", rows=50, prologue=kernels.SWIGLU)
    gate, up = x[:, :64].astype(np.float64), x[:, 64:]
    exact = (gate / (1 + np.exp(-gate)) * up) @ dequantize(data, Type.Q4_1).T
    assert np.abs(found - exact).max() < 0.01 * np.abs(exact).max()


def test_geglu_belongs_to_the_product(path: str) -> None:
    random = np.random.default_rng(6)
    data = random_blocks(Type.Q8_0, 50, 64)
    x = (6 * random.standard_normal((4, 128))).astype(np.float32)
    found = product(x, tiles(data, Type.Q8_0), kind="q8_0", rows=50, prologue=kernels.GEGLU)
    gate, up = x[:, :64].astype(np.float64), x[:, 64:]
    gelu = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
    exact = (gelu * up) @ dequantize(data, Type.Q8_0).T
    assert np.abs(found - exact).max() < 0.01 * np.abs(exact).max()


def test_a_norm_is_added_to_what_was_there(path: str) -> None:
    random = np.random.default_rng(9)
    x, residual, gain = (random.standard_normal(shape).astype(np.float32) for shape in ((5, 83), (5, 83), 83))
    run = jax.jit(lambda x, residual: kernels.norm_add(x, gain, residual, epsilon=1e-5))
    found = np.asarray(run(x, residual))
    exact = residual + x / np.sqrt((x.astype(np.float64) ** 2).mean(axis=1, keepdims=True) + 1e-5) * gain
    assert np.abs(found - exact).max() < 1e-5
    assert np.array_equal(np.asarray(run(x[3:4], residual[3:4]))[0], found[3])


def test_a_row_of_zeros_gives_zero_and_not_a_number(path: str) -> None:
    packed = tiles(random_blocks(Type.Q4_K, 16, 256), Type.Q4_K)
    assert not product(np.zeros((3, 256), np.float32), packed, kind="q4_k", rows=16).any()


def exact_attention(
    qkv: NDArray[np.float64],
    start: int,
    heads: int,
    kv_heads: int,
    width: int,
    base: float,
    window: int = 0,
    gains: tuple[Any, Any] | None = None,
) -> Any:
    """Attention of all tokens at positions 0, …; `start` is where the wanted ones begin."""
    count, half = len(qkv), width // 2
    angles = np.arange(count)[:, None] * base ** (-np.arange(half) / half)
    rotation = np.exp(1j * angles)[:, None, :]

    def rotated(x: NDArray[np.float64]) -> NDArray[np.float64]:
        turned = (x[..., :half] + 1j * x[..., half:]) * rotation
        return np.concatenate([turned.real, turned.imag], axis=-1)

    split = [heads * width, (heads + kv_heads) * width]
    query, key, value = (part.reshape(count, -1, width) for part in np.split(qkv, split, axis=1))
    if gains is not None:
        query, key = (
            part / np.sqrt((part**2).mean(axis=2, keepdims=True) + 1e-6) * gain
            for part, gain in zip((query, key), gains, strict=True)
        )
    query, key = rotated(query), rotated(key)
    mixed = np.empty((count, heads, width))
    for head in range(heads):
        scores = query[:, head] @ key[:, head * kv_heads // heads].T / np.sqrt(width)
        scores[np.triu_indices(count, 1)] = -np.inf
        if window:
            scores[np.tril_indices(count, -window)] = -np.inf
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed[:, head] = shares / shares.sum(axis=1, keepdims=True) @ value[:, head * kv_heads // heads]
    return mixed[start:].reshape(count - start, -1)


@pytest.mark.parametrize(("heads", "kv_heads", "width"), [(9, 3, 64), (12, 2, 128), (4, 4, 32), (6, 1, 80)])
def test_attention_is_softmax_over_what_came_before(path: str, heads: int, kv_heads: int, width: int) -> None:
    """In chunks of several lengths, in blocks that lie anywhere in the pool; keys and values are kept in half precision."""
    count, base, layer = 144, 10000.0, 1
    random = np.random.default_rng(7)
    qkv = random.standard_normal((count, (heads + 2 * kv_heads) * width)).astype(np.float32)
    exact = exact_attention(qkv.astype(np.float64), 0, heads, kv_heads, width, base)
    results = []
    for chunks, blocks in (
        ((144,), (1, 2, 3, 4, 5)),
        ((1, 2, 30, 31, 80), (7, 3, 1, 8, 2)),
        ((100, *[1] * 44), (5, 4, 3, 2, 1)),
    ):
        pool = jnp.zeros((2, 9, kv_heads, 32, width), jnp.float16)
        keys, values = pool, pool + 0
        start, parts = 0, []
        for length in chunks:
            turns = Turns(np.array([start], np.int32), np.array([length], np.int32), np.array([blocks], np.int32))
            mixed, keys, values = attend(qkv[start : start + length], turns, keys, values, layer, heads, base)
            parts.append(np.asarray(mixed))
            start += length
        results.append(np.concatenate(parts))
        assert np.abs(results[-1] - exact).max() < 4e-3
        assert not np.asarray(keys[0]).any()
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


@pytest.mark.parametrize("window", [1, 20, 32, 70])
def test_a_layer_sees_a_window_and_norms_its_queries_and_keys(path: str, window: int) -> None:
    """The same to the last bit in any chunks, though a chunk may reach back to blocks that its last tokens do not see."""
    heads, kv_heads, width, count = 4, 2, 48, 144
    random = np.random.default_rng(10)
    qkv = random.standard_normal((count, (heads + 2 * kv_heads) * width)).astype(np.float32)
    gains = tuple((1 + 0.3 * random.standard_normal(width)).astype(np.float32) for _ in range(2))
    exact = exact_attention(qkv.astype(np.float64), 0, heads, kv_heads, width, 500.0, window, gains)
    options = {"window": window, "query_gain": jnp.asarray(gains[0]), "key_gain": jnp.asarray(gains[1]), "epsilon": 1e-6}
    results = []
    for chunks in ((144,), (1, 2, 30, 31, 80), (100, *[1] * 44)):
        keys = jnp.zeros((1, 9, kv_heads, 32, width), jnp.float16)
        values = keys + 0
        start, parts = 0, []
        for length in chunks:
            turns = Turns(np.array([start], np.int32), np.array([length], np.int32), np.array([[7, 3, 1, 8, 2]], np.int32))
            mixed, keys, values = attend(qkv[start : start + length], turns, keys, values, 0, heads, 500.0, **options)
            parts.append(np.asarray(mixed))
            start += length
        results.append(np.concatenate(parts))
    assert np.abs(results[0] - exact).max() < 4e-3
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_conversations_of_one_step_do_not_see_each_other(path: str) -> None:
    heads, kv_heads, width = 4, 2, 32
    random = np.random.default_rng(8)
    rows = random.standard_normal((3, 5, (heads + 2 * kv_heads) * width)).astype(np.float32)
    pool = random.standard_normal((1, 8, kv_heads, 32, width)).astype(np.float16)
    starts, counts, tables = [30, 0, 3], [5, 0, 4], [[1, 2], [0, 0], [3, 0]]

    def step(which: list[int]) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        turns = Turns(*(np.array([part[turn] for turn in which], np.int32) for part in (starts, counts, tables)))
        qkv = rows[which].reshape(-1, rows.shape[2])
        mixed, keys, _ = attend(qkv, turns, jnp.asarray(pool) + 0, jnp.asarray(pool) + 0, 0, heads, 10000.0)
        return np.asarray(mixed).reshape(len(which), 5, -1), np.asarray(keys)

    together, keys = step([0, 1, 2])
    assert np.array_equal(together[0], step([0])[0][0])
    assert np.array_equal(together[2], step([2])[0][0])
    assert not together[1].any()
    assert not together[2, 4].any()
    assert np.array_equal(keys[0, 4:], pool[0, 4:])
    assert np.array_equal(keys[0, 0], pool[0, 0])


def attend(qkv: Any, turns: Turns, keys: Any, values: Any, layer: int, heads: int, base: float, **options: Any) -> Any:
    width = keys.shape[4]
    frequencies = (base ** (-np.arange(width // 2) / (width // 2))).astype(np.float32)
    call = jax.jit(
        lambda qkv, turns, keys, values: kernels.attention(
            qkv, turns, keys, values, layer=layer, heads=heads, frequencies=frequencies, **{"scale": width**-0.5, **options}
        ),
        donate_argnums=(2, 3),
    )
    return call(qkv, turns, keys, values)


@pytest.mark.parametrize(("rows", "columns"), [(16, 64), (48, 384), (1152, 384), (384, 1536)])
def test_a_dense_product_is_the_float32_product_to_the_digits_that_are_kept(path: str, rows: int, columns: int) -> None:
    random = np.random.default_rng(10)
    weights, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((rows, columns), rows))
    x, residual = (random.standard_normal((37, width)).astype(np.float32) for width in (columns, rows))
    x[3] *= 1000
    x[4, 5] = 30  # one large number must not cost the small ones their digits where they are kept in 16 bits
    rounded = np.rint(weights / (peak := np.abs(weights).max(axis=1, keepdims=True) / 127)) * peak
    exact = residual + bias + x.astype(np.float64) @ rounded.T
    packed = dense_tiles(weights)
    for precise, most in ((False, 0.1), (True, 0.0005)):
        run = jax.jit(lambda x, added, kept=precise: kernels.dense(x, packed, bias, residual=added, precise=kept))
        found = np.asarray(run(x, residual))
        size = np.abs(exact).max(axis=1, keepdims=True)
        assert (np.abs(found - exact) / size).max() < most
        for first, last in ((0, 1), (4, 9), (20, 36)):
            assert np.array_equal(np.asarray(run(x[first:last], residual[first:last])), found[first:last])


def test_gelu_belongs_to_a_dense_product(path: str) -> None:
    from math import erf

    x = np.repeat(np.linspace(-9, 9, 61, dtype=np.float32)[:, None], 64, axis=1)
    packed = dense_tiles(np.eye(64, dtype=np.float32)[:16])
    found = np.asarray(jax.jit(lambda x: kernels.dense(x, packed, np.zeros(16, np.float32), gelu=True, precise=True))(x))
    exact = np.array([value * (1 + erf(value / 2**0.5)) / 2 for value in x[:, 0].astype(float)])
    assert np.abs(found - exact[:, None]).max() < 0.0006


@pytest.mark.parametrize(("heads", "width"), [(12, 32), (2, 48), (1, 256)])
def test_every_token_of_a_text_sees_every_other_and_no_padding(path: str, heads: int, width: int) -> None:
    random = np.random.default_rng(11)
    length, counts = 70, np.array([70, 1, 33, 0], np.int32)
    qkv = random.standard_normal((4 * length, 3 * heads * width)).astype(np.float32)
    run = jax.jit(lambda qkv, counts: kernels.text_attention(qkv, counts, heads=heads))
    found = np.asarray(run(qkv, counts)).reshape(4, length, heads, width)
    for text, count in enumerate(counts):
        query, key, value = qkv.astype(np.float64).reshape(4, length, 3, heads, width)[text, :count].transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(width)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True)) if count else scores
        exact = (shares / shares.sum(axis=-1, keepdims=True) @ value).transpose(1, 0, 2)
        assert np.abs(found[text, :count] - exact).max(initial=0) < 1e-5
        assert not found[text, count:].any()
    alone = np.asarray(run(qkv[2 * length : 2 * length + 40], counts[2:3]))
    assert np.array_equal(alone[:33].reshape(33, heads, width), found[2, :33])


def test_a_layer_norm_is_that_of_numpy(path: str) -> None:
    random = np.random.default_rng(12)
    x, gain, bias = (random.standard_normal(shape).astype(np.float32) for shape in ((5, 48), 48, 48))
    found = np.asarray(jax.jit(lambda x: kernels.layer_norm(x, gain, bias, epsilon=1e-12))(x * 7 + 3))
    wide = x.astype(np.float64) * 7 + 3
    exact = (wide - wide.mean(axis=1, keepdims=True)) / wide.std(axis=1, keepdims=True) * gain + bias
    assert np.abs(found - exact).max() < 1e-5


def test_a_wrong_shape_is_refused_with_the_reason() -> None:
    packed = tiles(random_blocks(Type.Q4_K, 16, 256), Type.Q4_K)
    with pytest.raises(Exception, match="the tiles are not those of this shape"):
        product(np.zeros((1, 512), np.float32), packed, kind="q4_k", rows=16)
    with pytest.raises(ValueError, match=r"cannot run path 'sse9'; it can run: .*portable"):
        kernels.use_path("sse9")


def test_the_self_test_passes_on_every_path(path: str) -> None:
    from inference.kernels.selftest import complaint

    assert complaint() is None
