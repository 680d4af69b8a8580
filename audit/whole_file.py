"""A file that appears whole, readable by its owner alone, or not at all.

Invariant: under its final name a file is complete and on disk, whatever crashes; of two processes that make the same file at
once one wins, and neither ever reads half of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def appearing(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A stream whose file gets its name, mode 0600, when the block ends without an error.

    replace: takes the place of an older file; otherwise raises FileExistsError where one has come meanwhile.
    """
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if replace:
            os.replace(made, path)
        else:
            os.link(made, path)  # unlike a rename, never over another file
    finally:
        Path(made).unlink(missing_ok=True)
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Makes the file, and its folder; does nothing where another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), appearing(path, replace=False) as stream:
        stream.write(content)


def rewrite_whole(path: Path, content: bytes) -> None:
    """Makes the file, and its folder, or puts a new one in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path, replace=True) as stream:
        stream.write(content)


def sync_folder(folder: Path) -> None:
    """Returns when the folder's names are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
