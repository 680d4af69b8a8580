"""Whether a bundle is what its publisher signed, with Python's standard library alone.

    python3 -I verify.py PUBLIC-KEY countersign-….tar.gz      before it is unpacked; the signature lies beside it
    python3 -I verify.py PUBLIC-KEY countersign-…/            after: the signature over SHA256SUMS, then every file

Invariant: this file needs no other file, so that it can be kept from an earlier delivery, read by a person, and
used before anything of the new one has run; a bundle with one byte changed, one file more or one file less is refused. The
public key never comes from the bundle. Signatures are minisign's (prehashed, "ED"), so minisign itself says the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUMS = "SHA256SUMS"
SIGNATURE = ".minisig"
_BLOCK = 1 << 20


class Refused(Exception):
    """The bundle must not be used; the message says why and what to do."""


@dataclass(frozen=True)
class PublicKey:
    """A minisign public key: 8 bytes that name it, 32 bytes of Ed25519."""

    name: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """From a `.pub` file's text or from its base64 line alone. Raises Refused."""
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("untrusted comment:")]
        blob = _base64(lines[0]) if len(lines) == 1 else b""
        if len(blob) != 42 or blob[:2] != b"Ed":
            raise Refused("this is no minisign public key (56 letters that begin with RW): take it from whom you trust")
        return cls(blob[2:10], blob[10:])

    @property
    def fingerprint(self) -> str:
        """For people who compare it by telephone: minisign's key id and the beginning of the key's SHA-256."""
        digest = hashlib.sha256(self.key).hexdigest()
        return f"{self.name[::-1].hex().upper()}  sha256 {' '.join(digest[i : i + 4] for i in range(0, 32, 4))}"

    def __str__(self) -> str:
        return base64.b64encode(b"Ed" + self.name + self.key).decode()


def read_key(given: str) -> PublicKey:
    """A public key from a file's name, or the key itself."""
    path = Path(given)
    try:
        text = path.read_text("utf-8") if path.is_file() else given
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read as a public key: {error}") from None
    return PublicKey.parse(text)


def check_file(key: PublicKey, path: Path) -> str:
    """The signature's trusted comment. Raises Refused where `path` is not what the key signed in `path`.minisig."""
    signature = path.with_name(path.name + SIGNATURE)
    for one in (path, signature):
        if not one.is_file():
            raise Refused(f"{one} is not there: carry the file and its {SIGNATURE} together")
    try:
        lines = signature.read_text("utf-8").splitlines()
        blob, comment, seal = _base64(lines[1]), lines[2].removeprefix("trusted comment: "), _base64(lines[3])
    except (IndexError, UnicodeDecodeError):
        raise Refused(f"{signature} is no minisign signature: it was damaged; carry it again") from None
    if len(blob) != 74 or blob[:2] != b"ED":
        raise Refused(f"{signature} is no prehashed minisign signature: it was damaged; carry it again")
    if blob[2:10] != key.name:
        raise Refused(
            f"{path.name} was signed with key {blob[2:10][::-1].hex().upper()}, you trust {key.name[::-1].hex().upper()}:"
            " ask the publisher which is right, and do not use the bundle before"
        )
    if not verify_ed25519(key.key, _blake2b(path), blob[10:]):
        raise Refused(f"{path.name} is not what was signed: it was changed on the way; do not use it, carry it again")
    if not verify_ed25519(key.key, blob[10:] + comment.encode(), seal):
        raise Refused(f"the trusted comment of {signature.name} is not what was signed: do not use the bundle")
    return comment


def check_bundle(key: PublicKey, folder: Path) -> tuple[str, int]:
    """The signature first, then every file: (trusted comment, number of files). Raises Refused."""
    comment = check_file(key, folder / SUMS)
    listed = dict(_listed(folder / SUMS))
    there = set(_files(folder)) - {SUMS, SUMS + SIGNATURE}
    for problem, names in (("is missing", listed.keys() - there), ("is not in the signed list", there - listed.keys())):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise Refused(f"{sorted(names)[0]} {problem}{more}: unpack the bundle again, into an empty folder")
    for name, digest in sorted(listed.items()):
        if _sha256(folder / name) != digest:
            raise Refused(f"{name} is not what was signed: it was changed; do not use the bundle, carry it again")
    return comment, len(listed)


def _listed(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        digest, gap, name = line[:64], line[64:66], line[66:]
        parts = Path(name).parts
        if gap != "  " or not name or name.startswith("/") or ".." in parts or len(digest) != 64:
            raise Refused(f"{SUMS}, line {number} is no line of sha256sum: this is no bundle of Countersign")
        yield name, digest


def _files(folder: Path) -> Iterator[str]:
    """Every file below, relative; a link or a device is no file of a bundle."""
    for place, folders, names in os.walk(folder):
        for name in [*names, *(one for one in folders if os.path.islink(os.path.join(place, one)))]:
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                raise Refused(f"{path} is a link or a device: a bundle has none; unpack it again, into an empty folder")
            yield path.relative_to(folder).as_posix()


def _base64(line: str) -> bytes:
    try:
        return base64.b64decode(line.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _blake2b(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- Ed25519, RFC 8032 section 5.1.7; verification only, so nothing secret is ever computed with ------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]
"""X, Y, Z, T with x = X/Z, y = Y/Z, x*y = T/Z."""


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether S*B = R + k*A. An S of L or more, and a point in more than one form, are refused."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    return _equal(_times(s, _BASE), _add(r, _times(k, a)))


def _point(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _equal(p: Point, q: Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % _P == 0 and (p[1] * q[2] - q[1] * p[2]) % _P == 0


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE = _point(_BASE_Y.to_bytes(32, "little")) or (0, 1, 1, 0)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    path = Path(arguments[1])
    try:
        key = read_key(arguments[0])
        print(f"trusted key  {key.fingerprint}")
        if path.is_dir():
            comment, count = check_bundle(key, path)
            print(f"good         {count} files are what was signed: {comment}")
        else:
            print(f"good         {path.name} is what was signed: {check_file(key, path)}")
    except Refused as error:
        print(f"refused      {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
