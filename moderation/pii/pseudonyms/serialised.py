"""The map as bytes, in version 2; version 1, which had no surrogates, is still read.

Invariant: what `dumped` writes, `loaded` reads to the same map. It is personal data in the clear: the caller encrypts it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from moderation.pii.pseudonyms.original import Original
from moderation.types import ModerationError

VERSION = 2
SECRET_BYTES = 32


class PseudonymError(ModerationError):
    """A stored map cannot be read."""


def dumped(entries: Iterable[Original], secret: bytes, words: Mapping[str, str]) -> bytes:
    """words: of people's names, each with its false one."""
    rows = []
    for e in entries:
        row: dict[str, Any] = {"entity": e.entity, "number": e.number, "original": e.original, "keys": sorted(e.keys),
                               "names": list(e.names), "alone": e.alone}  # fmt: skip
        if e.fullest and e.fullest != e.original:
            row["fullest"] = e.fullest
        if e.surrogate:
            row["surrogate"] = e.surrogate
        rows.append(row)
    document = {"version": VERSION, "secret": secret.hex(), "words": dict(words), "entries": rows}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def loaded(data: bytes) -> tuple[list[Original], bytes, dict[str, str]]:
    """Raises PseudonymError where `data` is not what `dumped`, of this version or the one before, wrote."""
    try:
        document: Any = json.loads(data)
        version = document["version"]
        if version not in (1, VERSION):
            raise PseudonymError(f"pseudonyms: version {version!r} is unknown; this release reads versions 1 and {VERSION}")
        entries = [
            Original(
                str(row["entity"]),
                int(row["number"]),
                str(row["original"]),
                set(row["keys"]),
                tuple(row["names"]),
                bool(row["alone"]),
                str(row.get("fullest", row["original"])),
                str(row.get("surrogate", "")),
            )
            for row in document["entries"]
        ]
        secret = bytes.fromhex(document["secret"]) if version == VERSION else secrets.token_bytes(SECRET_BYTES)
        words = {str(k): str(v) for k, v in document["words"].items()} if version == VERSION else {}
        if len(secret) != SECRET_BYTES:
            raise ValueError("secret")
    except (ValueError, KeyError, TypeError, AttributeError) as broken:
        raise PseudonymError(
            f"pseudonyms: the stored map is damaged ({type(broken).__name__}); was it decrypted with the right key?"
        ) from broken
    return entries, secret, words
