"""The list of queries, newest first, with its filters."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from app.console.content_view import content_view
from app.console.page import Context, Look, Page, page
from app.console.retention_state import retention_state
from app.identity.api_keys import Key
from app.web.context import deployment
from app.web.problems import Problem
from audit.kinds import RECEIVED, REDACTED, SEARCHED
from audit.read.reader import EventView, QuerySummary
from audit.retention.state import RetentionState
from moderation.severity import ACTIONS
from orchestrator.types import Outcome

PAGE = Page("", "Queries", "review/queries.html")
ROWS = 50
OUTCOMES = tuple(outcome.value for outcome in Outcome)


def _look(key: Key) -> Look:
    filters = _filters(key)
    return Look(SEARCHED, {"filters": {k: str(v) for k, v in filters.items() if v}, "before": _before()})


@page(PAGE, _look)
def queries(key: Key) -> Context:
    filters = _filters(key)
    wanted = {name: value for name, value in filters.items() if name != "tenant"}
    reader = deployment().reader
    found = reader.queries(key.tenant, **wanted, limit=ROWS, before=_before())
    asked = reader.earliest(key.tenant, [one.query for one in found], (REDACTED, RECEIVED))
    held = retention_state(key.tenant)
    return {
        "rows": [_row(key.tenant, one, asked[one.query], held) for one in found],
        "filters": filters,
        "options": {"tenant": [key.tenant], "bot": deployment().bots, "verdict": ACTIONS, "outcome": OUTCOMES},
        "next_href": _following(found),
    }


def _filters(key: Key) -> dict[str, Any]:
    """The filters of the address; what does not fit is a filter not set."""
    given = request.args
    return {
        "since": _time(given.get("since")),
        "until": _time(given.get("until")),
        "tenant": key.tenant if given.get("tenant") else None,
        "bot": given.get("bot") if given.get("bot") in deployment().bots else None,
        "verdict": given.get("verdict") if given.get("verdict") in ACTIONS else None,
        "outcome": given.get("outcome") if given.get("outcome") in OUTCOMES else None,
    }


def _before() -> int | None:
    """The list begins below this sequence number."""
    before = request.args.get("before", type=int)
    return before if before is not None and 0 <= before < 2**53 else None


def _following(found: list[QuerySummary]) -> str | None:
    """Where the next older ones are."""
    if len(found) < ROWS:
        return None
    shown = {name: value for name, value in request.args.items() if value and name != "before"}
    return f"{url_for('review.queries')}?{urlencode({**shown, 'before': found[-1].seq})}"


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise Problem(422, f"'{text[:40] if text else ''}' is not a time like 2026-01-31T09:00", code="time") from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def _row(tenant: str, summary: QuerySummary, asked: EventView, held: RetentionState | None) -> dict[str, Any]:
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
        "content": content_view([asked], held),
        "preview": str((asked.body or {}).get("question", ""))[:160],
        "href": url_for("review.query", query_id=summary.query),
    }
