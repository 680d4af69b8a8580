"""Which answers this process gave lately: whether a turn that a client brings along is one of ours.

Invariant: no word is kept, only digests under a key that ends with the process; another subject's turn is not found.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections import OrderedDict

from orchestrator.types import Turn

KEPT = 20_000


class RecentAnswers:
    """The last `kept` answered turns, by digest. `_lock` owns the table."""

    def __init__(self, kept: int = KEPT) -> None:
        self._key, self._kept = secrets.token_bytes(32), kept
        self._queries: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, tenant: str, subject: str, turn: Turn, query: str) -> None:
        """turn: pseudonymised, as it was released in this query."""
        digest = self._digest(tenant, subject, turn)
        with self._lock:
            self._queries[digest] = query
            self._queries.move_to_end(digest)
            while len(self._queries) > self._kept:
                self._queries.popitem(last=False)

    def said_in(self, tenant: str, subject: str, turn: Turn) -> str | None:
        """The query in which this subject was told exactly this in answer to exactly that; None where it is not known."""
        with self._lock:
            return self._queries.get(self._digest(tenant, subject, turn))

    def _digest(self, tenant: str, subject: str, turn: Turn) -> bytes:
        """Clients keep the words and not always the line breaks."""
        told = json.dumps([tenant, subject, " ".join(turn.question.split()), " ".join(turn.answer.split())])
        return hmac.new(self._key, told.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
