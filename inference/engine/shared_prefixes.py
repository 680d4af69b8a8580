"""Beginnings of prompts that all conversations may share, whosever they are: the product's own instructions.

They are computed when the engine starts, or read from disk where an earlier start has left them: a first question then
waits for its own words alone. A file belongs to one model, one instruction set and one text, and one that cannot be read is
computed anew.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from inference.engine.prefix_cache import Blocks, Names
from inference.engine.runner import Feed, Runner
from inference.kv_cache import POSITIONS


class Beginnings:
    """What is known by its tokens. Written once, when the engine starts, and only read afterwards."""

    def __init__(self, model: str, folder: Path | None) -> None:
        """model: what the cache's content depends on (weights, precision, kernels). folder: where to keep it, or None."""
        self._model, self._folder = model, folder
        self._known: list[list[int]] = []

    def public(self, tokens: Sequence[int]) -> int:
        """How many of a prompt's first tokens are one of these beginnings."""
        return max((_common(known, tokens) for known in self._known), default=0)

    def add(self, beginnings: Iterable[Sequence[int]]) -> None:
        self._known += [list(tokens) for tokens in beginnings]

    def fill(self, runner: Runner, blocks: Blocks) -> None:
        """Puts them into the cache, where a prompt that begins so finds them. For the engine's thread."""
        for tokens in self._known:
            whole = min(len(tokens), runner.context) // POSITIONS * POSITIONS
            names = Names(None, public=whole)
            names.extend(tokens, whole)
            table = blocks.take(len(names.all))
            if not table:  # too short for a block, or a small cache: then the first question pays
                continue
            try:
                self._fill(runner, tokens[:whole], table)
                for block, name in zip(table, names.all, strict=True):
                    blocks.name(block, name)
            finally:
                blocks.release(table)

    def _fill(self, runner: Runner, tokens: list[int], table: list[int]) -> None:
        file = self._file(tokens)
        if file is not None:
            with suppress(OSError, EOFError, ValueError, KeyError, BadZipFile), np.load(file) as kept:
                runner.put(table, kept["keys"], kept["values"])
                return
        size = runner.chunks[-1]
        for start in range(0, len(tokens), size):
            runner.run([Feed(start, tokens[start : start + size], table)])
        if file is not None:
            with suppress(OSError):  # a full disk costs the next start a second, and nothing else
                _save(file, *runner.content(table))

    def _file(self, tokens: list[int]) -> Path | None:
        if self._folder is None:
            return None
        content = f"{self._model} {tokens}".encode()
        return self._folder / f"{hashlib.blake2b(content, digest_size=16).hexdigest()}.npz"


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _save(file: Path, keys: NDArray[np.generic], values: NDArray[np.generic]) -> None:
    """A file appears under its name only when it is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=".writing-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            np.savez(out, keys=keys, values=values)
        os.replace(scratch, file)
    except BaseException:
        os.unlink(scratch)
        raise
