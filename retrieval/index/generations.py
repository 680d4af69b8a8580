"""The library on disk: whole generations, and a CURRENT file that names the one in force.

A generation is written into a folder of its own and made durable before CURRENT is swapped to it in one rename:
whoever reads sees the old generation or the new one, never a mixture, whenever a crash comes.

    root/CURRENT                    the name of a folder below
    root/generations/NAME/          manifest.json  chunks.jsonl  vectors.npy  words.json  tokens.npy  lengths.npy  fields.npy
                                    graphs.bin
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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from retrieval.durable import sync, sync_folder
from retrieval.index.shared import Shared, fetched
from retrieval.types import DocumentInfo, LibraryBusy, LibraryDamaged, NotForgotten, Vectors

FORMAT = 1
_FIRST = ("key", "document", "source", "title", "digest", "access", "pages", "chunks")
"""What the first version of the format knows of a document; it refuses any other."""


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
    fields: tuple[npt.NDArray[np.uint8], ...] = ()  # of each token (see retrieval.index.fields); () in an older library
    rules: tuple[str, ...] = ()  # per document: the version of the rules that cut it
    graphs: tuple[bytes, ...] = ()  # per document: its evidence graph as stored; b"" where an older version ingested it
    probe: tuple[float, ...] = ()  # a fixed sentence's embedding: tells one model from another
    digest: str = ""


def made_ns(generation: str) -> int:
    """When a generation of this name was made, nanoseconds since 1970; 0 for ''."""
    first = generation.partition("-")[0]
    return int(first) if first.isdigit() else 0


class Store:
    """Reads and swaps generations. Writing needs `locked()`. shared: where the generations of several machines are; None:
    the folder is all there is."""

    def __init__(self, root: Path, shared: Shared | None = None) -> None:
        self.root = root
        self._shared = shared
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
        """The right to write, from the newest generation on. It is freed when its holder dies. Raises LibraryBusy."""
        with self._alone(timeout):
            if self._shared is None:
                yield
                return
            with self._shared.locked(timeout):
                self._take_newest(self._shared)
                yield

    def follow(self) -> bool:
        """Takes over the generation that another machine made; whether there was one. Raises LibraryDamaged: then the one
        until now stays in force."""
        if self._shared is None or self._shared.newest() in ("", self.generation):
            return False
        try:
            with self._alone(0):
                return self._take_newest(self._shared)
        except LibraryBusy:  # another process of this machine is at it
            return False

    def _take_newest(self, shared: Shared) -> bool:
        """Under the folder's lock."""
        name, own = shared.newest(), self.generation
        if name == own:
            return False
        if not name:  # a library from before it was shared
            shared.publish(own, self._generations / own, after="", forget=False)
            return False
        fetched(shared, name, self._generations)
        sync_folder(self._generations)
        self._swap(name)
        self._sweep(keep={name})  # what an earlier generation held may be what was to be forgotten
        return True

    @property
    def generation(self) -> str:
        """The name of the generation in force here; '' while there is none. A later one sorts after an earlier one."""
        return self._current.read_text("ascii").strip() if self._current.exists() else ""

    @contextlib.contextmanager
    def _alone(self, timeout: float) -> Iterator[None]:
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

    def write(self, contents: Contents, *, forget: bool = False) -> None:
        """Make `contents` the generation in force. Only under `locked()`.

        forget: leave no file of the generation before either, because of what it holds. Raises NotForgotten where one stays;
        `contents` are in force then.
        """
        before = self.generation
        later = made_ns(before) + 1  # than on the machine before, whatever its clock said
        name = f"{max(time.time_ns(), later):020d}-{contents.digest[:12]}"
        folder = self._generations / name
        folder.mkdir(parents=True)
        _save(folder, contents)
        sync_folder(folder)
        sync_folder(self._generations)
        if self._shared is not None:
            self._shared.publish(name, folder, after=before, forget=forget)
        self._swap(name)
        left = self._sweep(keep={name} if forget else {name, before})
        if forget and left:
            raise NotForgotten(f"{left[0]}: holds what was removed and cannot be deleted; check its rights and delete it")

    def _swap(self, name: str) -> None:
        fresh = self.root / "CURRENT.new"
        with open(fresh, "w", encoding="ascii") as file:
            file.write(name + "\n")
            sync(file)
        os.replace(fresh, self._current)
        sync_folder(self.root)

    def _sweep(self, keep: set[str]) -> list[Path]:
        """Drop all but the generation in force and the one before, which a reader may be opening just now; one that finds
        its files gone reads again. Returns what could not be dropped."""
        others = [folder for folder in self._generations.iterdir() if folder.name not in keep]
        for folder in others:
            shutil.rmtree(folder, ignore_errors=True)
        return [folder for folder in others if folder.exists()]


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
    places = np.cumsum(lengths)[:-1]
    kinds = None  # a library of before has none until its next ingest
    if "fields" in manifest or (folder / "fields.npy").exists():
        kinds = np.load(folder / "fields.npy", allow_pickle=False)
        if len(kinds) != len(flat):
            raise ValueError(f"fields.npy speaks of {len(kinds)} words, tokens.npy holds {len(flat)}")
    documents = _documents(manifest)
    sizes = manifest.get("graphs", [0] * len(documents))  # a library of before has none until its next ingest
    packed = (folder / "graphs.bin").read_bytes() if "graphs" in manifest else b""
    if len(sizes) != len(documents) or sum(sizes) != len(packed):
        raise ValueError(f"graphs.bin holds {len(packed)} bytes, its manifest speaks of {sum(sizes)}")
    return Contents(
        documents=documents,
        rows=rows,
        vectors=np.ascontiguousarray(vectors, np.float32),
        words=tuple(json.loads((folder / "words.json").read_text("utf-8"))),
        tokens=tuple(np.split(flat, places)) if len(lengths) else (),
        fields=tuple(np.split(kinds, places)) if kinds is not None and len(lengths) else (),
        rules=tuple(manifest["rules"]),
        graphs=tuple(packed[end - size : end] for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)),
        probe=tuple(manifest["probe"]),
        digest=manifest["digest"],
    )


