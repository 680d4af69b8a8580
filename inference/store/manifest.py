"""The model manifest: which models Countersign knows, where their bytes come from, and their digests.

The digest is the trust: the publishers of the source packages are not. Every file of a model, and every part that a
file is assembled from, is pinned by SHA-256 and size, and nothing is used before it has been checked.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from inference.errors import ManifestError, UnknownModel

Kind = Literal["chat", "encoder", "ner"]
DEFAULT_MANIFEST = Path(__file__).with_name("manifest.toml")


@dataclass(frozen=True)
class Part:
    """A run of bytes inside a source package: the wheel's member, its digest and its length."""

    package: str
    version: str
    member: str
    sha256: str
    size: int

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class ModelFile:
    """One file of a model: its parts in order, end to end; or, without parts, a member of the model's archive."""

    path: str
    sha256: str
    size: int
    parts: tuple[Part, ...]
    member: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """One model. `entry` is what a loader takes, relative to the model's folder ("." is the folder itself).

    `digest` is the weights file's SHA-256 or, where a model is a folder of many files, that of its listing
    (`listing_digest`). archive: a ZIP file that all files are unpacked from, where the packages carry such a one in parts.
    """

    name: str
    kind: Kind
    origin: str
    licence: str
    use: str
    prompt_format: str
    context: int
    entry: str
    digest: str
    files: tuple[ModelFile, ...]
    ignore_requires_python: bool = False
    archive: ModelFile | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called here, and where it was published."""
        return self.name, self.origin.split(",")[0]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    @property
    def packages(self) -> tuple[str, ...]:
        """The source packages, pinned, in order and each once."""
        fetched = (self.archive,) if self.archive else self.files
        return tuple(dict.fromkeys(part.requirement for file in fetched for part in file.parts))


def listing_digest(files: tuple[ModelFile, ...]) -> str:
    """SHA-256 of the listing that `sha256sum` would print for the files, sorted by path."""
    lines = [f"{file.sha256}  {file.path}\n" for file in sorted(files, key=lambda file: file.path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def load_manifest(path: Path | None = None) -> dict[str, ModelSpec]:
    """The models by name, in the order of the manifest.

    Raises `ManifestError` where the manifest contradicts itself.
    """
    source = path or DEFAULT_MANIFEST
    with source.open("rb") as stream:
        tables: dict[str, Any] = tomllib.load(stream)["models"]
    return {name: _spec(source, name, table) for name, table in tables.items()}


def find_model(manifest: dict[str, ModelSpec], name: str) -> ModelSpec:
    if name not in manifest:
        raise UnknownModel(f"model {name!r} is not in the manifest; known models: {', '.join(manifest)}")
    return manifest[name]


def _spec(source: Path, name: str, table: dict[str, Any]) -> ModelSpec:
    def wrong(why: str) -> ManifestError:
        return ManifestError(f"{source}: model {name!r}: {why}")

    table = dict(table)
    try:
        files = tuple(_file(entry) for entry in table.pop("files"))
        archive = _file(table.pop("archive")) if "archive" in table else None
        spec = ModelSpec(name=name, files=files, archive=archive, **table)
    except (KeyError, TypeError) as error:
        raise wrong(f"a field is missing, unknown or of the wrong kind ({error})") from error
    if spec.kind not in ("chat", "encoder", "ner"):
        raise wrong(f"kind {spec.kind!r} is unknown; known kinds: chat, encoder, ner")
    if not files or any(not file.member if archive else not file.parts for file in files):
        raise wrong("it needs at least one file, and each file at least one part, or its member's name in the archive")
    for file in (archive,) if archive else files:
        if sum(part.size for part in file.parts) != file.size:
            raise wrong(f"the parts of {file.path!r} do not add up to its size, {file.size} bytes")
    for file in (*files, *((archive,) if archive else ())):
        if file.path.startswith("/") or ".." in file.path.split("/"):
            raise wrong(f"file {file.path!r} would lie outside the model's folder")
    if spec.digest not in {listing_digest(files), *(file.sha256 for file in files)}:
        raise wrong(f"digest {spec.digest} is neither a file's nor that of the listing")
    return spec


def _file(table: dict[str, Any]) -> ModelFile:
    """A file; one part that is the whole file need not repeat digest and size."""
    parts = tuple(
        Part(
            package=part["package"],
            version=part["version"],
            member=part["member"],
            sha256=part.get("sha256", table["sha256"]),
            size=part.get("size", table["size"]),
        )
        for part in table.get("parts", ())
    )
    return ModelFile(table["path"], table["sha256"], table["size"], parts, table.get("member", ""))
