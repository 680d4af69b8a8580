"""From a GGUF file's blocks to the tiles that the kernels read: the same numbers in another order.

A tile is sixteen rows of a matrix, one for each lane of a vector register, so that a product needs no sums across lanes.
Nothing is rounded for Q4_K, Q6_K, Q4_0, Q4_1 and Q8_0. Every other type is rounded to Q8_0 (groups of 32 columns, largest
weight = 127), which loses less than the 8-bit activations do.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import dequantize
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
ROWS = 16
GROUP = 32
SUPER = 256
KINDS = ("q4_k", "q6_k", "q4_1", "q8_0")
"""In the order of the kernels' numbers. Q4_0 is kept as Q4_1."""

_KIND_OF = {Type.Q4_K: "q4_k", Type.Q6_K: "q6_k", Type.Q4_0: "q4_1", Type.Q4_1: "q4_1"}


class Matrix(NamedTuple):
    """What a run of tiles holds."""

    kind: str
    rows: int
    columns: int


class Layout(NamedTuple):
    """Bytes of one tile."""

    kind: str
    columns: int

    @property
    def tile_bytes(self) -> int:
        groups = self.columns // GROUP
        match self.kind:
            case "q4_k":
                return self.columns // SUPER * 2368
            case "q6_k":
                return self.columns // SUPER * 3392
            case "q4_1":
                return groups * 320
        return _filled(groups * 32) + groups * 512


def kind_of(tensor_type: Any) -> str:
    """How a matrix of this GGUF type is kept."""
    return _KIND_OF.get(tensor_type, "q8_0")


def tiles(data: NDArray[Any], tensor_type: Any) -> Bytes:
    """uint8[tiles, tile_bytes] from the rows of a GGUF tensor; missing rows of the last tile are zero.

    data: as the GGUF reader gives it, one row of blocks a row.
    """
    missing = -len(data) % ROWS
    if missing:
        data = np.concatenate([data, np.zeros((missing, *data.shape[1:]), data.dtype)])
    match kind_of(tensor_type):
        case "q4_k":
            return _q4_k(data)
        case "q6_k":
            return _q6_k(data)
        case "q4_1":
            return _q4_1(data, signed=tensor_type == Type.Q4_0)
    return _q8_0(data if tensor_type == Type.Q8_0 else round_to_q8_0(dequantize(data, tensor_type)))


def round_to_q8_0(rows: NDArray[np.float32]) -> Bytes:
    """Q8_0 blocks: half-precision scale and 32 signed bytes each."""
    groups = rows.reshape(len(rows), -1, GROUP)
    scale = (np.abs(groups).max(axis=2, keepdims=True) / np.float32(127)).astype(np.float16)
    whole = np.where(scale == 0, np.float32(1), scale.astype(np.float32))
    digits = np.clip(np.rint(groups / whole), -127, 127).astype(np.int8)
    return np.concatenate([scale.view(np.uint8), digits.view(np.uint8)], axis=2).reshape(len(rows), -1)


def dense_tiles(weights: NDArray[np.float32]) -> Bytes:
    """uint8[tiles, tile_bytes] of weights rounded to 8 bits with one scale a row, for `kernels.dense`.

    weights: float32[rows, columns], rows a multiple of 16 and columns of 64.
    """
    scale = np.abs(weights).max(axis=1, keepdims=True) / np.float32(127)
    digits = np.rint(weights / np.where(scale == 0, np.float32(1), scale)).astype(np.int8)
    quads = _quads(digits.view(np.uint8) ^ np.uint8(0x80))
    scales = np.ascontiguousarray(scale.reshape(-1, ROWS)).view(np.uint8)
    return np.concatenate([scales, quads.reshape(len(scales), -1)], axis=1)


def _q4_k(data: Bytes) -> Bytes:
    blocks = data.reshape(len(data), -1, 144)
    low, high, mixed = (blocks[..., start : start + 4] for start in (4, 8, 12))
    scales = np.concatenate([low & 63, (mixed & 15) | ((low >> 2) & 48)], axis=2)
    minima = np.concatenate([high & 63, (mixed >> 4) | ((high >> 2) & 48)], axis=2)
    pairs = blocks[..., 16:].reshape(*blocks.shape[:2], 4, 1, GROUP)
    digits = np.concatenate([pairs & 15, pairs >> 4], axis=3).reshape(len(data), -1)
    factors = np.stack([_rows_last(scales), _rows_last(minima)], axis=3)  # [tiles, supers, 8, 2, 16]
    return _join(
        len(data) // ROWS,
        blocks.shape[1],
        [_rows_last(blocks[..., 0:2]), _rows_last(blocks[..., 2:4]), factors, _nibbles(_quads(digits))],
    )


