"""Which answers this process gave lately: whether a turn that a client brings along is one of ours.

Invariant: no word is kept, only digests under a key that ends with the process, over what was really said: a tag stands for
another person in another conversation. Another subject's turn is not found.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections import OrderedDict

from orchestrator.types import Basis

KEPT = 20_000


class RecentAnswers:
    """The last `kept` answered turns, by digest. `_lock` owns the table."""

    def __init__(self, kept: int = KEPT) -> None:
        self._key, self._kept = secrets.token_bytes(32), kept
        self._told: OrderedDict[bytes, tuple[str, Basis]] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, tenant: str, subject: str, asked: str, told: str, turn: tuple[str, Basis]) -> None:
        """asked, told: as the caller typed and read them. turn: its query, and what it rests on."""
        digest = self._digest(tenant, subject, asked, told)
        with self._lock:
            self._told[digest] = turn
            self._told.move_to_end(digest)
            while len(self._told) > self._kept:
                self._told.popitem(last=False)

    def said_in(self, tenant: str, subject: str, asked: str, told: str) -> tuple[str, Basis] | None:
        """The query in which this subject was told exactly this in answer to exactly that, and what it rests on; None where
        it is not known."""
        with self._lock:
            return self._told.get(self._digest(tenant, subject, asked, told))

    def _digest(self, tenant: str, subject: str, asked: str, told: str) -> bytes:
        """Clients keep the words and not always the line breaks."""
        written = json.dumps([tenant, subject, " ".join(asked.split()), " ".join(told.split())])
        return hmac.new(self._key, written.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
