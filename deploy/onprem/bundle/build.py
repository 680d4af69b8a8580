"""Builds the bundle: one signed archive with everything that a host without a network needs.

Invariant: the bytes follow from the commit, the locks, the models' digests, the signing key and the build tools;
two runs give the same archive.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.onprem.bundle.archive import Item, write_archive
from deploy.onprem.bundle.errors import BundleError
from deploy.onprem.bundle.minisign import SecretKey
from deploy.onprem.bundle.pages import pages
from deploy.onprem.bundle.provenance import head, statement
from deploy.onprem.bundle.sbom import bill
from deploy.onprem.bundle.wheels import PLATFORM, PYTHON, build_own, collect, export, lock_of, sha256
from deploy.onprem.install.verify import SIGNATURE, SUMS
from inference.store.manifest import ModelSpec, find_model, load_manifest
from inference.store.model_store import ModelStore

COPIED = ("deploy", "migrations", "samples")
ASSETS = ("app/static", "app/templates")
POLICIES = "moderation/policies"
START = """Countersign {version}, for {platform} with Python {python}.

Check the signature with a key that did not come with this folder, then install (docs/deployment.html says more):

    make -C deploy/onprem verify install PUBKEY=RW… PREFIX=/opt/countersign
    make -C deploy/onprem help
"""


@dataclass(frozen=True)
class Wanted:
    """What to build. models: by manifest name; none: a light bundle. version: other than the commit's, for rehearsals."""

    root: Path
    out: Path
    models: tuple[str, ...]
    version: str | None = None

    @property
    def kept(self) -> Path:
        """Wheels that were fetched and kernels that were compiled, for the next build."""
        return self.root / "dist" / ".kept"


@dataclass(frozen=True)
class Built:
    archive: Path
    signature: Path
    sizes: dict[str, int]
    """Bytes of each folder of the bundle, and of all."""
    sha256: str


def build(wanted: Wanted, key: SecretKey, tell: Callable[[str], None]) -> Built:
    """Raises BundleError, or the model store's errors."""
    commit, epoch, changed = head(wanted.root)
    if changed:
        tell("the checkout has changes that are not committed: they are left out of the bundle")
    manifest = load_manifest()
    specs = [find_model(manifest, name) for name in wanted.models]
    wanted.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.out, prefix=".build-") as scratch:
        tree, own_folder = Path(scratch, "tree"), Path(scratch, "own")
        export(wanted.root, commit, tree)
        wheels = collect(tree / "requirements" / "runtime.lock", wanted.kept / "wheels")
        tell(f"{len(wheels)} wheels of the lock are here; building Countersign's own")
        own = build_own(tree, own_folder, wanted.kept, wanted.version, epoch)
        version = own.name.split("-")[1]
        items = dict(_contents(tree))
        items |= {f"wheels/{path.name}": Item(path) for path in [*wheels, own]}
        items |= dict(_models(specs, tell))
        digests = {name: item.sha256() for name, item in sorted(items.items())}
        by_path = {path: digests[f"wheels/{path.name}"] for path in [*wheels, own]}
        about: dict[str, Any] = {
            "version": version, "platform": PLATFORM, "python": PYTHON, "commit": commit, "models": list(wanted.models),
        }  # fmt: skip
        cards = {path.stem: path.read_text("utf-8") for path in (tree / "docs" / "model-cards").glob("*.md")}
        made = {
            "README.txt": START.format(**about).encode(),
            "bundle.json": _json(about),
            "requirements.lock": lock_of({path.name: digest for path, digest in by_path.items()}).encode(),
            "sbom.cdx.json": _json(bill(version, epoch, by_path, _needed(manifest, wanted), cards)),
            "provenance.json": _json(statement(tree, commit, {**about, "rehearsal": bool(wanted.version)}, digests)),
        }
        items |= {name: Item(content) for name, content in made.items()}
        sums = "".join(f"{digests.get(name) or item.sha256()}  {name}\n" for name, item in sorted(items.items()))
        top = f"countersign-{version}-{PLATFORM}"
        listing = Path(scratch, SUMS)
        listing.write_text(sums, "utf-8")
        signed = key.sign(listing, f"countersign {version} {PLATFORM} commit {commit}")
        items |= {SUMS: Item(listing), SUMS + SIGNATURE: Item(signed)}
        partial = Path(scratch, "archive")
        write_archive(partial, top, items)
        archive = wanted.out / f"{top}.tar.gz"
        partial.replace(archive)
        sizes = _sizes(items)
    signature = key.sign(archive, f"{archive.name} commit {commit}")
    # what checks a delivery must not come with it: these two travel once, by another way
    shutil.copy(Path(__file__).parents[1] / "install" / "verify.py", wanted.out / "verify.py")
    return Built(archive, signature, {**sizes, "archive": archive.stat().st_size}, sha256(archive))


def _contents(tree: Path) -> Iterator[tuple[str, Item]]:
    """What is taken from the commit as it is, and the documents as pages."""
    for folder in COPIED:
        yield from _files(tree, tree / folder, folder)
    for folder in ASSETS:
        yield from _files(tree, tree / folder, f"assets/{Path(folder).name}")
    yield from _files(tree, tree / POLICIES, "samples/policies")
    for name, html in pages(tree):
        yield f"docs/{name}", Item(html.encode())


def _files(tree: Path, folder: Path, name: str) -> Iterator[tuple[str, Item]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    if not found:
        raise BundleError(f"{folder.relative_to(tree)} has no files in this commit")
    for path in found:
        yield f"{name}/{path.relative_to(folder).as_posix()}", Item(path.read_bytes(), bool(path.stat().st_mode & 0o100))


def _models(specs: list[ModelSpec], tell: Callable[[str], None]) -> Iterator[tuple[str, Item]]:
    store = ModelStore()
    missing = [spec.name for spec in specs if store.state(spec.name) != "present"]
    if missing:
        tell(f"fetching {', '.join(missing)}")
        store.pull(missing)
    for spec in specs:
        store.verify(spec.name)
        for file in spec.files:
            yield f"models/{spec.name}/{file.path}", Item(store.root / spec.name / file.path)


def _needed(manifest: dict[str, ModelSpec], wanted: Wanted) -> list[ModelSpec]:
    """A light bundle's bill still names the models that an installation can use."""
    return [find_model(manifest, name) for name in wanted.models] if wanted.models else list(manifest.values())


def _sizes(items: dict[str, Item]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name, item in items.items():
        folder = name.partition("/")[0] if "/" in name else "."
        sizes[folder] = sizes.get(folder, 0) + item.size
    return dict(sorted(sizes.items()))


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
