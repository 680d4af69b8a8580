"""Which engine a prompt goes to: the one that holds its beginning, while it is not busier than the others.

Rendezvous hashing (Thaler and Ravishankar 1998) with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2018,
arXiv:1608.01350): each key has its own order of the engines, and takes the first that would not exceed 1 + SLACK times
the mean of what is running. An engine that comes or goes moves the keys that it held, and no others.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass

SLACK = 0.25
PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


@dataclass
class Replica:
    """One engine as this process knows it. Owned by one thread.

    running: our own requests there. failures: in a row, since its last whole answer. paused_until: monotonic time; 0 where
    it is asked as usual. why: what it did when it last failed.
    """

    address: str
    running: int = 0
    failures: int = 0
    paused_until: float = 0.0
    why: str = "not asked yet"

    def failed(self, now: float, why: str) -> float:
        """It is left out for a time that doubles with each failure in a row; returns its seconds.

        Requests that were there together fail together: that is one failure, so call this for the first alone.
        """
        self.failures += 1
        pause = min(PAUSE_S * 2.0 ** min(self.failures - 1, 16), LONGEST_PAUSE_S)
        self.paused_until, self.why = now + pause, why
        return pause

    def back(self) -> None:
        """It answered a probe; how often it failed is forgotten when it has answered a question."""
        self.paused_until, self.why = 0.0, ""

    @property
    def paused(self) -> bool:
        return self.paused_until > 0.0


def order(key: bytes, replicas: Sequence[Replica]) -> list[Replica]:
    """The replicas in which a request is tried, those that are paused left out: first those with room, in the key's own
    order, then the full ones, in case that those refuse."""
    known = [one for one in replicas if not one.paused]
    room = capacity(known)
    mine = sorted(known, key=lambda one: hmac.digest(key, one.address.encode(), "sha256"), reverse=True)
    return sorted(mine, key=lambda one: one.running >= room)  # stable


def capacity(known: Sequence[Replica]) -> int:
    """The most requests that one of them may have, the next one included."""
    if not known:
        return 0
    return math.ceil((1 + SLACK) * (sum(one.running for one in known) + 1) / len(known))
