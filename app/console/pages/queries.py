"""The review pages: sign-in with an administrator's key, the list of queries, one query's journey, holds and erasures.

Looking is recorded before anything is shown; without a record nothing is shown.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from app.console.content_view import content_view
from app.console.filters import review_filters
from app.console.integrity import Integrity, LogVerifier
from app.console.journey_view import journey_view
from app.console.session import ROLES, acting, csrf, csrf_fits, looking, reader
from app.identity.api_keys import Key
from app.web import problems
from app.web import reveal as reveals
from app.web.context import deployment, reveal_desk, service
from app.web.looking import record_access
from app.wiring.service import Service
from app.wiring.trust import own_trust
from audit import kinds
from audit.errors import LogDamaged
from audit.read.reader import EventView, QuerySummary
from audit.retention.state import RetentionState
from audit.verify.whole_log import verify_store
from moderation.severity import ACTIONS
from orchestrator.types import Outcome

blueprint = Blueprint("review", __name__, url_prefix="/review")
PAGE = 50
OUTCOMES = tuple(outcome.value for outcome in Outcome)
BOTS = ("api", "rag", "onprem")


@blueprint.record_once
def _prepare(state: Any) -> None:
    state.app.jinja_env.filters.update(review_filters())
    opened: Service = state.app.extensions["countersign"]
    trust = own_trust(opened.deployment.settings)
    verifier = LogVerifier(lambda tenant: verify_store(opened.deployment.engine, tenant, trust=trust))
    opened.on_close(verifier.close)
    state.app.extensions["countersign.verifier"] = verifier


@blueprint.errorhandler(Exception)
def failed(error: Exception) -> Response:
    """The review pages' errors are pages too."""
    problem = problems.of(error)
    body = problem.body()
    page = render_template(
        "review/error.html",
        title=body["title"],
        detail=problem.detail,
        status=problem.status,
        csrf_token=csrf(),
    )
    return make_response(page, problem.status)


@blueprint.get("/sign-in")
def sign_in() -> str:
    return render_template("review/sign_in.html", csrf_token=csrf(), error=None)


@blueprint.post("/sign-in")
def take_key() -> Response | BaseResponse:
    key = deployment().keys.find(request.form.get("key", "").strip())
    if not csrf_fits():
        return _again("This page had grown old; please try once more.", 400)
    if key is None or key.role not in ROLES:
        time.sleep(0.3)
        return _again("This key does not open the review pages.", 403)
    session.clear()
    session.permanent = True
    session["key"] = key.id
    session["purpose"] = " ".join(request.form.get("purpose", "").split())[:200]
    record_access(key, kinds.SIGNED_IN, None, looking())
    _integrity(key.tenant)  # begins now, so that the first page has a result
    return redirect(url_for("review.queries"), 303)


@blueprint.post("/sign-out")
def sign_out() -> BaseResponse:
    if csrf_fits():
        session.clear()
    return redirect(url_for("review.sign_in"), 303)


@blueprint.get("")
def queries() -> str | BaseResponse:
    key = reader()
    if key is None:
        return redirect(url_for("review.sign_in"))
    filters = _filters(key)
    before = request.args.get("before", type=int)
    before = before if before is not None and 0 <= before < 2**53 else None
    record_access(
        key,
        kinds.SEARCHED,
        None,
        {"filters": {k: str(v) for k, v in filters.items() if v}, "before": before, **looking()},
    )
    found = deployment().reader.queries(
        key.tenant,
        since=filters["since"],
        until=filters["until"],
        bot=filters["bot"],
        verdict=filters["verdict"],
        outcome=filters["outcome"],
        limit=PAGE,
        before=before,
    )
    shown = {name: value for name, value in request.args.items() if value and name != "before"}
    following = (
        f"{url_for('review.queries')}?{urlencode({**shown, 'before': found[-1].seq})}" if len(found) == PAGE else None
    )
    keeping = _keeping(key.tenant)
    asked = deployment().reader.earliest(key.tenant, [one.query for one in found], (kinds.REDACTED, kinds.RECEIVED))
    return render_template(
        "review/queries.html",
        rows=[_row(key.tenant, one, asked[one.query], keeping) for one in found],
        filters=filters,
        options={"tenant": [key.tenant], "bot": BOTS, "verdict": ACTIONS, "outcome": OUTCOMES},
        next_href=following,
        integrity=_integrity(key.tenant),
        csrf_token=csrf(),
        user=key.label,
    )


