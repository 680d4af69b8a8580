"""Sign-in with an auditor's or administrator's key, and the way out."""

from __future__ import annotations

import time

from flask import make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app.console.cookie import over_tls
from app.console.page import Route, Shown, integrity
from app.console.session import ROLES, begin, csrf, csrf_fits, end
from app.web.context import deployment

_REFUSAL_S = 0.3
_NO_COOKIE = "Your browser sent no cookie. Open this page by https, or on the service's own machine as localhost."


def _form() -> Shown:
    return render_template("review/sign_in.html", csrf_token=csrf(), error=None)


def _take_key() -> Shown:
    key = deployment().keys.find(request.form.get("key", "").strip())
    if not csrf_fits():
        plain = over_tls() and not request.is_secure and not request.cookies
        return _again(_NO_COOKIE if plain else "This page had grown old; please try once more.", 400)
    if key is None or key.role not in ROLES:
        time.sleep(_REFUSAL_S)
        return _again("This key does not open the review pages.", 403)
    begin(key, " ".join(request.form.get("purpose", "").split())[:200])
    integrity(key.tenant)  # begins now, so that the first page has a result
    return redirect(url_for("review.queries"), 303)


def _leave() -> Shown:
    if csrf_fits():
        end()
    return redirect(url_for("review.sign_in"), 303)


def _again(error: str, status: int) -> Response:
    return make_response(render_template("review/sign_in.html", csrf_token=csrf(), error=error), status)


SIGN_IN = Route("/sign-in", "sign_in", _form, "GET")
TAKE_KEY = Route("/sign-in", "take_key", _take_key, "POST")
SIGN_OUT = Route("/sign-out", "sign_out", _leave, "POST")
