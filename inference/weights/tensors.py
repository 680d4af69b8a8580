"""Tensors of a weights file, whatever its format, and under the names that the model gives them.

A matrix is [out, in] and its rows come in the order that the model computes with; one run of rows at a time, so that a
conversion never holds more than a few thousand rows in float32.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import ReaderTensor
from gguf.quants import dequantize
from numpy.typing import NDArray

from inference.architecture import Architecture
from inference.kernels.tiles import kind_of, round_to_q8_0, tiles
from inference.text.vocabulary import Vocabulary


class Tensor:
    """`kind` is how the kernels hold the matrix; what is not quantised is rounded to Q8_0."""

    shape: tuple[int, ...]
    kind = "q8_0"

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Some rows, or some entries of a vector."""
        raise NotImplementedError

    def tiles(self, start: int, stop: int) -> NDArray[np.uint8]:
        """Some rows as the kernels read them; `start` is a multiple of a tile's rows."""
        return tiles(round_to_q8_0(self.rows(start, stop)), Type.Q8_0)

    def vector(self) -> NDArray[np.float32]:
        return self.rows(0, self.shape[0])


class Quantised(Tensor):
    """A tensor of a GGUF file. `order`: which of the file's rows stands where, or None for the file's own order."""

    def __init__(self, tensor: ReaderTensor, order: NDArray[np.int64] | None = None) -> None:
        self._tensor = tensor
        self._order = order
        self.shape = tuple(int(length) for length in reversed(tensor.shape))
        self.kind = kind_of(tensor.tensor_type)

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        return np.asarray(dequantize(self._data(start, stop), self._tensor.tensor_type), np.float32)

    def tiles(self, start: int, stop: int) -> NDArray[np.uint8]:
        return tiles(self._data(start, stop), self._tensor.tensor_type)

    def _data(self, start: int, stop: int) -> NDArray[Any]:
        data: NDArray[Any] = self._tensor.data
        return data[start:stop] if self._order is None else data[self._order[start:stop]]


class Stored(Tensor):
    """A tensor of a safetensors file, read by slices. `added`: to every weight (Gemma's norms are kept less 1)."""

    def __init__(self, part: Any, added: float = 0.0) -> None:
        self._part = part
        self._added = np.float32(added)
        self.shape = tuple(part.get_shape())

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        return np.asarray(self._part[start:stop]).astype(np.float32) + self._added


def model_name(name: str, outside: Mapping[str, str], layer: str, within: Mapping[str, str]) -> str | None:
    """What the model calls a file's tensor; None where no model here has it.

    outside: names of tensors beside the layers; layer: the file's word for one ("blk"); within: names inside one.
    """
    if name in outside:
        return outside[name]
    found = re.fullmatch(rf"{layer}\.(\d+)\.(.+)", name)
    return f"layers.{found[1]}.{within[found[2]]}" if found and found[2] in within else None


@dataclass(frozen=True)
class Source:
    """What a conversion takes. The names of `tensors` are: embedding, norm, head (where it is not the embedding), and of
    each layer "layers.N." with attention_norm, q, k, v (and q.bias, ...), query_norm, key_norm, out, attention_after,
    feed_forward_norm, gate, up, down, feed_forward_after."""

    architecture: Architecture
    vocabulary: Vocabulary
    tensors: dict[str, Tensor]