@blueprint.get("/queries/<query_id>")
def query(query_id: str) -> str | BaseResponse:
    key = reader()
    if key is None:
        return redirect(url_for("review.sign_in"))
    if not deployment().reader.knows(key.tenant, query_id):
        raise problems.Problem(404, "The log of your tenant has no such query.", code="query_unknown")
    record_access(key, kinds.VIEWED, query_id, looking())
    events = deployment().reader.query(key.tenant, query_id)
    return render_template(
        "review/query.html",
        view=journey_view(key.tenant, events, service().policy_versions),
        content=(content := content_view(events, _keeping(key.tenant))),
        may_reveal=key.role == "administrator" and content.state == "open",
        requests=reveals.requests(events),
        needs=deployment().settings.reveal_persons,
        me=f"key:{key.id}",
        integrity=_integrity(key.tenant),
        csrf_token=csrf(),
        user=key.label,
    )


@blueprint.post("/queries/<query_id>/reveal")
def ask_to_reveal(query_id: str) -> str | BaseResponse:
    key = acting()
    if key is None:
        return redirect(url_for("review.sign_in"), 303)
    asked = reveals.ask(reveal_desk(), key, query_id, request.form.get("reason", ""))
    if asked.state == "ready":
        return _revealed(key, query_id, asked.number)
    return redirect(url_for("review.query", query_id=query_id), 303)


@blueprint.post("/queries/<query_id>/reveal/<int:number>/approve")
def agree_to_reveal(query_id: str, number: int) -> BaseResponse:
    key = acting()
    if key is None:
        return redirect(url_for("review.sign_in"), 303)
    reveals.approve(reveal_desk(), key, query_id, number)
    return redirect(url_for("review.query", query_id=query_id), 303)


@blueprint.post("/queries/<query_id>/reveal/<int:number>")
def show_revealed(query_id: str, number: int) -> str | BaseResponse:
    key = acting()
    return redirect(url_for("review.sign_in"), 303) if key is None else _revealed(key, query_id, number)


@blueprint.get("/keeping")
def keeping() -> str | BaseResponse:
    key = reader()
    if key is None:
        return redirect(url_for("review.sign_in"))
    record_access(key, kinds.SEARCHED, None, {"filters": {"list": "keeping"}, **looking()})
    return render_template(
        "review/keeping.html",
        keeping=deployment().retention.state(key.tenant),
        integrity=_integrity(key.tenant),
        csrf_token=csrf(),
        user=key.label,
    )


@blueprint.after_request
def not_kept(response: Response) -> Response:
    """What is shown here stays in no cache: going back after signing out shows nothing."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _revealed(key: Key, query_id: str, number: int) -> str:
    return render_template(
        "review/revealed.html",
        revealed=reveals.reveal(reveal_desk(), key, query_id, number),
        query=query_id,
        back=url_for("review.query", query_id=query_id),
        now=datetime.now(UTC),
        csrf_token=csrf(),
        user=key.label,
    )


def _keeping(tenant: str) -> RetentionState | None:
    try:
        return deployment().retention.state(tenant)
    except LogDamaged:
        return None


def _integrity(tenant: str) -> Integrity | None:
    verifier: LogVerifier = current_app.extensions["countersign.verifier"]
    return verifier.last(tenant)


def _filters(key: Key) -> dict[str, Any]:
    """The filters of the address; what does not fit is a filter not set."""
    given = request.args
    return {
        "since": _time(given.get("since")),
        "until": _time(given.get("until")),
        "tenant": key.tenant if given.get("tenant") else None,
        "bot": given.get("bot") if given.get("bot") in BOTS else None,
        "verdict": given.get("verdict") if given.get("verdict") in ACTIONS else None,
        "outcome": given.get("outcome") if given.get("outcome") in OUTCOMES else None,
    }


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise problems.Problem(
            422, f"'{text[:40] if text else ''}' is not a time like 2026-01-31T09:00", code="time"
        ) from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _row(tenant: str, summary: QuerySummary, asked: EventView, keeping: RetentionState | None) -> dict[str, Any]:
    """asked: the event that holds the question, or the query's first one where it was not redacted yet."""
    took = (summary.finished - summary.started).total_seconds() * 1000 if summary.finished else None
    return {
        "query": summary.query,
        "started": summary.started,
        "tenant": tenant,
        "bot": summary.bot,
        "verdict": summary.verdict,
        "outcome": summary.outcome,
        "events": summary.events,
        "first_seq": None,
        "last_seq": None,
        "duration_ms": took,
        "content": content_view([asked], keeping),
        "preview": str((asked.body or {}).get("question", ""))[:160],
        "href": url_for("review.query", query_id=summary.query),
    }


def _again(error: str, status: int) -> Response:
    return make_response(render_template("review/sign_in.html", csrf_token=csrf(), error=error), status)
