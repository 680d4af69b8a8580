"""API keys: made once, shown once, kept as SHA-256.

A key holds 256 random bits, so a fast hash is enough: there is nothing to guess from a dictionary.

Invariant: a row whose seal does not fit opens nothing. Whoever writes past the program can take a key away, and give none.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, insert, select, update

from app.identity.row_seals import RowSeals
from app.identity.subjects import Person, Subject, at_terminal, formerly, spelt
from app.identity.tables import api_key
from audit.database.engine import writing

Role = Literal["caller", "auditor", "administrator"]
ROLES: tuple[Role, ...] = ("caller", "auditor", "administrator")
PREFIX = "cs_"
CACHE_S = 1.0
"""How long a looked-up key is believed: a revoked key stops working within a second."""


@dataclass(frozen=True)
class Key:
    """Whose key it is and what it may do. The key itself is not kept anywhere. intact: the row is as it was sealed."""

    id: str
    tenant: str
    role: Role
    label: str
    groups: frozenset[str]
    created: datetime
    revoked: datetime | None = None
    intact: bool = True


class ApiKeys:
    """The keys in the database, with a cache of a second. The lock guards the cache."""

    def __init__(self, engine: Engine, pepper: bytes, seals: RowSeals) -> None:
        self._engine, self._pepper, self._seals = engine, pepper, seals
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[float, Key | None]] = {}

    def create(self, tenant: str, role: Role, label: str, groups: Iterable[str]) -> str:
        """A new key's secret, which cannot be read again. Records nothing: see `app.governance.key_desk`."""
        secret = PREFIX + secrets.token_urlsafe(32)
        self.add(Key(secrets.token_hex(8), tenant, role, label, frozenset(groups), datetime.now(UTC)), secret)
        return secret

    def add(self, key: Key, secret: str) -> None:
        """Keeps a key under its secret's hash."""
        row = {
            "id": key.id,
            "hash": _hash(secret),
            "tenant": key.tenant,
            "role": key.role,
            "label": key.label,
            "groups": sorted(key.groups),
            "created": key.created,
            "revoked": None,
        }
        with self._engine.begin() as db:
            db.execute(insert(api_key).values(**self._seals.sealed(api_key, row)))

    def find(self, secret: str) -> Key | None:
        """The key of a secret, or None if it is unknown, revoked, or not as the program wrote it."""
        hashed = _hash(secret)
        now = time.monotonic()
        with self._lock:
            cached = self._cache.get(hashed)
        if cached and now - cached[0] < CACHE_S:
            return cached[1]
        with self._engine.connect() as db:
            row = db.execute(select(api_key).where(api_key.c.hash == hashed)).mappings().one_or_none()
        key = self._usable(row)
        with self._lock:
            if len(self._cache) > 10_000:
                self._cache.clear()
            self._cache[hashed] = (now, key)
        return key

    def by_id(self, key_id: str) -> Key | None:
        """The key of an id, or None if it is unknown, revoked, or not as the program wrote it."""
        with self._engine.connect() as db:
            row = db.execute(select(api_key).where(api_key.c.id == key_id)).mappings().one_or_none()
        return self._usable(row)

    def list(self) -> Sequence[Key]:
        """Every key there ever was, those whose rows were altered among them, oldest first."""
        with self._engine.connect() as db:
            return [self._key(row) for row in db.execute(select(api_key).order_by(api_key.c.created)).mappings()]

    def revoke(self, key_id: str) -> bool:
        """Whether a key of that id was in use until now."""
        found = select(api_key).where(api_key.c.id == key_id, api_key.c.revoked.is_(None)).with_for_update()
        with writing(self._engine) as db:
            row = db.execute(found).mappings().one_or_none()
            if row is not None:
                ended = {**row, "revoked": datetime.now(UTC)}
                if self._seals.fits(api_key, row):  # what was altered is not made good by ending it
                    ended = self._seals.sealed(api_key, ended)
                db.execute(
                    update(api_key).where(api_key.c.id == key_id).values(revoked=ended["revoked"], seal=ended["seal"])
                )
        with self._lock:
            self._cache.clear()
        return row is not None

    def _usable(self, row: Mapping[Any, Any] | None) -> Key | None:
        key = self._key(row) if row is not None else None
        return key if key is not None and key.intact and key.revoked is None else None

    def _key(self, row: Mapping[Any, Any]) -> Key:
        return Key(
            id=row["id"],
            tenant=row["tenant"],
            role=row["role"],
            label=row["label"],
            groups=frozenset(row["groups"] or ()),  # what was altered may be anything, and is named, not stumbled over
            created=row["created"],
            revoked=row["revoked"],
            intact=self._seals.fits(api_key, row),
        )

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
