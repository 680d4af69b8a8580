"""Products of small matrices on one thread, for a service that has many.

NumPy's BLAS wakes a second thread for a product of some hundred thousand multiplications, and then two threads wait for each
other longer than either computes: on a busy machine twenty times as long. So a weight is cut into blocks that stay below
that bound, and a text into runs of sixteen tokens.
Invariant: the result is x @ W^T + b, to float32 rounding, whatever the number of rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
RUN = 16
_ALONE = 250_000  # multiplications; OpenBLAS stays on the caller's thread up to 262,144


class Linear:
    """x @ weight^T + bias; weight: float32[out, in]."""

    def __init__(self, weight: Floats, bias: Floats) -> None:
        out, size = weight.shape
        columns = next((n for n in range(out, 0, -1) if out % n == 0 and RUN * n * size <= _ALONE), 1)
        self._blocks = np.ascontiguousarray(weight.reshape(out // columns, columns, size).transpose(0, 2, 1))
        self._bias = np.ascontiguousarray(bias)
        self.size, self.out = size, out

    def __call__(self, x: Floats) -> Floats:
        """float32[n, in] to float32[n, out]"""
        count = len(x)
        runs = -(-count // RUN)
        padded = np.zeros((runs * RUN, self.size), np.float32)
        padded[:count] = x
        blocks = padded.reshape(runs, 1, RUN, self.size) @ self._blocks  # [runs, blocks, RUN, columns]
        found: Floats = blocks.transpose(0, 2, 1, 3).reshape(runs * RUN, self.out)[:count]
        return found + self._bias


class Maxout:
    """The largest of several linear maps, then a layer norm. weight: float32[out, pieces, in], bias: float32[out, pieces]"""

    _EPSILON = np.float32(1e-8)  # thinc's

    def __init__(self, weight: Floats, bias: Floats, scale: Floats, shift: Floats) -> None:
        self._width, self._pieces, size = weight.shape
        self._linear = Linear(weight.transpose(1, 0, 2).reshape(-1, size), bias.T.reshape(-1))
        self._scale, self._shift = scale, shift

    def __call__(self, x: Floats) -> Floats:
        """float32[n, in] to float32[n, out]"""
        every = self._linear(x)
        best: Floats = every[:, : self._width]
        for piece in range(1, self._pieces):
            best = np.maximum(best, every[:, piece * self._width : (piece + 1) * self._width])
        best = np.subtract(best, best.mean(axis=1, keepdims=True))
        variance = np.einsum("ij,ij->i", best, best)[:, None] / np.float32(self._width)
        best *= (variance + self._EPSILON) ** np.float32(-0.5)
        best *= self._scale
        best += self._shift
        return best
