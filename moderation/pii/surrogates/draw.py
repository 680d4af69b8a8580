"""Secret choices: the same for the same thing in one conversation, and nobody's guess without its secret.

Invariant: what is drawn depends on the secret and the purpose alone, so the same original always meets the same choices.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A stream of choices from HMAC-SHA256 in counter mode (a keyed pseudo-random function, FIPS 198-1).

    One draw is used by one thread; draws of other purposes tell nothing about it."""

    def __init__(self, secret: bytes, *purpose: str) -> None:
        """secret: 32 bytes. purpose: what is drawn and for what, so that no two things share a stream."""
        self._key = hmac.digest(secret, "\x1f".join(purpose).encode("utf-8", "surrogatepass"), hashlib.sha256)
        self._counter = 0

    def below(self, bound: int) -> int:
        """A number in 0..bound-1, each as likely as the others."""
        limit = (1 << 64) - (1 << 64) % bound
        while True:
            block = hmac.digest(self._key, self._counter.to_bytes(8, "big"), hashlib.sha256)
            self._counter += 1
            if (number := int.from_bytes(block[:8], "big")) < limit:
                return number % bound

    def pick(self, among: Sequence[T]) -> T:
        return among[self.below(len(among))]

    def digits(self, count: int) -> str:
        return "".join(str(self.below(10)) for _ in range(count))

    def letters(self, count: int, alphabet: str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ") -> str:
        return "".join(alphabet[self.below(len(alphabet))] for _ in range(count))

    def like(self, shown: str) -> str:
        """Each digit another digit, each letter another letter of its case; the rest stays."""
        out = []
        for character in shown:
            if character.isdigit():
                out.append(self.digits(1))
            elif character.isalpha():
                letter = self.letters(1)
                out.append(letter if character.isupper() else letter.lower())
            else:
                out.append(character)
        return "".join(out)
