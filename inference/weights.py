"""From a GGUF file to arrays that the model takes, converted once and kept on disk by digest.

Reading the vocabulary and dequantising take tens of seconds; the converted arrays are there in a moment. A conversion
appears under its final name only when it is whole.

In "blocks" every matrix keeps the file's own quantised weights, ordered for the C++ kernels. In float32 every matrix is
exactly what the file's blocks say. In int8 each row of a matrix is rounded to its own scale (largest weight = 127), and the
embedding, of which a step reads single rows only, is kept in float16.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gguf import GGUFReader, ReaderTensor
from gguf.quants import dequantize
from numpy.typing import NDArray

from inference import kernels
from inference.architecture import Architecture, read_architecture
from inference.errors import ModelUnsupported
from inference.kernels.tiles import ROWS, Layout, Matrix, kind_of, tiles
from inference.resident import read_arrays
from inference.vocabulary import Vocabulary, read_vocabulary

Precision = Literal["float32", "int8", "blocks"]
FORMAT = 1
_ROWS = 4096
_INT8_FROM = 400_000_000
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A model as it lies in memory. `arrays` are read-only; `matrices` says which of them are tiles."""

    architecture: Architecture
    vocabulary: Vocabulary
    precision: Precision
    arrays: dict[str, NDArray[Any]]
    matrices: dict[str, Matrix]


