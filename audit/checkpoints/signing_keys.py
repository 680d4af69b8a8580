"""The log's signing keys: where they come from, who else knows their public halves, and how one follows another.

A key file has one key a line: `PRIVATE+KEY+…` signs (every such key signs every checkpoint), `VAULT+KEY verifier-key url`
signs inside Vault's transit engine, and a plain verifier key has been retired: it only still verifies. The environment may
hold the same lines instead.

Invariant: a private key is never printed, logged or readable by others, and a key that ever signed stays known
until somebody removes its line by hand. Rotation: `rotate` puts a new key first, both sign for as long as verifiers need to
learn the new one, then `retire` keeps the old one's public half.
"""

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from audit.errors import KeyRefused, NoteRefused
from audit.format.notes import ED25519, SecretKey, Signature, Signer, VerifierKey
from audit.whole_file import rewrite_whole, write_whole

VARIABLE = "COUNTERSIGN_AUDIT_KEY"
_VAULT = "VAULT+KEY "
_VAULT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The keys of one log owner. signers: newest first; retired: verify only."""

    signers: tuple[Signer, ...]
    retired: tuple[VerifierKey, ...]

    @property
    def public(self) -> tuple[VerifierKey, ...]:
        return (*(signer.key for signer in self.signers), *self.retired)


class VaultKey:
    """An Ed25519 key that never leaves Vault's transit engine (or anything that speaks its `sign` call).

    url: of the sign call, like https://vault:8200/v1/transit/sign/countersign?key_version=1. The public half is pinned in
    `key`, so a key that was exchanged in Vault cannot sign unnoticed. The token comes from VAULT_TOKEN at every call.
    """

    def __init__(self, key: VerifierKey, url: str, environ: Mapping[str, str] = os.environ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or key.algorithm != ED25519:
            raise KeyRefused(f"{url!r} is no address of a transit sign call: https://host/v1/transit/sign/NAME")
        self.key = key
        self._options: dict[str, Any] = {k: int(v) if v.isdigit() else v for k, v in parse_qsl(parts.query)}
        self._url = urlunsplit(parts._replace(query=""))
        self._environ = environ

    def sign(self, text: str) -> Signature:
        """Raises KeyRefused where Vault cannot be reached or refuses, or signed with another key."""
        import httpx  # only who keeps the key in Vault pays for it

        body = {"input": base64.b64encode(text.encode()).decode(), **self._options}
        try:
            answer = httpx.post(
                self._url,
                json=body,
                headers={"X-Vault-Token": self._environ.get("VAULT_TOKEN", "")},
                timeout=_VAULT_TIMEOUT_S,
            )
            answer.raise_for_status()
            blob = base64.b64decode(answer.json()["data"]["signature"].rpartition(":")[2], validate=True)
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError, binascii.Error) as error:
            raise KeyRefused(f"{self._url} did not sign: {error}; no checkpoint can be issued until it does") from None
        signature = Signature(self.key.name, self.key.hash, blob)
        try:
            self.key.check(text, signature)
        except NoteRefused:
            raise KeyRefused(
                f"{self._url} signed with another key than {self.key}: pin the new key, or its version"
            ) from None
        return signature


def load_keys(path: Path, name: str, environ: Mapping[str, str] = os.environ) -> SigningKeys:
    """From the environment where it holds keys, else from `path`, which is made, with a key called `name`, if absent.

    Raises KeyRefused where the file can be read by others, a line is malformed, or no key signs.
    """
    if text := environ.get(VARIABLE):
        return _parsed(text, f"environment variable {VARIABLE}", environ)
    if not path.exists():
        write_whole(path, f"{SecretKey.generate(name).dump()}\n".encode())
    return _parsed(_read(path), str(path), environ)


def public_keys(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[VerifierKey, ...]:
    """Whom checkpoints of this installation may be signed by, retired keys too; empty where there is no key yet."""
    if not environ.get(VARIABLE) and not path.exists():
        return ()
    return load_keys(path, "unused", environ).public


def rotate(path: Path, name: str) -> VerifierKey:
    """Adds a new key in front; the old ones go on signing. Tell verifiers and witnesses the new key, then `retire`.

    Running processes sign with it from their next start. Raises KeyRefused where the environment holds the keys.
    """
    _must_be_in_a_file(path)
    old = _read(path) if path.exists() else ""
    made = SecretKey.generate(name)
    rewrite_whole(path, f"{made.dump()}\n{old}".encode())
    return made.key


def retire(path: Path, key: VerifierKey) -> None:
    """Replaces a signing key's line by its public half. Raises KeyRefused where it is not there, or is the only one, or
    the environment holds the keys."""
    _must_be_in_a_file(path)
    lines = _read(path).splitlines()
    signing = {str(found.key): at for at, line in enumerate(lines) if not isinstance(found := _key(line, {}), VerifierKey)}
    if str(key) not in signing:
        raise KeyRefused(f"{path} has no signing key {key}: it holds {', '.join(signing) or 'none'}")
    if len(signing) == 1:
        raise KeyRefused(f"{key} is the only key in {path}: make another one first")
    lines[signing[str(key)]] = str(key)
    rewrite_whole(path, "".join(f"{line}\n" for line in lines).encode())


def _must_be_in_a_file(path: Path) -> None:
    """A key that was added to a file which nobody reads would never sign."""
    if os.environ.get(VARIABLE):
        raise KeyRefused(
            f"the keys come from the environment variable {VARIABLE}, and {path} is not read: put its lines into a file of"
            " mode 0600, run this without the variable and with COUNTERSIGN_AUDIT_KEY_FILE naming the file, and set the"
            " variable to the file's new lines"
        )


def _parsed(text: str, source: str, environ: Mapping[str, str]) -> SigningKeys:
    found: list[Signer | VerifierKey] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(_key(line, environ))
            except (NoteRefused, KeyRefused) as error:
                raise KeyRefused(f"{source}, line {number}: {error}") from None
    ring = SigningKeys(
        tuple(one for one in found if not isinstance(one, VerifierKey)),
        tuple(one for one in found if isinstance(one, VerifierKey)),
    )
    if not ring.signers:
        raise KeyRefused(f"{source} holds no signing key: it begins with PRIVATE+KEY+ or VAULT+KEY")
    if any(key.algorithm != ED25519 for key in ring.public):
        raise KeyRefused(f"{source} holds a witness' key: a log signs with a key of type 1")
    return ring


def _key(line: str, environ: Mapping[str, str]) -> Signer | VerifierKey:
    if line.startswith(_VAULT):
        key, _, url = line.removeprefix(_VAULT).strip().partition(" ")
        return VaultKey(VerifierKey.parse(key), url.strip(), environ)
    if line.startswith("PRIVATE"):
        return SecretKey.parse(line)
    return VerifierKey.parse(line)


def _read(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyRefused(f"{path} can be read by others (mode {mode:04o}): chmod 600 it, and rotate the key if it leaked")
    return path.read_text("utf-8", "replace")
