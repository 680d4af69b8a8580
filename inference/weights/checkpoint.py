"""From weights files to arrays that the model takes, converted once and kept on disk by digest.

Reading the vocabulary and dequantising take tens of seconds; the converted arrays are there in a moment. A conversion
appears under its final name only when it is whole. See `inference.weights.conversion` for what a precision keeps.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference import kernels
from inference.architecture import Architecture
from inference.errors import ModelUnsupported
from inference.kernels.tiles import Matrix
from inference.text.vocabulary import Vocabulary
from inference.weights.conversion import Conversion, TileConversion
from inference.weights.gguf import read_gguf
from inference.weights.huge_pages import read_arrays
from inference.weights.huggingface import read_folder
from inference.weights.lora import Adapter
from inference.weights.tensors import Source

Arrays = dict[str, NDArray[Any]]
Precision = Literal["float32", "int8", "blocks"]
FORMAT = 2
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


def open_checkpoint(
    path: Path,
    digest: str,
    *,
    cache_dir: Path | None,
    precision: Precision | None = None,
    adapter: Adapter | None = None,
) -> Checkpoint:
    """The converted form of a GGUF file or of a folder in Hugging Face's layout, with the adapter merged into it;
    converts it where `cache_dir` does not hold it yet. `digest` names the weights, the adapter's included.

    Without a precision it is "blocks" where the C++ kernels can be used. Elsewhere the model runs on XLA's own products, in
    int8 above 400 million weights, else in float32. Raises `ModelUnsupported`.
    """
    if cache_dir is None:
        with tempfile.TemporaryDirectory(prefix="countersign-weights-") as scratch:
            return open_checkpoint(path, digest, cache_dir=Path(scratch), precision=precision, adapter=adapter)
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
            _convert(path, scratch_folder, precision, adapter, with_kernels=reason is None)
            os.rename(scratch_folder, folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same result
                raise
        finally:
            shutil.rmtree(scratch_folder, ignore_errors=True)
    return _open(folder)


def _open(folder: Path) -> Checkpoint:
    description = json.loads((folder / "description.json").read_text())
    shape = description["architecture"]
    return Checkpoint(
        architecture=Architecture(**{**shape, "rope_factors": tuple(shape.get("rope_factors", ()))}),
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


def _convert(path: Path, folder: Path, precision: Precision | None, adapter: Adapter | None, *, with_kernels: bool) -> None:
    source = read_source(path)
    if adapter is not None:
        source = adapter.onto(source)
    architecture = source.architecture
    obstacle = misfit(architecture)
    if precision == "blocks" and obstacle is not None:
        raise ModelUnsupported(f"the C++ kernels cannot run this model: {obstacle}; choose precision int8 or float32")
    if precision is None and with_kernels and obstacle is None:
        precision = "blocks"
    if precision is None and obstacle is not None and with_kernels:
        _LOG.warning("answers will be several times slower, on XLA's own products: %s", obstacle)
    precision = precision or ("int8" if architecture.parameters > _INT8_FROM else "float32")
    conversion = (TileConversion if precision == "blocks" else Conversion)(folder, source, precision)
    conversion.run()
    description = {
        "architecture": asdict(architecture),
        "vocabulary": asdict(source.vocabulary),
        "precision": precision,
        "arrays": sorted(file.stem for file in folder.glob("*.npy")),
        "matrices": conversion.matrices,
    }
    (folder / "description.json").write_text(json.dumps(description))


def read_source(path: Path) -> Source:
    """What a GGUF file or a folder in Hugging Face's layout holds; no tensor is read yet. Raises `ModelUnsupported`."""
    return read_folder(path) if path.is_dir() else read_gguf(path)


def misfit(architecture: Architecture) -> str | None:
    """Why the kernels cannot run a model, or None where they can."""
    width = architecture.heads * architecture.head_width
    return kernels.misfit(architecture.head_width, architecture.width, architecture.feed_forward, width)
