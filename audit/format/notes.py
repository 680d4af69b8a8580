"""C2SP signed notes, checkpoints and cosignatures: what a log says of itself, and who vouches for it.

Formats: signed-note, tlog-checkpoint and tlog-cosignature (c2sp.org). A note is text that ends with a newline, an empty
line, then signature lines "— name base64(key hash ‖ signature)".

Invariant: a signature counts only under a key that the reader already trusts, and over exactly the text that is
read; lines of unknown keys are passed over, a bad line of a known key spoils the note.
"""

import base64
import binascii
import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import NoteRefused
from audit.format.merkle import HASH_SIZE

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE = 1 << 20
MAX_SIGNATURES = 100
MAX_SIZE = 1 << 63  # what a database's integer holds
_KEY_HASH = 4
_DASH = "— "
_PRIVATE = "PRIVATE+KEY+"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log looked like at a size: tlog-checkpoint's text."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Raises NoteRefused unless `text` is exactly what `text()` would write."""
        lines = text.split("\n")
        try:
            origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        except (IndexError, ValueError, binascii.Error):
            raise NoteRefused("not a checkpoint: three lines, origin, size and root, are expected") from None
        found = cls(origin, size, root, tuple(lines[3:-1]))
        sound = origin and 0 <= size < MAX_SIZE and len(root) == HASH_SIZE and all(found.extensions)
        if not sound or found.text() != text:
            raise NoteRefused("not a checkpoint: origin, size or root is not in its one form")
        return found


@dataclass(frozen=True, slots=True)
class Signature:
    """One line. blob: what follows the key hash; for a cosignature 8 bytes of time and the signature."""

    name: str
    key_hash: bytes
    blob: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_hash + self.blob).decode()}\n"

    @property
    def time(self) -> int:
        """Seconds since 1970 at which a cosignature was made."""
        return int(struct.unpack(">Q", self.blob[:8])[0])


