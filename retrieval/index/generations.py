"""The library on disk: whole generations, and a CURRENT file that names the one in force.

A generation is written into a folder of its own and made durable before CURRENT is swapped to it in one rename:
whoever reads sees the old generation or the new one, never a mixture, whenever a crash comes.

    root/CURRENT                    the name of a folder below
    root/generations/NAME/          manifest.json  chunks.jsonl  vectors.npy  words.json  tokens.npy  lengths.npy  graphs.bin
    root/lock                       held by the one process that writes
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypedDict

import numpy as np
import numpy.typing as npt

from retrieval.types import DocumentInfo, LibraryBusy, LibraryDamaged, Vectors

FORMAT = 1


class Row(TypedDict):
    """One stored chunk. `document` is its document's place in the manifest's list."""

    id: str
    document: int
    page: int | None
    section: str
    header: str
    text: str


@dataclass(frozen=True)
class Contents:
    """All that a generation holds. Row i of `rows`, `vectors` and `tokens` is the same chunk."""

    documents: tuple[DocumentInfo, ...] = ()
    rows: tuple[Row, ...] = ()
    vectors: Vectors = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    words: tuple[str, ...] = ()
    tokens: tuple[npt.NDArray[np.int32], ...] = ()
    rules: tuple[str, ...] = ()  # per document: the version of the rules that cut it
    graphs: tuple[bytes, ...] = ()  # per document: its evidence graph as stored; b"" where an older version ingested it
    probe: tuple[float, ...] = ()  # a fixed sentence's embedding: tells one model from another
    digest: str = ""


class Store:
    """Reads and swaps generations. Writing needs `locked()`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._current = root / "CURRENT"
        self._generations = root / "generations"

    def stamp(self) -> tuple[int, int] | None:
        """Changes whenever CURRENT is swapped; None while nothing has been ingested. Costs one stat."""
        try:
            seen = self._current.stat()
        except FileNotFoundError:
            return None
        return seen.st_mtime_ns, seen.st_ino

    def read(self) -> tuple[tuple[int, int] | None, Contents]:
        """The generation in force, and the stamp it was read under. Raises LibraryDamaged."""
        for attempt in range(5):
            stamp = self.stamp()
            if stamp is None:
                return None, Contents()
            folder = self._generations / self._current.read_text("ascii").strip()
            try:
                return stamp, _load(folder)
            except (OSError, ValueError, KeyError, TypeError) as error:
                if self.stamp() == stamp or attempt == 4:  # not merely overtaken by a newer generation
                    raise LibraryDamaged(
                        f"{folder}: the library cannot be read ({error}); restore it from a backup, "
                        "or delete the folder above 'generations' and ingest again"
                    ) from error
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def locked(self, timeout: float = 600.0) -> Iterator[None]:
        """The right to write. The operating system frees it when its holder dies. Raises LibraryBusy."""
        self.root.mkdir(parents=True, exist_ok=True)
        with open(self.root / "lock", "w") as lock:
            deadline = time.monotonic() + timeout
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise LibraryBusy(
                            f"{self.root}: another ingest has held the lock for {timeout:.0f} s; wait for it and try again"
                        ) from None
                    time.sleep(0.05)
            yield

    def write(self, contents: Contents) -> None:
        """Make `contents` the generation in force. Only under `locked()`."""
        name = f"{time.time_ns():020d}-{contents.digest[:12]}"
        folder = self._generations / name
        folder.mkdir(parents=True)
        _save(folder, contents)
        _sync_folder(folder)
        _sync_folder(self._generations)
        before = self._current.read_text("ascii").strip() if self._current.exists() else ""
        fresh = self.root / "CURRENT.new"
        with open(fresh, "w", encoding="ascii") as file:
            file.write(name + "\n")
            _sync(file)
        os.replace(fresh, self._current)
        _sync_folder(self.root)
        self._sweep(keep={name, before})

    def _sweep(self, keep: set[str]) -> None:
        """Drop all but the generation in force and the one before, which a reader may be opening just now."""
        for folder in self._generations.iterdir():
            if folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def _load(folder: Path) -> Contents:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text("utf-8"))
    if manifest["format"] != FORMAT:
        raise ValueError(f"format {manifest['format']}, but this version reads {FORMAT}")
    with open(folder / "chunks.jsonl", encoding="utf-8") as file:
        rows = tuple(json.loads(line) for line in file)
    vectors = np.load(folder / "vectors.npy", allow_pickle=False)
    flat = np.load(folder / "tokens.npy", allow_pickle=False)
    lengths = np.load(folder / "lengths.npy", allow_pickle=False)
    if not (len(rows) == len(vectors) == len(lengths) == manifest["chunks"]) or len(flat) != lengths.sum():
        raise ValueError(f"its files disagree: {len(rows)} chunks, {len(vectors)} vectors, {len(lengths)} token lists")
    documents = tuple(DocumentInfo(**{**entry, "access": frozenset(entry["access"])}) for entry in manifest["documents"])
    sizes = manifest.get("graphs", [0] * len(documents))  # a library of before has none until its next ingest
    packed = (folder / "graphs.bin").read_bytes() if "graphs" in manifest else b""
    if len(sizes) != len(documents) or sum(sizes) != len(packed):
        raise ValueError(f"graphs.bin holds {len(packed)} bytes, its manifest speaks of {sum(sizes)}")
    ends = list(itertools.accumulate(sizes))
    return Contents(
        documents=documents,
        rows=rows,
        vectors=np.ascontiguousarray(vectors, np.float32),
        words=tuple(json.loads((folder / "words.json").read_text("utf-8"))),
        tokens=tuple(np.split(flat, np.cumsum(lengths)[:-1])) if len(lengths) else (),
        rules=tuple(manifest["rules"]),
        graphs=tuple(packed[end - size : end] for size, end in zip(sizes, ends, strict=True)),
        probe=tuple(manifest["probe"]),
        digest=manifest["digest"],
    )


def _save(folder: Path, contents: Contents) -> None:
    lengths = np.array([len(one) for one in contents.tokens], np.int32)
    flat = np.concatenate(contents.tokens) if contents.tokens else np.zeros(0, np.int32)
    for name, array in (("vectors", contents.vectors), ("tokens", flat), ("lengths", lengths)):
        with open(folder / f"{name}.npy", "wb") as file:
            np.save(file, array, allow_pickle=False)
            _sync(file)
    manifest = {
        "format": FORMAT,
        "digest": contents.digest,
        "chunks": len(contents.rows),
        "probe": contents.probe,
        "rules": contents.rules,
        "graphs": [len(one) for one in contents.graphs] or [0] * len(contents.documents),
        "documents": [{**vars(one), "access": sorted(one.access)} for one in contents.documents],
    }
    with open(folder / "graphs.bin", "wb") as file:
        file.write(b"".join(contents.graphs))
        _sync(file)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in contents.rows)
    texts = {
        "chunks.jsonl": lines,
        "words.json": json.dumps(contents.words),
        "manifest.json": json.dumps(manifest, indent=1),
    }
    for name, text in texts.items():
        with open(folder / name, "w", encoding="utf-8") as file:
            file.write(text)
            _sync(file)


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
