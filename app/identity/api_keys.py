"""API keys: made once, shown once, kept as SHA-256.

A key holds 256 random bits, so a fast hash is enough: there is nothing to guess from a dictionary.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import Engine, insert, select, update

from app.identity.subjects import Person, Subject, at_terminal, formerly, spelt
from app.identity.tables import api_key

Role = Literal["caller", "auditor", "administrator"]
ROLES: tuple[Role, ...] = ("caller", "auditor", "administrator")
PREFIX = "cs_"
CACHE_S = 1.0
"""How long a looked-up key is believed: a revoked key stops working within a second."""


@dataclass(frozen=True)
class Key:
    """Whose key it is and what it may do. The key itself is not kept anywhere."""

    id: str
    tenant: str
    role: Role
    label: str
    groups: frozenset[str]
    created: datetime
    revoked: datetime | None = None


class ApiKeys:
    """The keys in the database, with a cache of a second. The lock guards the cache."""

    def __init__(self, engine: Engine, pepper: bytes) -> None:
        self._engine, self._pepper = engine, pepper
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, Key | None]] = {}

    def create(self, tenant: str, role: Role, label: str, groups: Iterable[str]) -> str:
        """A new key's secret, which cannot be read again."""
        secret = PREFIX + secrets.token_urlsafe(32)
        row = {
            "id": secrets.token_hex(8),
            "hash": _hash(secret),
            "tenant": tenant,
            "role": role,
            "label": label,
            "groups": sorted(groups),
            "created": datetime.now(UTC),
        }
        with self._engine.begin() as db:
            db.execute(insert(api_key).values(**row))
        return secret

    def find(self, secret: str) -> Key | None:
        """The key of a secret, or None if it is unknown or revoked."""
        hashed = _hash(secret)
        now = time.monotonic()
        with self._lock:
            cached = self._cache.get(hashed)
        if cached and now - cached[0] < CACHE_S:
            return cached[1]
        with self._engine.connect() as db:
            row = db.execute(select(api_key).where(api_key.c.hash == hashed)).one_or_none()
        key = _key(row) if row is not None and row.revoked is None else None
        with self._lock:
            if len(self._cache) > 10_000:
                self._cache.clear()
            self._cache[hashed] = (now, key)
        return key

    def by_id(self, key_id: str) -> Key | None:
        """The key of an id, or None if it is unknown or revoked."""
        with self._engine.connect() as db:
            row = db.execute(select(api_key).where(api_key.c.id == key_id, api_key.c.revoked.is_(None))).one_or_none()
        return _key(row) if row is not None else None

    def list(self) -> Sequence[Key]:
        with self._engine.connect() as db:
            return [_key(row) for row in db.execute(select(api_key).order_by(api_key.c.created))]

    def revoke(self, key_id: str) -> bool:
        """Whether a key of that id was in use until now."""
        with self._engine.begin() as db:
            done = db.execute(
                update(api_key).where(api_key.c.id == key_id, api_key.c.revoked.is_(None)).values(revoked=datetime.now(UTC))
            )
        with self._lock:
            self._cache.clear()
        return bool(done.rowcount)

    def pseudonym(self, tenant: str, who: Subject) -> str:
        """The subject's name in records: keyed, so that nobody can test a guess without the key."""
        return self._keyed(tenant, spelt(who))

    def subjects(self, tenant: str, named: str) -> tuple[str, ...]:
        """Whom somebody at a terminal names: the subject first, then those under which earlier releases may have recorded
        the same person. Raises SubjectRefused."""
        who = at_terminal(named)
        if isinstance(who, str):
            return (who,)
        former = formerly(who, named.removeprefix("person:")) if isinstance(who, Person) else ()
        return tuple(dict.fromkeys((self.pseudonym(tenant, who), *(self._keyed(tenant, text) for text in former))))

    def _keyed(self, tenant: str, text: str) -> str:
        digest = hmac.new(self._pepper, f"{tenant}\x1f{text}".encode(), hashlib.sha256).hexdigest()
        return f"s_{digest[:32]}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _key(row: object) -> Key:
    values = row._mapping  # type: ignore[attr-defined]
    return Key(
        id=values["id"],
        tenant=values["tenant"],
        role=values["role"],
        label=values["label"],
        groups=frozenset(values["groups"]),
        created=values["created"],
        revoked=values["revoked"],
    )