def _q6_k(data: Bytes) -> Bytes:
    blocks = data.reshape(len(data), -1, 210)
    lower = blocks[..., :128].reshape(*blocks.shape[:2], 2, 1, 64)
    upper = blocks[..., 128:192].reshape(*blocks.shape[:2], 2, 1, GROUP)
    low = np.concatenate([lower & 15, lower >> 4], axis=3)  # [.., 2, 2, 64]: four groups of 32 in each half
    high = np.concatenate([(upper >> shift) & 3 for shift in (0, 2, 4, 6)], axis=3)  # [.., 2, 4, 32]
    digits = low.reshape(len(data), -1) | (high.reshape(len(data), -1) << 4)
    quads = _quads(digits)
    pairs = (quads >> 4).reshape(*quads.shape[:2], 2, 4, ROWS * 4)
    top = pairs[..., 0, :] | (pairs[..., 1, :] << 2) | (pairs[..., 2, :] << 4) | (pairs[..., 3, :] << 6)
    quants = np.concatenate([_nibbles(quads & np.uint8(15)), top.reshape(*quads.shape[:2], -1)], axis=2)
    scale = _rows_last(blocks[..., 208:210])
    return _join(len(data) // ROWS, blocks.shape[1], [scale, np.zeros_like(scale), _rows_last(blocks[..., 192:208]), quants])


def _q4_1(data: Bytes, *, signed: bool) -> Bytes:
    """Q4_0 (signed: digits less 8) is Q4_1 whose minimum is eight scales, exactly. Minima are stored to be subtracted."""
    blocks = data.reshape(len(data), -1, 18 if signed else 20)
    scale = np.ascontiguousarray(blocks[..., 0:2])
    halves = np.ascontiguousarray(scale if signed else blocks[..., 2:4]).view(np.float16)
    least = (halves * np.float16(8) if signed else -halves).view(np.uint8)
    pairs = blocks[..., -16:]
    digits = np.concatenate([pairs & 15, pairs >> 4], axis=2).reshape(len(data), -1)
    return _join(len(data) // ROWS, blocks.shape[1], [_rows_last(scale), _rows_last(least), _nibbles(_quads(digits))])


def _q8_0(data: Bytes) -> Bytes:
    blocks = data.reshape(len(data), -1, 34)
    count, groups = len(data) // ROWS, blocks.shape[1]
    scales = np.zeros((count, _filled(groups * 32)), np.uint8)
    scales[:, : groups * 32] = _rows_last(blocks[..., :2]).reshape(count, -1)
    quads = _quads(blocks[..., 2:].reshape(len(data), -1) ^ np.uint8(0x80))
    return np.concatenate([scales, quads.reshape(count, -1)], axis=1)


def _quads(digits: Bytes) -> Bytes:
    """[rows, columns] to [tiles, groups, 8, 16 * 4]: four columns of each row side by side."""
    split = digits.reshape(len(digits) // ROWS, ROWS, -1, 8, 4)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1, 4)).reshape(len(split), split.shape[2], 8, ROWS * 4)


def _nibbles(quads: Bytes) -> Bytes:
    """[tiles, groups, 256]: the first half of a group in the low bits, the second in the high bits."""
    return (quads[:, :, :4] | (quads[:, :, 4:] << np.uint8(4))).reshape(*quads.shape[:2], -1)


def _rows_last(values: Bytes) -> Bytes:
    """[rows, blocks, n] bytes to [tiles, blocks, n, 16]; n = 2 is one half-precision number, whose bytes stay together."""
    split = values.reshape(len(values) // ROWS, ROWS, *values.shape[1:])
    if values.shape[2] == 2:
        return np.ascontiguousarray(split.transpose(0, 2, 1, 3)).reshape(len(split), split.shape[2], -1)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1))


def _join(count: int, blocks: int, parts: list[Bytes]) -> Bytes:
    flat = [part.reshape(count, blocks, -1) for part in parts]
    return np.concatenate(flat, axis=2).reshape(count, -1)


def _filled(size: int) -> int:
    return -(-size // 64) * 64
