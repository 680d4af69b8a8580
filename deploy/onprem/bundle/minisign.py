"""Signs as minisign does: a detached, prehashed Ed25519 signature with a signed comment.

Format: https://jedisct1.github.io/minisign/ . Keys that `minisign -G -W` makes can be used, and minisign reads those made
here. Signatures are deterministic, so that a bundle is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from deploy.onprem.install.verify import SIGNATURE, PublicKey

_COMMENT = "untrusted comment: "
_SIZE = 158  # algorithms 2+2+2, salt 32, limits 8+8, then name 8, seed and public key 64, checksum 32


class KeyUnusable(Exception):
    """A signing key cannot be used; the message says what to do."""


@dataclass(frozen=True)
class SecretKey:
    name: bytes
    seed: bytes

    @classmethod
    def generate(cls) -> SecretKey:
        return cls(os.urandom(8), os.urandom(32))

    @classmethod
    def load(cls, path: Path) -> SecretKey:
        """Raises KeyUnusable where it is protected by a password, damaged, or readable by others."""
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(f"{path} can be read by others: chmod 600 it, and make a new key if it leaked")
        try:
            blob = base64.b64decode(path.read_text("utf-8").splitlines()[1], validate=True)
        except (IndexError, UnicodeDecodeError, binascii.Error):
            blob = b""
        if len(blob) != _SIZE or blob[:2] != b"Ed":
            raise KeyUnusable(f"{path} is no minisign secret key: make one with `minisign -G -W`, or name no key")
        if blob[2:4] != b"\0\0":
            raise KeyUnusable(f"{path} is protected by a password, which a build cannot type: use a key made with -W")
        return cls(blob[54:62], blob[62:94])

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, self._key.public_key().public_bytes_raw())

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def save(self, path: Path) -> None:
        """As a new file of mode 0600, with its public half beside it (`.pub`)."""
        pair = self.seed + self.public.key
        checksum = hashlib.blake2b(b"Ed" + self.name + pair, digest_size=32).digest()
        blob = b"Ed" + b"\0\0" + b"B2" + bytes(48) + self.name + pair + checksum
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(f"{_COMMENT}Countersign bundle signing key: keep it secret\n{base64.b64encode(blob).decode()}\n")
        public_path(path).write_text(f"{_COMMENT}Countersign bundle public key\n{self.public}\n", "utf-8")

    def sign(self, path: Path, comment: str) -> Path:
        """Writes `path`.minisig and returns it."""
        with path.open("rb") as file:
            signature = self._key.sign(hashlib.file_digest(file, "blake2b").digest())
        seal = self._key.sign(signature + comment.encode())
        blob = base64.b64encode(b"ED" + self.name + signature).decode()
        text = f"{_COMMENT}signature of {path.name}\n{blob}\ntrusted comment: {comment}\n{base64.b64encode(seal).decode()}\n"
        written = path.with_name(path.name + SIGNATURE)
        written.write_text(text, "utf-8")
        return written


def public_path(secret: Path) -> Path:
    return secret.with_suffix(".pub")
