"""The engine's C++ kernels, called from JAX: products with quantised weights, and attention over the cache.

They are built when the package is installed. Where they are not there, or do not compute what NumPy computes,
`unavailable` says why and the engine takes XLA's own products; nothing else changes but the speed.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from inference.kernels.tiles import GROUP, KINDS
from inference.kv_cache import Turns

_TARGETS = ("product", "rows", "attention", "norm_add", "dense", "text_attention", "layer_norm")
_WIDEST_HEAD = 256
LONGEST_TEXT = 512
"""Tokens of a text that attention of whole texts takes."""
PLAIN, NORM, SWIGLU, GEGLU = range(4)
"""What happens to a product's input on the way: nothing, an RMS norm, or silu (gelu) of the first half * second half."""


def library_path() -> Path | None:
    """The shared library that the installation built, if it did."""
    return next(iter(sorted(Path(__file__).parent.glob("_kernels*.so"))), None)


@cache
def _library() -> ctypes.CDLL:
    path = library_path()
    if path is None:
        raise OSError(
            "the kernels were not built; install a C++ compiler (Debian: apt install g++) and install Countersign again"
        )
    library = ctypes.CDLL(str(path))
    library.countersign_paths.restype = ctypes.c_char_p
    library.countersign_use_path.argtypes = [ctypes.c_char_p]
    library.countersign_use_threads.argtypes = [ctypes.c_int]
    for target in _TARGETS:
        handler = jax.ffi.pycapsule(getattr(library, f"countersign_{target}"))  # type: ignore[no-untyped-call]
        jax.ffi.register_ffi_target(f"countersign_{target}", handler, platform="cpu")
    library.countersign_use_threads(len(os.sched_getaffinity(0)))
    return library


@cache
def unavailable() -> str | None:
    """Why the kernels cannot be used here, or None where they can: they are there and have passed their self-test."""
    from inference.kernels.selftest import complaint

    try:
        if jax.default_backend() != "cpu":
            return f"the kernels are for the CPU and JAX runs on {jax.default_backend()}"
        _library()
        return complaint()
    except (OSError, AttributeError, RuntimeError, ValueError) as error:
        return f"the kernels cannot be loaded with jaxlib {version('jaxlib')}: {error}"


def misfit(head_width: int, *columns: int) -> str | None:
    """Why a model of such matrices cannot run on the kernels, or None."""
    if head_width % 16 or head_width > _WIDEST_HEAD:
        return f"a head is {head_width} wide; it must be a multiple of 16 and at most {_WIDEST_HEAD}"
    odd = [count for count in columns if count % GROUP]
    return f"a matrix has {odd[0]} columns, which is not a multiple of {GROUP}" if odd else None


def paths() -> tuple[str, ...]:
    """The instruction sets that this processor has a kernel for, best first; the first is in use."""
    return tuple(_library().countersign_paths().decode().split())


def use_path(name: str) -> None:
    """Take another instruction set, in the whole process; for tests and comparisons."""
    if not _library().countersign_use_path(name.encode()):
        raise ValueError(f"this processor cannot run path {name!r}; it can run: {', '.join(paths())}")


def use_threads(count: int) -> None:
    """Share the work of a kernel among so many threads. Not while one runs."""
    _library().countersign_use_threads(count)


_NOTHING = np.zeros((0,), np.float32)


def product(
    x: jax.Array,
    tiles: jax.Array,
    *,
    kind: str,
    rows: int,
    prologue: int = PLAIN,
    gain: jax.Array | None = None,
    epsilon: float = 0.0,
    bias: jax.Array | None = None,
    residual: jax.Array | None = None,
) -> jax.Array:
    """residual + bias + f(x) @ W^T, float32[n, rows], where f is the prologue and W lies in tiles of `kind`.

    x: float32[n, columns], twice as many columns for `SWIGLU` and `GEGLU`. f(x) is rounded to 8 bits, with a scale for every
    32 columns. A row's result does not depend on the other rows.
    """
    call = jax.ffi.ffi_call("countersign_product", _floats(x.shape[0], rows))
    nothing = jnp.asarray(_NOTHING)
    found: jax.Array = call(
        x,
        tiles,
        nothing if gain is None else gain,
        nothing if bias is None else bias,
        nothing if residual is None else residual,
        kind=np.int64(KINDS.index(kind)),
        prologue=np.int64(prologue),
        epsilon=np.float32(epsilon),
    )
    return found


