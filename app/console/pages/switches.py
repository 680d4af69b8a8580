"""The page of kill switches: what is off, and a form to throw one's own tenant's. Administrators throw; auditors see.

Invariant: a form reaches only the signed-in key's own tenant. What is off for every tenant is shown, and is thrown
by whoever runs the service (`countersign switch`).
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.console.pages.queries import failed, not_kept
from app.console.session import acting, csrf, looking, reader
from app.governance.kill_switches import LONGEST_REASON, SwitchRefused
from app.identity.api_keys import Key
from app.web import problems
from app.web.context import deployment
from app.web.looking import record_access
from audit.kinds import SEARCHED
from orchestrator.selection.routes import load_routes

blueprint = Blueprint("switches", __name__, url_prefix="/review/switches")
blueprint.register_error_handler(Exception, failed)
blueprint.after_request(not_kept)


@blueprint.get("")
def switches() -> str | BaseResponse:
    key = reader()
    if key is None:
        return redirect(url_for("review.sign_in"))
    record_access(key, SEARCHED, None, {"filters": {"list": "switches"}, **looking()})
    return _page(key)


@blueprint.post("")
def throw() -> str | BaseResponse:
    key = acting()
    if key is None:
        return redirect(url_for("review.sign_in"), 303)
    if key.role != "administrator":
        raise problems.Problem(403, "Only an administrator throws a switch.", code="role")
    bot, reason = request.form.get("bot", ""), request.form.get("reason", "")
    found = deployment().switches
    turn = found.turn_on if request.form.get("turn") == "on" else found.turn_off
    try:
        turn(key.tenant, bot, reason, f"key:{key.id}")
    except SwitchRefused as error:
        raise problems.Problem(422, str(error), code="switch") from None
    return redirect(url_for("switches.switches"), 303)


def _page(key: Key) -> str:
    return render_template(
        "review/switches.html",
        switches=[one for one in deployment().switches.off() if one.tenant in ("", key.tenant)],
        tenant=key.tenant,
        bots=sorted(load_routes(deployment().settings.routes_file).bots),
        longest=LONGEST_REASON,
        may_throw=key.role == "administrator",
        csrf_token=csrf(),
        user=key.label,
    )