def open_checkpoint(path: Path, digest: str, *, cache_dir: Path | None, precision: Precision | None = None) -> Checkpoint:
    """The converted form of a GGUF file; converts it where `cache_dir` does not hold it yet.

    Without a precision it is "blocks" where the C++ kernels can be used. Elsewhere the model runs on XLA's own products, in
    int8 above 400 million weights, else in float32. Raises `ModelUnsupported`.
    """
    if cache_dir is None:
        with tempfile.TemporaryDirectory(prefix="countersign-weights-") as scratch:
            return open_checkpoint(path, digest, cache_dir=Path(scratch), precision=precision)
    reason = kernels.unavailable() if precision in (None, "blocks") else None
    if reason is not None:
        if precision is not None:
            raise ModelUnsupported(f"weights in blocks need the C++ kernels: {reason}; choose precision int8 or float32")
        _LOG.warning("answers will be several times slower, on XLA's own products: %s", reason)
    # the choice of precision is part of the name, so that a later change of the rule converts anew
    choice = precision or ("auto" if reason is not None else "auto-kernels")
    folder = cache_dir / "weights" / f"{digest[:32]}-{choice}-v{FORMAT}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch_folder = Path(tempfile.mkdtemp(prefix=".converting-", dir=folder.parent))
        try:
            _convert(path, scratch_folder, precision, with_kernels=reason is None)
            os.rename(scratch_folder, folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same result
                raise
        finally:
            shutil.rmtree(scratch_folder, ignore_errors=True)
    return _open(folder)


def _open(folder: Path) -> Checkpoint:
    description = json.loads((folder / "description.json").read_text())
    return Checkpoint(
        architecture=Architecture(**description["architecture"]),
        vocabulary=Vocabulary(**description["vocabulary"]),
        precision=description["precision"],
        arrays=_arrays(folder, description),
        matrices={name: Matrix(*fields) for name, fields in description.get("matrices", {}).items()},
    )


def _arrays(folder: Path, description: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """The kernels read weights as fast as memory gives them, so theirs lie in large pages; others are mapped."""
    files = {name: folder / f"{name}.npy" for name in description["arrays"]}
    if description["precision"] == "blocks":
        return read_arrays(files)
    return {name: np.load(file, mmap_mode="r") for name, file in files.items()}


def _convert(path: Path, folder: Path, precision: Precision | None, *, with_kernels: bool) -> None:
    reader = GGUFReader(path)
    metadata = {name: field.contents() for name, field in reader.fields.items()}
    vocabulary = read_vocabulary(metadata)
    architecture = read_architecture(metadata, vocabulary.size)
    obstacle = kernels.misfit(architecture.head_width, architecture.width, architecture.feed_forward)
    if precision == "blocks" and obstacle is not None:
        raise ModelUnsupported(f"the C++ kernels cannot run this model: {obstacle}; choose precision int8 or float32")
    if precision is None and with_kernels and obstacle is None:
        precision = "blocks"
    precision = precision or ("int8" if architecture.parameters > _INT8_FROM else "float32")
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    conversion = (_TileConversion if precision == "blocks" else _Conversion)(folder, tensors, architecture, precision)
    conversion.run()
    description = {
        "architecture": asdict(architecture),
        "vocabulary": asdict(vocabulary),
        "precision": precision,
        "arrays": sorted(file.stem for file in folder.glob("*.npy")),
        "matrices": conversion.matrices,
    }
    (folder / "description.json").write_text(json.dumps(description))


class _Conversion:
    """Writes one array file per fused matrix, a block of rows at a time."""

    def __init__(
        self, folder: Path, tensors: dict[str, ReaderTensor], architecture: Architecture, precision: Precision
    ) -> None:
        self.folder = folder
        self.tensors = tensors
        self.architecture = architecture
        self.precision = precision
        self.matrices: dict[str, Matrix] = {}

    def run(self) -> None:
        self.embedding()
        if "output.weight" in self.tensors:
            self.matrix("head", ["output.weight"])
        elif self.precision == "int8":  # tied: the embedding again, as a matrix of products
            self.matrix("head", ["token_embd.weight"])
        self.vector("norm", ["output_norm.weight"])
        for layer in range(self.architecture.layers):
            source, target = f"blk.{layer}.", f"layers.{layer}."
            qkv = [f"{source}attn_{name}" for name in "qkv"]
            self.vector(f"{target}attention_norm", [f"{source}attn_norm.weight"])
            self.matrix(f"{target}qkv", [f"{name}.weight" for name in qkv])
            if f"{qkv[0]}.bias" in self.tensors:
                self.vector(f"{target}qkv.bias", [f"{name}.bias" for name in qkv])
            self.matrix(f"{target}out", [f"{source}attn_output.weight"])
            self.vector(f"{target}feed_forward_norm", [f"{source}ffn_norm.weight"])
            self.matrix(f"{target}gate_up", [f"{source}ffn_gate.weight", f"{source}ffn_up.weight"])
            self.matrix(f"{target}down", [f"{source}ffn_down.weight"])

    def embedding(self) -> None:
        tensor = self.tensors["token_embd.weight"]
        kind = np.float32 if self.precision == "float32" else np.float16
        out = self.array("embedding", (self.architecture.vocabulary, self.architecture.width), kind)
        for start in range(0, len(out), _ROWS):
            out[start : start + _ROWS] = dequantize(tensor.data[start : start + _ROWS], tensor.tensor_type)

    def matrix(self, name: str, sources: Sequence[str]) -> None:
        """The sources one under the other, as [out, in]."""
        tensors = [self.tensors[source] for source in sources]
        shape = (sum(len(tensor.data) for tensor in tensors), int(tensors[0].shape[0]))
        quantised = self.precision == "int8"
        kernel = self.array(name, shape, np.int8 if quantised else np.float32)
        scale = self.array(f"{name}.scale", shape[:1], np.float32) if quantised else None
        done = 0
        for tensor in tensors:
            order = self.row_order(tensor)
            for start in range(0, len(order), _ROWS):
                rows = dequantize(tensor.data[order[start : start + _ROWS]], tensor.tensor_type)
                if scale is None:
                    kernel[done : done + len(rows)] = rows
                else:
                    kernel[done : done + len(rows)], scale[done : done + len(rows)] = quantise_rows(rows)
                done += len(rows)

    def vector(self, name: str, sources: Sequence[str]) -> None:
        tensors = [self.tensors[source] for source in sources]
        parts = [np.asarray(tensor.data, np.float32)[self.row_order(tensor)] for tensor in tensors]
        self.array(name, (sum(len(part) for part in parts),), np.float32)[:] = np.concatenate(parts)

    def row_order(self, tensor: ReaderTensor) -> NDArray[np.int64]:
        """Llama's GGUF interleaves the two halves of each rotary pair in q and k; undo that."""
        order = np.arange(len(tensor.data))
        if self.architecture.family == "llama" and (".attn_q." in tensor.name or ".attn_k." in tensor.name):
            pairs = order.reshape(-1, self.architecture.head_width // 2, 2)
            return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(-1)
        return order

    def array(self, name: str, shape: tuple[int, ...], kind: type[np.generic]) -> NDArray[Any]:
        return np.lib.format.open_memmap(self.folder / f"{name}.npy", mode="w+", dtype=kind, shape=shape)


class _TileConversion(_Conversion):
    """Keeps the file's weights as they are. A fused matrix is as many runs of tiles as its sources have kinds."""

    def embedding(self) -> None:
        self.tiles("embedding", [self.tensors["token_embd.weight"]])

    def matrix(self, name: str, sources: Sequence[str]) -> None:
        runs: list[list[ReaderTensor]] = []
        for tensor in (self.tensors[source] for source in sources):
            last = runs[-1][-1] if runs else None
            if last is None or kind_of(last.tensor_type) != kind_of(tensor.tensor_type) or len(last.data) % ROWS:
                runs.append([])
            runs[-1].append(tensor)
        for index, run in enumerate(runs):
            self.tiles(f"{name}.{index}", run)

    def tiles(self, name: str, tensors: Sequence[ReaderTensor]) -> None:
        kind, columns = kind_of(tensors[0].tensor_type), int(tensors[0].shape[0])
        rows = sum(len(tensor.data) for tensor in tensors)
        self.matrices[name] = Matrix(kind, rows, columns)
        out = self.array(name, (-(-rows // ROWS), Layout(kind, columns).tile_bytes), np.uint8)
        done = 0
        for tensor in tensors:
            order = self.row_order(tensor)
            for start in range(0, len(order), _ROWS):
                part = tiles(tensor.data[order[start : start + _ROWS]], tensor.tensor_type)
                out[done : done + len(part)] = part
                done += len(part)


def quantise_rows(rows: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8[out, in] and float32[out] whose product is each row to half a step of its largest weight / 127."""
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-12).astype(np.float32) / np.float32(127)
    return np.rint(rows / scale[:, None]).astype(np.int8), scale
