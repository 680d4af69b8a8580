"""What a source's sync remembers, and where fetched files lie.

    root/NAME.json      the items as they were last taken over
    root/NAME.lock      held by the one process that syncs this source
    root/NAME/…         fetched files, by their paths in the source; none where a source's files are read where they lie

Invariant: nothing outside root/NAME is ever written or removed; a file's place is inside it whatever the source calls it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retrieval.documents.find import composed
from retrieval.types import LibraryBusy, RetrievalError

FORMAT = 1
_LONGEST = 160  # bytes of one part of a path, of the 255 that file systems take: a mark may come to it


@dataclass(frozen=True)
class KnownFile:
    """A file of an item, as the library was given it. path: absolute; digest: SHA-256 of its bytes, hex."""

    path: str
    digest: str


@dataclass(frozen=True)
class Known:
    """An item as it was last taken over. problems: name and reason of each file of this version that is not in the library;
    they are not tried again before the version or the reader's rules change."""

    name: str
    version: str
    files: tuple[KnownFile, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


@dataclass
class State:
    """items: by id. rules: of reading, when they were taken over. told: digest of the problems last recorded."""

    items: dict[str, Known] = field(default_factory=dict)
    rules: str = ""
    told: str = ""


class Taken:
    """Places that are files', and the folders above them."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files: set[Path] = set()
        self._folders: set[Path] = set()
        for path in files:
            self.add(path)

    def add(self, path: Path) -> None:
        self._files.add(path)
        self._folders.update(path.parents)

    def free(self, path: Path) -> bool:
        return path not in self._files and path not in self._folders and self._files.isdisjoint(path.parents)


class Mirror:
    """One source's place on disk."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = Path(os.path.abspath(root)), name
        self.folder = self.root / name
        self._state = self.root / f"{name}.json"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The right to sync this source. Raises LibraryBusy at once where another process has it."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.root / f"{self.name}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LibraryBusy(f"source {self.name}: another sync of it is running; wait for it and try again") from None
            yield

    def read(self) -> State:
        """What was remembered; nothing where nothing was. Raises RetrievalError where it cannot be read."""
        try:
            found: dict[str, Any] = json.loads(self._state.read_text("utf-8"))
            if found["format"] != FORMAT:
                raise ValueError(f"format {found['format']}, but this version reads {FORMAT}")
            items = {
                id: Known(
                    one["name"],
                    one["version"],
                    tuple(KnownFile(**file) for file in one["files"]),
                    tuple((name, reason) for name, reason in one["problems"]),
                )
                for id, one in found["items"].items()
            }
            return State(items, found["rules"], found["told"])
        except FileNotFoundError:
            return State()
        except (ValueError, KeyError, TypeError) as error:
            raise RetrievalError(
                f"{self._state}: cannot be read ({error}); delete it: the next sync makes it again"
            ) from None

    def write(self, state: State) -> None:
        """Durable when it returns."""
        document = {"format": FORMAT, **asdict(state)}
        fresh = self._state.with_suffix(".json.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, indent=0)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._state)

    def place(self, name: str, id: str, taken: Taken, own: Container[Path] = ()) -> Path:
        """A free place for a file of this name, or one that is the item's own already; it is taken from now on."""
        parts = [part for part in composed(name).split("/") if part]
        safe = [_safe(part) for part in parts] or ["unnamed"]
        path = self.folder.joinpath(*safe)
        if safe != parts or not (path in own or taken.free(path)):
            mark = hashlib.sha256(f"{id}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
            path = path.with_name(f"{path.stem}~{mark}{path.suffix}")
            if not (path in own or taken.free(path)):  # a folder of its path is a file's name
                path = self.folder / path.name
        taken.add(path)
        return path

    def put(self, path: Path, content: bytes) -> None:
        """Writes a file as a whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{path.name}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(fresh, path)

    def drop(self, path: Path) -> None:
        """Removes a fetched file and the folders that it leaves empty; what lies elsewhere is left alone."""
        if not path.is_relative_to(self.folder):
            return
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root or not folder.is_relative_to(self.folder):
                break
            with contextlib.suppress(OSError):  # not empty, or gone
                folder.rmdir()

    def files(self) -> set[Path]:
        """Every fetched file that lies here."""
        return {path for path in self.folder.rglob("*") if path.is_file()} if self.folder.is_dir() else set()


def _safe(part: str) -> str:
    """A name that is a file's, visible, inside its folder, and not too long."""
    clean = "".join(sign if sign.isprintable() and sign not in '\\:*?"<>|' else "_" for sign in part)
    clean = clean.encode("utf-8", "replace").decode("utf-8").strip(" ")
    if clean.startswith((".", "~$")):
        clean = "_" + clean
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, suffix = clean, ""
    room = _LONGEST - len(suffix.encode()) - len(dot)
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(" ")
    return f"{stem or '_'}.{suffix}" if suffix else stem or "_"
