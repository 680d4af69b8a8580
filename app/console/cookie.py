"""The console's cookie: sealed, for TLS alone, and over at a fixed hour.

Invariant: outside plain loopback the cookie is `Secure` and `__Host-` (RFC 6265bis, 4.1.3): no plain connection, no other
name of the domain and no port without TLS gets or sets it. What it holds is read by this service alone.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature

from app.web.peers import asked_as_loopback, passed_on

NAME = "countersign_review"
LONGEST_S = 8 * 3600
"""From the sign-in on, however much the session is used."""


def over_tls() -> bool:
    """Whether the browser must have come by TLS: all but a plain connection to this very machine, which no proxy ends."""
    return request.is_secure or not asked_as_loopback() or passed_on()


class ReviewCookies(SecureCookieSessionInterface):
    """Flask's sessions in a cookie that is encrypted instead of signed only."""

    def get_cookie_name(self, app: Flask) -> str:
        return f"__Host-{NAME}" if over_tls() else NAME

    def get_cookie_secure(self, app: Flask) -> bool:
        return over_tls()

    def get_signing_serializer(self, app: Flask) -> Any:
        return _Sealed(app.secret_key)


class _Sealed:
    """What Flask asks of a serializer."""

    def __init__(self, secret: str | bytes | None) -> None:
        assert isinstance(secret, bytes)
        self._fernet = Fernet(base64.urlsafe_b64encode(secret))  # 32 bytes: app.wiring.key_material

    def dumps(self, held: dict[str, Any]) -> str:
        return self._fernet.encrypt(json.dumps(held).encode()).decode()

    def loads(self, sealed: str, max_age: int | None = None) -> dict[str, Any]:
        """Raises BadSignature where it is none of ours, or too old."""
        try:
            held: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode("utf-8", "replace"), ttl=max_age))
        except InvalidToken:
            raise BadSignature("no cookie of this service") from None
        return held
