"""From a source's tensors to the arrays that the model takes, written one .npy file each.

In "blocks" every matrix keeps the file's own quantised weights, ordered for the C++ kernels; what is not quantised, or of a
kind the kernels do not know, is rounded to Q8_0. In float32 every matrix is exactly what the file says. In int8 each row of
a matrix is rounded to its own scale (largest weight = 127), and the embedding, of which a step reads single rows only, is
kept in float16.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ModelUnsupported
from inference.kernels.tiles import ROWS, Layout, Matrix
from inference.weights.tensors import Source, Tensor

_ROWS = 4096
_NORMS = ("attention_norm", "feed_forward_norm")
_MORE_NORMS = ("query_norm", "key_norm", "attention_after", "feed_forward_after")


class Conversion:
    """Writes into `folder`; `matrices` says afterwards which arrays are tiles."""

    def __init__(self, folder: Path, source: Source, precision: str) -> None:
        self.folder = folder
        self.source = source
        self.precision = precision
        self.matrices: dict[str, Matrix] = {}

    def run(self) -> None:
        """Raises `ModelUnsupported` where a tensor is missing or has another shape than the architecture says."""
        tensors = self.source.tensors
        self.embedding()
        if "head" in tensors:
            self.matrix("head", ["head"])
        elif self.precision == "int8":  # tied: the embedding again, as a matrix of products
            self.matrix("head", ["embedding"])
        self.vector("norm", ["norm"])
        for layer in range(self.source.architecture.layers):
            prefix = f"layers.{layer}."
            for name in (*_NORMS, *(name for name in _MORE_NORMS if prefix + name in tensors)):
                self.vector(prefix + name, [prefix + name])
            qkv = [prefix + name for name in "qkv"]
            self.matrix(f"{prefix}qkv", qkv)
            if f"{qkv[0]}.bias" in tensors:
                self.vector(f"{prefix}qkv.bias", [f"{name}.bias" for name in qkv])
            self.matrix(f"{prefix}out", [f"{prefix}out"])
            self.matrix(f"{prefix}gate_up", [f"{prefix}gate", f"{prefix}up"])
            self.matrix(f"{prefix}down", [f"{prefix}down"])

    def find(self, name: str) -> Tensor:
        if name not in self.source.tensors:
            raise ModelUnsupported(f"the weights lack {name!r}; the file is not whole, or not what it says it is")
        tensor = self.source.tensors[name]
        expected = self.expected(name.split(".", 2)[-1])
        if expected is not None and tensor.shape != expected:
            raise ModelUnsupported(f"{name!r} is {list(tensor.shape)} and should be {list(expected)}; the file is not whole")
        return tensor

    def expected(self, name: str) -> tuple[int, ...] | None:
        shape = self.source.architecture
        match name:
            case "embedding" | "head":
                return shape.vocabulary, shape.width
            case "query_norm" | "key_norm":
                return (shape.head_width,)
        return shape.matrices.get(name)

    def embedding(self) -> None:
        tensor = self.find("embedding")
        kind = np.float32 if self.precision == "float32" else np.float16
        out = self.array("embedding", tensor.shape, kind)
        for start in range(0, len(out), _ROWS):
            out[start : start + _ROWS] = tensor.rows(start, min(start + _ROWS, len(out)))

    def matrix(self, name: str, sources: Sequence[str]) -> None:
        """The sources one under the other, as [out, in]."""
        tensors = [self.find(source) for source in sources]
        shape = (sum(tensor.shape[0] for tensor in tensors), tensors[0].shape[1])
        quantised = self.precision == "int8"
        kernel = self.array(name, shape, np.int8 if quantised else np.float32)
        scale = self.array(f"{name}.scale", shape[:1], np.float32) if quantised else None
        done = 0
        for tensor in tensors:
            for start in range(0, tensor.shape[0], _ROWS):
                rows = tensor.rows(start, min(start + _ROWS, tensor.shape[0]))
                if scale is None:
                    kernel[done : done + len(rows)] = rows
                else:
                    kernel[done : done + len(rows)], scale[done : done + len(rows)] = quantise_rows(rows)
                done += len(rows)

    def vector(self, name: str, sources: Sequence[str]) -> None:
        whole = np.concatenate([self.find(source).vector() for source in sources])
        self.array(name, whole.shape, np.float32)[:] = whole

    def array(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        return np.lib.format.open_memmap(self.folder / f"{name}.npy", mode="w+", dtype=kind, shape=shape)


class TileConversion(Conversion):
    """A fused matrix is as many runs of tiles as its sources have kinds."""

    def embedding(self) -> None:
        self.tiles("embedding", [self.find("embedding")])

    def matrix(self, name: str, sources: Sequence[str]) -> None:
        runs: list[list[Tensor]] = []
        for tensor in map(self.find, sources):
            last = runs[-1][-1] if runs else None
            if last is None or last.kind != tensor.kind or last.shape[0] % ROWS:
                runs.append([])
            runs[-1].append(tensor)
        for index, run in enumerate(runs):
            self.tiles(f"{name}.{index}", run)

    def tiles(self, name: str, tensors: Sequence[Tensor]) -> None:
        kind, columns = tensors[0].kind, tensors[0].shape[1]
        rows = sum(tensor.shape[0] for tensor in tensors)
        self.matrices[name] = Matrix(kind, rows, columns)
        out = self.array(name, (-(-rows // ROWS), Layout(kind, columns).tile_bytes), np.uint8)
        done = 0
        for tensor in tensors:
            for start in range(0, tensor.shape[0], _ROWS):
                part = tensor.tiles(start, min(start + _ROWS, tensor.shape[0]))
                out[done : done + len(part)] = part
                done += len(part)


def quantise_rows(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8[out, in] and float32[out] whose product is each row to half a step of its largest weight / 127."""
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-12).astype(np.float32) / np.float32(127)
    return np.rint(rows / scale[:, None]).astype(np.int8), scale
