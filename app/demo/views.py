"""The demo page. It exists only where the settings say so, because it carries a key."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.web.context import deployment
from app.web.peers import asked_as_loopback, host_name, is_address
from app.web.problems import Problem
from app.wiring.key_material import demo_key_path

blueprint = Blueprint("demo", __name__)
EXAMPLES = (
    "What is the NAV of the Aurora Global Equity Fund now?",
    "What is the dealing cut-off time?",
    "What is the ongoing charge of the Aurora Global Equity Fund?",
    "How does compound interest work?",
    "Should I put all my savings into the Aurora Global Equity Fund?",
)


@blueprint.get("/")
def page() -> Response | BaseResponse | str:
    settings = deployment().settings
    if not settings.demo:
        return redirect(url_for("review.queries"))
    if not (is_address(host_name()) or asked_as_loopback() or host_name() in settings.allowed_hosts):
        # Another site's name may be pointed to this machine: its page would then be this one, and read the key in it.
        raise Problem(
            421, "The demo page is given under this machine's own names alone; add others to allowed_hosts.", code="host"
        )
    path = demo_key_path(settings)
    key = path.read_text("utf-8").strip() if path.is_file() else None
    return render_template(
        "demo.html",
        endpoint=request.host_url.rstrip("/"),
        demo_key=key,
        title="Halden Asset Management",
        examples=EXAMPLES,
    )