@dataclass(frozen=True, slots=True)
class Note:
    """Signed text; `signatures` are as they stand there, checked or not."""

    text: str
    signatures: tuple[Signature, ...]

    def dump(self) -> str:
        return self.text + "\n" + "".join(one.line() for one in self.signatures)

    def plus(self, more: Iterable[Signature]) -> "Note":
        """With further signatures, each once."""
        return Note(self.text, tuple(dict.fromkeys((*self.signatures, *more))))

    @classmethod
    def parse(cls, data: str | bytes) -> "Note":
        """Raises NoteRefused for what is no signed note."""
        if len(data) > MAX_NOTE:
            raise NoteRefused(f"a note of more than {MAX_NOTE} bytes is not read")
        try:
            whole = data.decode() if isinstance(data, bytes) else data.encode().decode()
        except UnicodeError:
            raise NoteRefused("not a note: it is not UTF-8") from None
        if any(c < " " and c != "\n" for c in whole):
            raise NoteRefused("not a note: it holds control characters")
        text, separator, rest = whole.rpartition("\n\n")
        if not separator or not rest.endswith("\n"):
            raise NoteRefused("not a note: the empty line before the signatures, or the last newline, is missing")
        lines = rest[:-1].split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise NoteRefused(f"a note with more than {MAX_SIGNATURES} signatures is not read")
        return cls(text + "\n", tuple(_signature(line) for line in lines))


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: `name+hash+base64`, as signed-note's verifier keys are written."""

    name: str
    algorithm: int
    public: bytes

    @property
    def hash(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[:_KEY_HASH]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(bytes([self.algorithm]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Raises NoteRefused where the text is no Ed25519 key of a log or a witness, or its hash does not fit."""
        try:
            name, digest, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise NoteRefused(f"not a verifier key: {text.strip()[:60]!r}; it is written name+hash+base64") from None
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise NoteRefused(f"verifier key {name!r} is no Ed25519 key of a log (type 1) or a witness (type 4)")
        key = cls(checked_name(name), raw[0], raw[1:])
        if key.hash.hex() != digest:
            raise NoteRefused(f"verifier key {name!r}: its hash is {digest}, that of the key is {key.hash.hex()}")
        return key

    def made(self, signature: Signature) -> bool:
        """Whether the line names this key; says nothing of whether it is good."""
        return (signature.name, signature.key_hash) == (self.name, self.hash)

    def check(self, text: str, signature: Signature) -> None:
        """Raises NoteRefused where the signature is not this key's over `text`."""
        blob, message = signature.blob, text.encode()
        if self.algorithm == COSIGNATURE:
            if len(blob) != 72 or signature.time >= MAX_SIZE:
                raise NoteRefused(f"the cosignature of {self.name} is not 8 bytes of time and 64 of signature")
            message, blob = cosigned(text, signature.time), blob[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(blob, message)
        except InvalidSignature:
            raise NoteRefused(f"the signature of {self.name} does not fit the text: one of them was altered") from None


class Signer(Protocol):
    """Whoever can sign: a key in a file, or a service that keeps it."""

    @property
    def key(self) -> VerifierKey: ...

    def sign(self, text: str) -> Signature: ...


class SecretKey:
    """An Ed25519 key in this process. Writes a log's signatures, or a witness' cosignatures by its algorithm."""

    def __init__(self, name: str, seed: bytes, algorithm: int = ED25519) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.key = VerifierKey(checked_name(name), algorithm, self._private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str, algorithm: int = ED25519) -> "SecretKey":
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw(), algorithm)

    @classmethod
    def parse(cls, text: str) -> "SecretKey":
        """From `dump`. Raises NoteRefused; the message never holds the key."""
        try:
            name, digest, encoded = text.strip().removeprefix(_PRIVATE).split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raw, name, digest = b"", "", ""
        if not text.startswith(_PRIVATE) or len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise NoteRefused("not a signing key: it is written PRIVATE+KEY+name+hash+base64")
        made = cls(name, raw[1:], raw[0])
        if made.key.hash.hex() != digest:
            raise NoteRefused(f"signing key {name!r}: its hash does not fit its key; it was altered")
        return made

    def dump(self) -> str:
        encoded = base64.b64encode(bytes([self.key.algorithm]) + self._seed).decode()
        return f"{_PRIVATE}{self.key.name}+{self.key.hash.hex()}+{encoded}"

    def sign(self, text: str) -> Signature:
        return self.sign_at(text, int(time.time()))

    def sign_at(self, text: str, seconds: int) -> Signature:
        """seconds: since 1970, of a cosignature; a log's own signature has no time."""
        if self.key.algorithm == COSIGNATURE:
            blob = struct.pack(">Q", seconds) + self._private.sign(cosigned(text, seconds))
        else:
            blob = self._private.sign(text.encode())
        return Signature(self.key.name, self.key.hash, blob)


def cosigned(text: str, seconds: int) -> bytes:
    """What a witness signs (tlog-cosignature, cosignature/v1)."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def verified(note: Note, keys: Iterable[VerifierKey]) -> Mapping[str, Signature]:
    """The good signatures by `str(key)`. Raises NoteRefused where one that names a given key is bad."""
    found: dict[str, Signature] = {}
    for key in keys:
        for signature in note.signatures:
            if key.made(signature):
                key.check(note.text, signature)
                found[str(key)] = signature
    return found


def open_checkpoint(data: str | bytes, keys: Iterable[VerifierKey]) -> tuple[Checkpoint, Note]:
    """A checkpoint that one of the log's keys signed. Raises NoteRefused."""
    note = Note.parse(data)
    keys = [key for key in keys if key.algorithm == ED25519]
    if not verified(note, keys):
        names = ", ".join(f"{one.name}+{one.key_hash.hex()}" for one in note.signatures) or "nobody"
        raise NoteRefused(f"no given key signed this checkpoint: it is signed by {names}")
    return Checkpoint.parse(note.text), note


def checked_name(name: str) -> str:
    """A key's name: not empty, no space and no plus (signed-note). Raises NoteRefused."""
    if not name or "+" in name or any(c.isspace() or not c.isprintable() for c in name):
        raise NoteRefused(f"{name!r} is no name for a key: it must not be empty or hold spaces or plus signs")
    return name


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not line.startswith(_DASH) or not space or len(raw) <= _KEY_HASH or base64.b64encode(raw).decode() != encoded:
        raise NoteRefused(f"not a signature line: {line[:60]!r}")
    made = Signature(checked_name(name), raw[:_KEY_HASH], raw[_KEY_HASH:])
    if made.line() != line + "\n":  # base64 has unused bits: with them changed the line would still be "good"
        raise NoteRefused(f"not a signature line in its one form: {line[:60]!r}")
    return made
