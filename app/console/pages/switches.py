"""The page of kill switches: what is off, and a form to throw one's own tenant's. Administrators throw; auditors see.

Invariant: a form reaches only the signed-in key's own tenant. What is off for every tenant is shown, and is thrown by
whoever runs the service (`countersign switch`).
"""

from __future__ import annotations

from flask import redirect, request, url_for

from app.console.page import Context, Page, Shown, action, page
from app.governance.kill_switches import LONGEST_REASON, SwitchRefused
from app.identity.api_keys import Key
from app.web.context import deployment
from app.web.problems import Problem

PAGE = Page("/switches", "Switches", "review/switches.html")


@page(PAGE)
def switches(key: Key) -> Context:
    return {
        "switches": [one for one in deployment().switches.off() if one.tenant in ("", key.tenant)],
        "tenant": key.tenant,
        "bots": deployment().bots,
        "longest": LONGEST_REASON,
        "may_throw": key.role == "administrator",
    }


@action(PAGE.path, roles=("administrator",))
def throw(key: Key) -> Shown:
    bot, reason = request.form.get("bot", ""), request.form.get("reason", "")
    found = deployment().switches
    turn = found.turn_on if request.form.get("turn") == "on" else found.turn_off
    try:
        turn(key.tenant, bot, reason, f"key:{key.id}")
    except SwitchRefused as error:
        raise Problem(422, str(error), code="switch") from None
    return redirect(url_for("review.switches"), 303)
