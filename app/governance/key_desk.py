"""API keys are made and ended here, each with an event in the log of its tenant.

Invariant: a key opens nothing before its event is durable; one that is revoked opens nothing even where that cannot be
recorded.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.exc import SQLAlchemyError

from app.governance.announcer import Announcer, Said
from app.identity.api_keys import PREFIX, ApiKeys, Key, Role
from audit.kinds import KEY_CREATED, KEY_REVOKED

TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
LONGEST_LABEL, LONGEST_GROUP, MOST_GROUPS = 120, 200, 100
SHORTEST_PREFIX = 4


class KeyRefused(Exception):
    """A key that cannot be made or ended; the message says which, why, and what to do."""


class KeyDesk:
    """Holds nothing between calls."""

    def __init__(self, keys: ApiKeys, announcer: Announcer) -> None:
        self._keys, self._announcer = keys, announcer

    def create(self, tenant: str, role: Role, label: str, groups: Iterable[str], actor: str) -> str:
        """A new key's secret. Raises KeyRefused, and AuditUnavailable where nothing was made."""
        found = _checked(tenant, role, label, groups)
        secret = PREFIX + secrets.token_urlsafe(32)
        body = {"label": found.label, "groups": sorted(found.groups)}
        self._announcer.tell(KEY_CREATED, actor, lambda _log: Said(body, {"key": found.id, "role": role}), tenant)
        try:
            self._keys.add(found, secret)
        except SQLAlchemyError:
            self._tell_revoked(found, actor)
            raise
        return secret

    def revoke(self, named: str, actor: str) -> Key:
        """Ends the key of an id, of an id's first characters, or of a label, where that is one key in use. Raises
        KeyRefused; AuditUnavailable where it is ended and not recorded."""
        found = self._named(named)
        self._keys.revoke(found.id)
        self._tell_revoked(found, actor)
        return found

    def _tell_revoked(self, key: Key, actor: str) -> None:
        self._announcer.tell(KEY_REVOKED, actor, lambda _log: Said({}, {"key": key.id}), key.tenant)

    def _named(self, named: str) -> Key:
        used = [key for key in self._keys.list() if key.revoked is None]
        for which in (
            [key for key in used if key.id == named],
            [key for key in used if key.label == named],
            [key for key in used if len(named) >= SHORTEST_PREFIX and key.id.startswith(named)],
        ):
            if len(which) > 1:
                raise KeyRefused(f"'{named}' is several keys: {', '.join(key.id for key in which)}; name one by its id")
            if which:
                return which[0]
        raise KeyRefused(f"no key '{named}' is in use; see: countersign keys list")


def _checked(tenant: str, role: Role, label: str, groups: Iterable[str]) -> Key:
    if not TENANT.fullmatch(tenant):
        raise KeyRefused(
            f"tenant {tenant!r}: is no tenant's name; use up to 63 small letters, digits and hyphens, like halden-uk"
        )
    if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
        raise KeyRefused(f"label: needs 1 to {LONGEST_LABEL} printable characters that say what the key is for")
    named = frozenset(groups)
    if len(named) > MOST_GROUPS:
        raise KeyRefused(f"groups: {len(named)} are given; at most {MOST_GROUPS}")
    for group in sorted(named):
        strange = group != group.strip() or not group.isprintable() or any(sign in group for sign in ",*;")
        if not group or len(group) > LONGEST_GROUP or strange:
            raise KeyRefused(
                f"group {group!r}: is no group's name; use up to {LONGEST_GROUP} printable characters, no comma, semicolon"
                " or asterisk"
            )
    return Key(secrets.token_hex(8), tenant, role, label, named, datetime.now(UTC))
