"""Who is signed in to the review pages, why they look, and whether a form is one of ours.

Invariant: the session holds the key's id, never the key, and a revoked key is signed out at its next request.
"""

from __future__ import annotations

import hmac
import secrets

from flask import request, session

from app.identity.api_keys import Key, Role
from app.web import problems
from app.web.context import deployment

ROLES: tuple[Role, ...] = ("administrator", "auditor")


def reader() -> Key | None:
    """The signed-in key, if it is still in use."""
    known = session.get("key")
    found = deployment().keys.by_id(known) if isinstance(known, str) else None
    return found if found is not None and found.role in ROLES else None


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
