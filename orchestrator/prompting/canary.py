"""What is random in the prompts: a canary that shows when a prompt leaks, and a boundary that no passage can write.

Invariant: neither reaches a log, a record, a span or an exception: they have no representation, and a prompt's digest is
taken without them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

_LETTERS = "bcdfghjklmnpqrstvwxz"
"""No vowels and no figures: no word of any language looks like a mark, and numbering a mark's letters does not hide it."""
CANARY = 24  # letters, 103 bits
BOUNDARY = 8  # letters, 34 bits: a document was written before it was drawn, so it has one guess


@dataclass(frozen=True)
class Marks:
    """One journey's. canary: the same all through a conversation, so that the prefix of its prompts stays warm in the
    engine; an answer that repeats it never leaves, so nobody learns it. boundary: drawn for this journey alone."""

    canary: str = field(repr=False)
    boundary: str = field(repr=False)

    @classmethod
    def fresh(cls) -> Marks:
        return Marking().of("", "")

    def hidden(self, text: str) -> str:
        """A text of ours in which the marks are replaced by their names: what may be digested."""
        return text.replace(self.canary, "canary").replace(self.boundary, "boundary")


class Marking:
    """Draws marks. The key is made with the object, lives in this process alone and is never written down."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, tenant: str, conversation: str) -> Marks:
        told = f"{len(tenant)}:{tenant}{conversation}".encode()
        digest = hmac.new(self._key, told, hashlib.sha256).digest()
        return Marks(_written(digest, CANARY), _written(secrets.token_bytes(16), BOUNDARY))


def _written(drawn: bytes, length: int) -> str:
    number, letters = int.from_bytes(drawn, "big"), ""
    for _ in range(length):
        number, digit = divmod(number, len(_LETTERS))
        letters += _LETTERS[digit]
    return letters
