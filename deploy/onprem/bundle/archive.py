"""An archive whose bytes depend on its files and nothing else: no times, owners or compressor.

The gzip layer stores (RFC 1951, 3.2.4) instead of compressing: wheels and quantised weights do not shrink, and what zlib
makes of the same input changes with its version. So two machines write the same bytes, as fast as the disk allows.
"""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_STORED = 0xFFFF
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, no time, no flags, unknown system (RFC 1952)


@dataclass(frozen=True)
class Item:
    """One file of a bundle: where its bytes are, or the bytes themselves."""

    source: Path | bytes
    executable: bool = False

    @property
    def size(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size

    def open(self) -> IO[bytes]:
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")

    def sha256(self) -> str:
        with self.open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


class StoredGzip(io.RawIOBase):
    """A gzip stream of stored blocks. Owned by one writer; `close` writes the trailer."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target, self._kept = target, bytearray()
        self._crc = self._size = 0
        target.write(_HEADER)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._kept += data
        while len(self._kept) > _STORED:
            self._block(bytes(self._kept[:_STORED]), last=False)
            del self._kept[:_STORED]
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._block(bytes(self._kept), last=True)
            self._target.write(struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))
        super().close()

    def _block(self, data: bytes, *, last: bool) -> None:
        self._target.write(struct.pack("<BHH", last, len(data), len(data) ^ 0xFFFF) + data)


def write_archive(path: Path, top: str, items: Mapping[str, Item]) -> None:
    """Writes `items` (relative name to file) below one folder called `top`, sorted by name."""
    with (
        path.open("wb") as file,
        StoredGzip(file) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_STORED) as archive,
    ):
        folders: set[str] = set()
        for name in sorted(items):
            full = f"{top}/{name}"
            for parent in reversed(list(Path(full).parents)[:-1]):
                if (folder := parent.as_posix()) not in folders:
                    folders.add(folder)
                    archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755))
            made = _entry(full, tarfile.REGTYPE, 0o755 if items[name].executable else 0o644)
            made.size = items[name].size
            with items[name].open() as content:
                archive.addfile(made, content)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """Time 0 and owner root, by number alone."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry
