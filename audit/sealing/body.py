"""How a body is sealed: salted, committed to in the envelope, and bound to its one event.

Invariant: the salt is sealed with the body, so that the commitment says nothing about the body once the key is destroyed;
what was sealed for one event cannot be opened in another's place.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass

from audit.sealing.subject_keys import SubjectKeys

SALT_SIZE = 16


@dataclass(frozen=True, slots=True)
class OpenedBody:
    """salt: bytes[16]; body: its canonical bytes."""

    salt: bytes
    body: bytes

    @property
    def commitment(self) -> str:
        """What the envelope must say of this body: HMAC-SHA256 under the salt, in hex."""
        return hmac.digest(self.salt, self.body, "sha256").hex()


def seal_body(keys: SubjectKeys, subject: str, log: str, event_id: str, body: bytes) -> tuple[bytes, str]:
    """The sealed bytes, and the commitment to the plaintext. Raises what the key store raises."""
    salted = OpenedBody(os.urandom(SALT_SIZE), body)
    return keys.seal(subject, salted.salt + body, _context(log, event_id)), salted.commitment


def open_body(keys: SubjectKeys, subject: str, log: str, event_id: str, sealed: bytes) -> OpenedBody:
    """Raises KeyDestroyed, KeyMissing, SealBroken."""
    opened = keys.open(subject, sealed, _context(log, event_id))
    return OpenedBody(opened[:SALT_SIZE], opened[SALT_SIZE:])


def _context(log: str, event_id: str) -> bytes:
    return f"{log}\0{event_id}".encode()
