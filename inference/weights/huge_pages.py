"""Weights in memory of large pages: an answer reads all of them for every token, and looking pages up costs a fifth of that.

The file is read, not mapped, so that no page is held twice.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ALIGNED = 64  # what XLA needs to take an array over without copying it


def read_arrays(files: Mapping[str, Path]) -> dict[str, NDArray[Any]]:
    """The arrays of .npy files, read-only, one behind the other in one piece of memory."""
    headers = {name: _header(path) for name, path in files.items()}
    places: dict[str, int] = {}
    end = 0
    for name, (shape, kind, _) in headers.items():
        places[name] = end
        end += -(-int(np.prod(shape)) * kind.itemsize // _ALIGNED) * _ALIGNED
    memory = mmap.mmap(-1, max(end, 1))
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without large pages: slower, not wrong
            memory.madvise(mmap.MADV_HUGEPAGE)
    arrays: dict[str, NDArray[Any]] = {}
    for name, (shape, kind, offset) in headers.items():
        count = int(np.prod(shape))
        array = np.frombuffer(memory, kind, count, places[name])
        with files[name].open("rb", buffering=0) as file:
            file.seek(offset)
            _fill(file, memoryview(memory)[places[name] : places[name] + array.nbytes])
        array.flags.writeable = False
        arrays[name] = array.reshape(shape)
    return arrays


def _fill(file: Any, room: memoryview) -> None:
    done = 0
    while done < len(room):
        count = file.readinto(room[done:])
        if not count:
            raise EOFError(
                f"{file.name}: ends after {done} of {len(room)} bytes; remove its folder to convert the model anew"
            )
        done += count


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type and where the content begins (NumPy enhancement proposal 1)."""
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
        if fortran:
            raise ValueError(f"{path}: its array lies column by column; remove its folder to convert the model anew")
        return shape, kind, file.tell()