def _save(folder: Path, contents: Contents) -> None:
    lengths = np.array([len(one) for one in contents.tokens], np.int32)
    flat = np.concatenate(contents.tokens) if contents.tokens else np.zeros(0, np.int32)
    arrays = {"vectors": contents.vectors, "tokens": flat, "lengths": lengths}
    if len(contents.fields) == len(contents.rows):
        arrays["fields"] = np.concatenate(contents.fields) if contents.fields else np.zeros(0, np.uint8)
    for name, array in arrays.items():
        with open(folder / f"{name}.npy", "wb") as file:
            np.save(file, array, allow_pickle=False)
            sync(file)
    manifest = {
        "format": FORMAT,
        "digest": contents.digest,
        "chunks": len(contents.rows),
        "probe": contents.probe,
        "rules": contents.rules,
        "graphs": [len(one) for one in contents.graphs] or [0] * len(contents.documents),
        "documents": [
            {name: value for name, value in vars(one).items() if name in _FIRST} | {"access": sorted(one.access)}
            for one in contents.documents
        ],
        "files": _files(contents.documents),  # apart: older versions read the list above
        "life": [_life(one) for one in contents.documents],
    }
    if "fields" in arrays:
        manifest["fields"] = len(arrays["fields"])
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in contents.rows)
    files = {
        "graphs.bin": b"".join(contents.graphs),
        "chunks.jsonl": lines.encode(),
        "words.json": json.dumps(contents.words).encode(),
        "manifest.json": json.dumps(manifest, indent=1).encode(),
    }
    for name, content in files.items():
        with open(folder / name, "wb") as file:
            file.write(content)
            sync(file)


def _documents(manifest: dict[str, Any]) -> tuple[DocumentInfo, ...]:
    stored = manifest["documents"]
    files = manifest.get("files", [["", ""]] * len(stored))  # a library of before kept no paths
    lives = manifest.get("life", [[1, None, None, "", ""]] * len(stored))  # nor versions
    return tuple(
        DocumentInfo(
            **{**entry, "access": frozenset(entry["access"])},
            path=path,
            folder=folder,
            version=version,
            valid_from=date.fromisoformat(first) if first else None,
            valid_until=date.fromisoformat(last) if last else None,
            of=of,
            aside=aside,
        )
        for entry, (path, folder), (version, first, last, of, aside) in zip(stored, files, lives, strict=True)
    )


def _files(documents: Iterable[DocumentInfo]) -> list[list[str]]:
    return [[one.path, one.folder] for one in documents]


def _life(one: DocumentInfo) -> list[Any]:
    first, last = (day.isoformat() if day else None for day in (one.valid_from, one.valid_until))
    return [one.version, first, last, one.of, one.aside]
