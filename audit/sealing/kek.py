"""The key-encryption key, under which every subject's key is wrapped: from the environment, or from a file of its own.

Invariant: the file is readable by its owner alone, and two processes that start at once use the same key.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from audit.errors import KeyRefused
from audit.whole_file import write_whole

KEY_SIZE = 32


def load_kek(path: Path, environ: Mapping[str, str] = os.environ, name: str = "COUNTERSIGN_KEK") -> bytes:
    """The key-encryption key from the environment (base64) where it is set, else from `path`, made with mode 0600 if absent.

    Raises KeyRefused where it is malformed, or where the file can be read by others.
    """
    if text := environ.get(name):
        return _decoded(text, f"environment variable {name}")
    if not path.exists():
        write_whole(path, base64.b64encode(os.urandom(KEY_SIZE)) + b"\n")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyRefused(f"{path} can be read by others (mode {mode:04o}): chmod 600 it, and replace the key if it leaked")
    return _decoded(path.read_text("ascii", "replace"), str(path))


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_SIZE:
        raise KeyRefused(f"{source} does not hold {KEY_SIZE} bytes in base64: make one with `openssl rand -base64 32`")
    return key
