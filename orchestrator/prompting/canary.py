"""The canary token, which shows when a prompt leaks, and the boundary that delimits passages, which no passage can write.

Invariant: neither reaches a log, a record, a span or an exception: they have no representation, and a prompt's digest is
taken without them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

_LETTERS = "bcdfghjklmnpqrstvwxz"
"""No vowels and no figures: no word of any language looks like a marker, and numbering its letters does not hide it."""
CANARY = 24  # letters, 103 bits
BOUNDARY = 8  # letters, 34 bits: a document was written before it was drawn, so it has one guess


@dataclass(frozen=True)
class PromptMarkers:
    """One journey's canary and boundary.

    canary: the same all through a conversation, so that the prefix of its prompts stays warm in the engine; an answer that
    repeats it never leaves, so nobody learns it. boundary: drawn for this journey alone.
    """

    canary: str = field(repr=False)
    boundary: str = field(repr=False)

    @classmethod
    def fresh(cls) -> PromptMarkers:
        return MarkerSource().of("", "")

    def hidden(self, text: str) -> str:
        """A text of ours in which the markers are replaced by their names: what may be digested."""
        return text.replace(self.canary, "canary").replace(self.boundary, "boundary")


class MarkerSource:
    """Draws markers. The key is made with the object, lives in this process alone and is never written down."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, tenant: str, conversation: str) -> PromptMarkers:
        told = f"{len(tenant)}:{tenant}{conversation}".encode()
        digest = hmac.new(self._key, told, hashlib.sha256).digest()
        return PromptMarkers(_written(digest, CANARY), _written(secrets.token_bytes(16), BOUNDARY))


def _written(drawn: bytes, length: int) -> str:
    number, letters = int.from_bytes(drawn, "big"), ""
    for _ in range(length):
        number, digit = divmod(number, len(_LETTERS))
        letters += _LETTERS[digit]
    return letters
