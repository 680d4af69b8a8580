"""Who is signed in to the review pages, why they look, and whether a form is one of ours.

Invariant: the session holds the key's id, never the key, and a revoked key is signed out at its next request. Signing out
ends every session of the key in every replica, since it is read from the log, and none lasts longer than LONGEST_S.
"""

from __future__ import annotations

import hmac
import secrets
import time

from flask import request, session

from app.console.cookie import LONGEST_S
from app.identity.api_keys import Key, Role
from app.web import problems
from app.web.context import deployment
from app.web.looking import record_access
from audit.kinds import SIGNED_IN, SIGNED_OUT

ROLES: tuple[Role, ...] = ("administrator", "auditor")


def reader() -> Key | None:
    """The signed-in key, if it is still in use."""
    known, since, event = session.get("key"), session.get("since"), session.get("event")
    if not (isinstance(known, str) and isinstance(since, int) and isinstance(event, int)):
        return None
    found = deployment().keys.by_id(known)
    if found is None or found.role not in ROLES or time.time() - since > LONGEST_S:
        return None
    left = deployment().reader.happened_since(found.tenant, SIGNED_OUT, f"key:{found.id}", event)
    return None if left else found


def begin(key: Key, purpose: str) -> None:
    """Signs in, which is recorded first. Nothing of an earlier session stays."""
    session.clear()
    session.permanent = True
    session["key"], session["purpose"], session["since"] = key.id, purpose, int(time.time())
    session["event"] = record_access(key, SIGNED_IN, None, looking())


def end() -> None:
    """Signs out, which is recorded; the cookie opens nothing any more, wherever it was copied to."""
    if (key := reader()) is not None:
        record_access(key, SIGNED_OUT, None, {"channel": "review"})
    session.clear()


def acting() -> Key | None:
    """The signed-in key, for a form of ours. Raises Problem 400 where the form is not."""
    key = reader()
    if key is not None and not csrf_fits():
        raise problems.Problem(400, "This page had grown old; go back, load it again and try once more.", code="csrf")
    return key


def looking() -> dict[str, str]:
    """How and why somebody looks, for the record."""
    purpose = session.get("purpose")
    return {"channel": "review", **({"reason": str(purpose)} if purpose else {})}


def csrf() -> str:
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def csrf_fits() -> bool:
    """Whether the form is of a page that this session was given; without one, nothing fits."""
    known, given = session.get("csrf"), request.form.get("csrf_token", "")
    return bool(known) and hmac.compare_digest(str(known).encode(), given.encode("utf-8", "surrogatepass"))
