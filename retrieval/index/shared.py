"""Where generations are kept for several machines, in this room's words; the composition root hands an implementation.

A machine's folder is then a copy: whoever changes the library takes the shared lock, begins from the newest generation,
and publishes its own before it is in force anywhere.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from retrieval.types import LibraryDamaged

_NAMED = re.compile(r"[0-9]{20}-[0-9a-f]{12}")
"""What a store calls a generation: nothing else becomes a folder's name."""


class Shared(Protocol):
    """Thread-safe. Generations are named by the store that made them."""

    def locked(self, timeout: float) -> AbstractContextManager[None]:
        """The right to publish, for one process of all machines; freed when its holder dies. Raises LibraryBusy."""
        ...

    def newest(self) -> str:
        """The name of the generation in force; '' while there is none."""
        ...

    def fetch(self, name: str, folder: Path) -> None:
        """Writes the generation's files, each checked against its digest, into an empty folder; they are durable then.

        Raises LibraryDamaged where a part is missing or is not what its digest says.
        """
        ...

    def publish(self, name: str, folder: Path, *, after: str, forget: bool) -> None:
        """Makes a folder's files the generation in force, as a whole or not at all. forget: drop every earlier one.

        Raises LibraryBusy where the generation in force is not `after` any more: somebody else published meanwhile.
        """
        ...


def fetched(shared: Shared, name: str, generations: Path) -> None:
    """Fetches a generation into the folder of generations, under its name, once it is whole. Raises LibraryDamaged."""
    if not _NAMED.fullmatch(name):
        raise LibraryDamaged(f"the shared library's newest generation has a name that is none: {name[:60]!r}")
    fresh = generations / f"{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    shared.fetch(name, fresh)
    shutil.rmtree(generations / name, ignore_errors=True)  # of a writer that died before it was published
    os.replace(fresh, generations / name)
