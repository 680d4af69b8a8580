"""One query's journey: question, route, verdicts, answer, sources, timings, and who looked at it."""

from __future__ import annotations

from app.console.content_view import content_view
from app.console.journey_view import journey_view
from app.console.page import Context, Look, Page, page
from app.console.retention_state import retention_state
from app.identity.api_keys import Key
from app.web import reveal as reveals
from app.web.context import deployment, service
from app.web.problems import Problem
from audit.kinds import VIEWED

PAGE = Page("/queries/<query_id>", "", "review/query.html")


def _look(key: Key, query_id: str) -> Look:
    if not deployment().reader.knows(key.tenant, query_id):
        raise Problem(404, "The log of your tenant has no such query.", code="query_unknown")
    return Look(VIEWED, query=query_id)


@page(PAGE, _look)
def query(key: Key, query_id: str) -> Context:
    events = deployment().reader.query(key.tenant, query_id)
    content = content_view(events, retention_state(key.tenant))
    return {
        "view": journey_view(key.tenant, events, service().policy_versions),
        "content": content,
        "may_reveal": key.role == "administrator" and content.state == "open",
        "requests": reveals.requests(events),
        "needs": deployment().settings.reveal_persons,
        "me": f"key:{key.id}",
    }