def matrix_rows(tokens: jax.Array, tiles: jax.Array, *, kind: str, columns: int) -> jax.Array:
    """Single rows of a matrix in tiles, float32[n, columns]: the embedding of tokens."""
    call = jax.ffi.ffi_call("countersign_rows", _floats(tokens.shape[0], columns))
    found: jax.Array = call(tokens, tiles, kind=np.int64(KINDS.index(kind)))
    return found


def norm_add(x: jax.Array, gain: jax.Array, residual: jax.Array, *, epsilon: float) -> jax.Array:
    """residual + rms_norm(x) * gain, float32[n, width]. A row's result does not depend on the other rows."""
    call = jax.ffi.ffi_call("countersign_norm_add", _floats(*x.shape))
    found: jax.Array = call(x, gain, residual, epsilon=np.float32(epsilon))
    return found


def dense(
    x: jax.Array,
    tiles: jax.Array,
    bias: jax.Array,
    *,
    residual: jax.Array | None = None,
    gelu: bool = False,
    precise: bool = False,
) -> jax.Array:
    """residual + f(x @ W^T + bias), float32[n, rows], f gelu or nothing, W in `tiles.dense_tiles`.

    x: float32[n, columns], rounded to 8 bits (precise: 16) with one scale a row. A row's result does not depend on the other
    rows.
    """
    call = jax.ffi.ffi_call("countersign_dense", _floats(x.shape[0], bias.shape[0]))
    added = jnp.asarray(_NOTHING) if residual is None else residual
    found: jax.Array = call(x, tiles, bias, added, planes=np.int64(2 if precise else 1), gelu=gelu)
    return found


def layer_norm(x: jax.Array, gain: jax.Array, bias: jax.Array, *, epsilon: float) -> jax.Array:
    """(x - mean) / sqrt(variance + epsilon) * gain + bias of each row, float32[n, width]; width: a multiple of 16."""
    call = jax.ffi.ffi_call("countersign_layer_norm", _floats(*x.shape))
    found: jax.Array = call(x, gain, bias, epsilon=np.float32(epsilon))
    return found


def text_attention(qkv: jax.Array, counts: jax.Array, *, heads: int, bias: jax.Array | None = None) -> jax.Array:
    """Attention of every token of a text to every other, float32[n, heads * width].

    qkv: float32[n, 3 * heads * width], the rows of all texts, equally many each; of a text's rows the first `counts` are its
    tokens, the others are seen by nobody and give zeros. counts: int32[texts]. width: a multiple of 16. bias:
    float32[heads, 2 * LONGEST_TEXT], what a score gains by how far its key lies behind its query; 0 in the middle.
    """
    call = jax.ffi.ffi_call("countersign_text_attention", _floats(qkv.shape[0], qkv.shape[1] // 3))
    found: jax.Array = call(qkv, counts, jnp.asarray(_NOTHING) if bias is None else bias, heads=np.int64(heads))
    return found


def attention(
    qkv: jax.Array,
    turns: Turns,
    keys: jax.Array,
    values: jax.Array,
    *,
    layer: int,
    heads: int,
    frequencies: NDArray[np.float32],
    scale: float,
    window: int = 0,
    query_gain: jax.Array | None = None,
    key_gain: jax.Array | None = None,
    epsilon: float = 0.0,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Norm, rotate, put keys and values into the cache, attend: (float32[n, heads * width], keys, values).

    qkv: float32[n, (heads + 2 * kv_heads) * width], the rows of all turns, equally many each; rows beyond a turn's count
    give zeros and are written nowhere. keys, values: float16[layers, blocks, kv_heads, 32, width], written in place. A
    head's keys of a block lie as [2, width, 16]: only this kernel reads them. frequencies: float32[width / 2], radians a
    position. scale: of the queries. window: positions that are seen, a token's own included; 0 for all. query_gain,
    key_gain: float32[width], where queries and keys have an RMS norm.
    """
    width = keys.shape[4]
    pool = jax.ShapeDtypeStruct(keys.shape, jnp.float16)  # type: ignore[no-untyped-call]
    call = jax.ffi.ffi_call(
        "countersign_attention",
        (_floats(qkv.shape[0], heads * width), pool, pool),
        input_output_aliases={4: 1, 5: 2},
    )
    nothing = jnp.asarray(_NOTHING)
    mixed, keys, values = call(
        qkv,
        turns.starts,
        turns.counts,
        turns.tables,
        keys,
        values,
        jnp.asarray(frequencies),
        nothing if query_gain is None else query_gain,
        nothing if key_gain is None else key_gain,
        layer=np.int64(layer),
        heads=np.int64(heads),
        window=np.int64(window),
        scale=np.float32(scale),
        epsilon=np.float32(epsilon),
    )
    return mixed, keys, values


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)  # type: ignore[no-untyped-call]
