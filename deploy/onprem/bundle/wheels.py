"""The wheels: those that the lock pins, for the named platform, and Countersign's own.

Invariant: every wheel's digest is one that requirements/runtime.lock names, or it was built here from the commit.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.onprem.bundle.errors import BundleError

PYTHON = "3.11"
GLIBC = 28
"""The oldest glibc 2.x that the bundle is for: 28 is RHEL 8's; pip would take newer wheels if it were not told."""
PLATFORM = f"manylinux_2_{GLIBC}_x86_64"
_TAGS = [
    *(f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC, 4, -1)),
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)")
_VERSION = re.compile(r'^__version__ = ".*"$', re.MULTILINE)


@dataclass(frozen=True)
class Pinned:
    """One line of the lock."""

    name: str
    version: str
    digests: frozenset[str]


def read_lock(path: Path) -> list[Pinned]:
    """Raises BundleError where a requirement has no hash."""
    found = []
    for line in path.read_text("utf-8").replace("\\\n", " ").splitlines():
        if match := _PINNED.match(line):
            digests = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
            if not digests:
                raise BundleError(f"{path}: {match[1]} has no hash; run: make lock")
            found.append(Pinned(match[1], match[2], digests))
    return found


def collect(lock: Path, folder: Path) -> list[Path]:
    """The lock's wheels, one for each line; fetched with this interpreter's pip where `folder` lacks one.

    Raises BundleError with the end of pip's words.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pinned = read_lock(lock)
    if not (found := _chosen(pinned, folder)):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", f"--python-version={PYTHON}", "--implementation=cp"]
        command += [f"--abi={abi}" for abi in ("cp311", "abi3", "none")] + [f"--platform={tag}" for tag in _TAGS]
        done = subprocess.run([*command, f"--dest={folder}", f"--requirement={lock}"], capture_output=True, text=True)
        if done.returncode:
            raise BundleError(f"pip could not fetch the wheels of {lock.name}:\n{done.stderr[-2000:]}")
        found = _chosen(pinned, folder)
    if not found:
        raise BundleError(f"{folder} does not hold one wheel for each line of {lock.name}: empty it and build again")
    return found


def _chosen(pinned: list[Pinned], folder: Path) -> list[Path]:
    """[] where one is missing. A folder may also hold wheels of older locks."""
    by_digest = {sha256(path): path for path in sorted(folder.glob("*.whl"))}
    chosen = [next((by_digest[one] for one in sorted(line.digests) if one in by_digest), None) for line in pinned]
    return [path for path in chosen if path is not None] if all(chosen) else []


def lock_of(wheels: Mapping[str, str]) -> str:
    """Requirements that name each wheel by its digest: (file name to SHA-256) to text for `pip --require-hashes`."""
    lines = []
    for file, digest in sorted(wheels.items()):
        name, version = file.split("-")[:2]
        lines.append(f"{name}=={version} --hash=sha256:{digest}\n")
    return "".join(lines)


def export(root: Path, commit: str, folder: Path) -> None:
    """The commit's tree, and nothing that lies beside it uncommitted."""
    packed = subprocess.run(
        ["git", "-c", "tar.umask=0022", "archive", "--format=tar", commit], cwd=root, capture_output=True, check=False
    )
    if packed.returncode:
        raise BundleError(f"git cannot give out {commit}: {packed.stderr.decode(errors='replace').strip()}")
    archive = folder.with_suffix(".tar")
    archive.write_bytes(packed.stdout)
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    archive.unlink()


def build_own(tree: Path, scratch: Path, kept: Path, version: str | None, epoch: int) -> Path:
    """Countersign's wheel from an exported tree. kept: a folder for compiled kernels, which take a minute to compile.

    version: another version than the commit's, for rehearsals of an upgrade.
    """
    if version:
        source = tree / "app" / "__init__.py"
        source.write_text(_VERSION.sub(f'__version__ = "{version}"', source.read_text("utf-8")), "utf-8")
    built = kept / f"kernels-{_kernel_digest(tree)}.so"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}
    if built.is_file():
        environment["COUNTERSIGN_BUILT_KERNELS"] = str(built.resolve())
    command = [sys.executable, "setup.py", "-q", "bdist_wheel", f"--plat-name={PLATFORM}", f"--dist-dir={scratch}"]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, umask=0o022, check=False)
    found = sorted(scratch.glob("countersign-*.whl"))
    if done.returncode or len(found) != 1:
        raise BundleError(f"Countersign's own wheel could not be built:\n{(done.stdout + done.stderr)[-2000:]}")
    libraries = sorted(tree.glob("build/lib*/inference/kernels/_kernels*.so"))
    if not libraries:
        raise BundleError(
            f"the engine's C++ kernels were not built, and the bundle would answer slowly: {done.stderr[-1500:]}"
        )
    if not built.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(libraries[0], built)
    return found[0]


def _kernel_digest(tree: Path) -> str:
    """Of everything that the compiled kernels depend on: sources, flags, compiler, XLA's headers."""
    from importlib.metadata import version

    digest = hashlib.sha256(f"{compiler()}\n{version('jaxlib')}\n{sys.version}\n".encode())
    for path in [tree / "setup.py", *sorted((tree / "inference" / "kernels").glob("*.[ch]*"))]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def compiler() -> str:
    """The C++ compiler's own first line."""
    try:
        told = subprocess.run([os.environ.get("CXX", "g++"), "--version"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BundleError("a bundle needs a C++20 compiler for the engine's kernels (Debian: apt install g++)") from None
    return told.stdout.splitlines()[0] if told.stdout else "unknown"


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
