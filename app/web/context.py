"""What a request is answered with: the service, the caller's key, the body checked against a model, room for a journey."""

from __future__ import annotations

from flask import current_app, request

from app.identity.api_keys import Key
from app.web.admission import Admission
from app.web.bodies import Body, read_body
from app.web.disconnects import Leaving
from app.web.problems import Problem
from app.web.refused_keys import RefusedKeys
from app.web.reveal import RevealDesk
from app.wiring.deployment import Deployment
from app.wiring.service import Service


def service() -> Service:
    """Of the application that answers this request."""
    found: Service = current_app.extensions["countersign"]
    return found


def deployment() -> Deployment:
    return service().deployment


def reveal_desk() -> RevealDesk:
    found = deployment()
    return RevealDesk(found.engine, found.reader, found.audit, found.memory, found.settings.reveal_persons)


def caller(*roles: str) -> Key:
    """The key of the request. Raises Problem 401 without a valid one, 403 where its role is not among `roles`."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        _refused("key_missing")
        raise Problem(401, "Send an API key: Authorization: Bearer cs_…", code="key_missing")
    key = deployment().keys.find(secret.strip())
    if key is None:
        _refused("key_unknown")
        raise Problem(
            401,
            "This API key is unknown or revoked. Ask your administrator for a new one.",
            code="key_unknown",
        )
    if key.role not in roles:
        _refused("role")
        raise Problem(
            403,
            f"This needs a key with the role {' or '.join(roles)}; this one is a {key.role}'s.",
            code="role",
        )
    return key


def _refused(why: str) -> None:
    found: RefusedKeys = current_app.extensions["countersign.refused_keys"]
    found.count(deployment().metrics, why)


def body(model: type[Body]) -> Body:
    """The request's JSON as `model`. Raises Problem 415, 413, 400 or 422; never echoes what was sent."""
    return read_body(model, deployment().settings.max_body)


def admission() -> Admission:
    found: Admission = current_app.extensions["countersign.admission"]
    return found


def leaving() -> Leaving:
    """Tells which callers have hung up."""
    found: Leaving = current_app.extensions["countersign.leaving"]
    return found
