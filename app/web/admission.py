"""Who may ask now: places for journeys, and what each key and each tenant may ask of them.

Invariant: a place that was taken is given back once, and nobody but its key and its tenant is charged for it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.quota_settings import Quota, Quotas
from app.web.problems import Problem

_MINUTE_S = 60.0
_BUSY_S = 2
_MOST = 10_000
"""Accounts that are remembered though nothing of theirs is under way."""


class _Rate:
    """A quota a minute that fills again all the time; it may be overdrawn by what is known only afterwards."""

    def __init__(self, most: int, now: float) -> None:
        self._most, self._left, self._at = most, float(most), now

    def wait_s(self, wanted: float, now: float) -> float:
        """0 where so much may be had now, else how long until it may. More than a whole minute's is had of a full one."""
        if not self._most:
            return 0.0
        self._left = min(self._left + (now - self._at) * self._most / _MINUTE_S, float(self._most))
        self._at = now
        return max(0.0, (min(wanted, float(self._most)) - self._left) * _MINUTE_S / self._most)

    def take(self, amount: float) -> None:
        self._left -= amount


@dataclass
class _Account:
    running: int
    requests: _Rate
    tokens: _Rate


@dataclass
class Place:
    """Of a journey under way. tokens: what it was charged when it was let in."""

    tokens: int
    accounts: tuple[_Account, ...] = field(repr=False, default=())


class Admission:
    """Lets at most `limit` journeys run at a time, so that slow streams never take every thread of the server, and of one
    key and one tenant as many as its quota says. `_lock` guards all of its state."""

    def __init__(self, limit: int, quotas: Quotas | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        quotas = quotas or Quotas()
        self._quotas = {"key": _kept(quotas.key, limit, 4), "tenant": _kept(quotas.tenant, limit, 8)}
        self._lock = threading.Lock()
        self._running = 0
        self._accounts: dict[tuple[str, str], _Account] = {}

    def enter(self, key: str, tenant: str, tokens: int) -> Place:
        """A place for a question of this key. tokens: about so many are read. Raises Problem 429 where there is none."""
        now = self._clock()
        with self._lock:
            if self._running >= self._limit:
                raise Problem(
                    429, "Too many questions are being answered; try again in a moment.", code="busy", retry_after=_BUSY_S
                )
            accounts = []
            for kind, name in (("key", key), ("tenant", tenant)):
                account = self._account(kind, name, now)
                _allow(kind, account, self._quotas[kind], tokens, now)
                accounts.append(account)
            for account in accounts:
                account.running += 1
                account.requests.take(1)
                account.tokens.take(tokens)
            self._running += 1
        return Place(tokens, tuple(accounts))

    def leave(self, place: Place, tokens: int = 0) -> None:
        """tokens: what the journey came to, where that is known. Leaving twice is harmless."""
        with self._lock:
            if not place.accounts:
                return
            for account in place.accounts:
                account.running -= 1
                account.tokens.take(max(0, tokens - place.tokens))
            place.accounts = ()
            self._running -= 1

    def _account(self, kind: str, name: str, now: float) -> _Account:
        if len(self._accounts) > _MOST:
            self._accounts = {one: account for one, account in self._accounts.items() if account.running}
        quota = self._quotas[kind]
        new = _Account(0, _Rate(quota.requests_minute, now), _Rate(quota.tokens_minute, now))
        return self._accounts.setdefault((kind, name), new)


def _kept(quota: Quota, limit: int, part: int) -> Quota:
    """The quota with its number of journeys: of a few places none is kept for others."""
    return quota if quota.chats else quota.model_copy(update={"chats": limit - limit // part})


def _allow(kind: str, account: _Account, quota: Quota, tokens: int, now: float) -> None:
    """Raises Problem 429."""
    whose = f"This {kind}"
    if account.running >= quota.chats:
        raise Problem(
            429,
            f"{whose} has {account.running} questions under way, and may have {quota.chats}; try again when one has ended.",
            code="busy",
            retry_after=_BUSY_S,
        )
    for what, rate, wanted, most in (
        ("questions", account.requests, 1, quota.requests_minute),
        ("tokens", account.tokens, tokens, quota.tokens_minute),
    ):
        if (wait := rate.wait_s(wanted, now)) > 0:
            seconds = math.ceil(wait)
            raise Problem(
                429,
                f"{whose} may ask {most} {what} a minute; try again in {seconds} s.",
                code="rate_limit_exceeded",
                retry_after=seconds,
            )
