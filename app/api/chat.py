"""POST /v1/chat: a message in, an answer out, as JSON or as server-sent events."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Annotated, Any

import structlog
from flask import Blueprint, Response, request, stream_with_context
from pydantic import BaseModel, ConfigDict, Field

from app.api.visible import shows_anything
from app.web import problems
from app.web.asker import asker
from app.web.context import body, caller, deployment
from app.web.problems import Problem
from app.web.underway import LANGUAGE, Underway, languages, link_of, new_query
from orchestrator.journey.outgoing import Answer, CitationOut, KeepAlive, Outgoing, RefusalOut, RouteOut, SegmentOut
from orchestrator.selection.selector import SWITCHED_OFF
from orchestrator.types import Citation, Route

blueprint = Blueprint("chat", __name__)
CONVERSATION_ID = r"^c_[0-9a-f]{32}$"
_OFF = SWITCHED_OFF.rstrip(": ")
log = structlog.get_logger(__name__)


class ChatRequest(BaseModel):
    """A message, perhaps in a conversation that this caller began earlier."""

    model_config = ConfigDict(extra="forbid")
    message: Annotated[str, Field(min_length=1, description="What the person typed.")]
    conversation_id: Annotated[
        str | None,
        Field(pattern=CONVERSATION_ID, description="From an earlier answer; leave out to begin."),
    ] = None
    stream: Annotated[bool, Field(description="Answer as server-sent events.")] = False
    language: Annotated[
        str | None,
        Field(pattern=LANGUAGE, description="Of what the service itself says (RFC 5646); else the Accept-Language header."),
    ] = None
    groups: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]] | None,
        Field(max_length=100, description="Whose documents are read; only an administrator's key may say so."),
    ] = None


@blueprint.post("/v1/chat")
def chat() -> Response:
    key = caller("caller", "administrator")
    asked = body(ChatRequest)
    check_message(asked.message)
    if asked.groups is not None:
        if key.role != "administrator":
            raise Problem(403, "groups: only an administrator's key may ask as other groups.", code="role", param="groups")
        key = dataclasses.replace(key, groups=frozenset(asked.groups))
    query = new_query(key, asked.message, asker(key), asked.conversation_id, languages=languages(asked.language))
    underway = Underway(query, default_sampling(), link_of(dict(request.headers)))
    if asked.stream:
        return event_stream(stream_with_context(events(underway)), underway)
    return as_json(underway)


def check_message(text: str) -> None:
    """Raises Problem 422 where the message is blank, too long, or no text."""
    longest = deployment().settings.max_message
    if not shows_anything(text):
        raise Problem(422, "message: is blank; type a question.", code="body", param="message")
    if len(text) > longest:
        raise Problem(
            422,
            f"message: has {len(text)} characters; at most {longest} are read.",
            code="body",
            param="message",
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Problem(422, "message: holds half a character (a lone surrogate).", code="body", param="message") from None


def default_sampling() -> dict[str, Any]:
    return {"max_tokens": deployment().settings.max_tokens, "temperature": 0.0}


def as_json(underway: Underway) -> Response:
    """The whole journey in one document."""
    text: list[str] = []
    refusal: RefusalOut | None = None
    answer: Answer | None = None
    for out in underway:
        match out:
            case SegmentOut(_, said):
                text.append(said)
            case RefusalOut():
                refusal = out
            case Answer():
                answer = out
    if answer is None:
        raise Problem(500, "The answer ended early; please ask again.", code="internal")
    document = {
        "answer": "".join(text).strip(),
        "citations": [citation_view(c) for c in answer.citations],
        "refusal": refusal_view(refusal) if refusal else None,
        **done_view(answer),
    }
    response = Response(json.dumps(document), mimetype="application/json")
    response.headers["Countersign-Trace-Id"] = answer.trace_id
    return response


def events(underway: Underway) -> Iterator[str]:
    """The journey as server-sent events. An error after the first byte is an `error` event."""
    try:
        for out in underway:
            yield event(out, underway.query.id, underway.query.conversation)
    except Exception as error:
        yield _sse("error", problems.of(error).body())


def event(out: Outgoing, query: str = "", conversation: str = "") -> str:
    match out:
        case RouteOut(route):
            return _sse("route", {"conversation_id": conversation, "query_id": query, **route_view(route)})
        case SegmentOut(number, text):
            return _sse("segment", {"id": number, "text": text})
        case CitationOut(citation):
            return _sse("citation", citation_view(citation))
        case RefusalOut():
            return _sse("refusal", refusal_view(out))
        case KeepAlive():
            return ": keep-alive\n\n"
        case Answer():
            return _sse("done", done_view(out))


def event_stream(chunks: Iterator[str], underway: Underway) -> Response:
    """A response that no proxy may hold back, and whose end, however it comes, ends the journey."""
    response = Response(chunks, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(underway.close)
    return response


def route_view(route: Route) -> dict[str, Any]:
    """The route as a client may read it: why somebody switched a bot off is between them and the record."""
    told = tuple(dataclasses.replace(c, reason=_OFF) if c.reason.startswith(_OFF) else c for c in route.candidates)
    return {
        "bot": route.bot,
        "reasons": list(dataclasses.replace(route, candidates=told).reasons),
        "candidates": [dataclasses.asdict(c) for c in told],
    }


def citation_view(citation: Citation) -> dict[str, Any]:
    """The citation with where its passage can be opened, and from when to when its document is in force, where known."""
    origin = citation.origin
    view = {k: v for k, v in dataclasses.asdict(citation).items() if k != "origin"}
    opened = {"href": f"/v1/documents/{origin.id}/passages/{origin.passage}"} if origin.id and origin.passage else {}
    dates = {"valid_from": origin.valid_from, "valid_until": origin.valid_until}
    return {**view, **opened, **{name: day for name, day in dates.items() if day}}


def refusal_view(refusal: RefusalOut) -> dict[str, Any]:
    return {
        "message": refusal.message,
        "alternatives": [dataclasses.asdict(a) for a in refusal.alternatives],
        "rail": refusal.rail,
    }


def done_view(answer: Answer) -> dict[str, Any]:
    return {
        "conversation_id": answer.conversation,
        "query_id": answer.query,
        "trace_id": answer.trace_id,
        "outcome": answer.outcome,
        "finish_reason": answer.finish_reason,
        "receipt": dict(answer.receipt),
        "route": route_view(answer.route) if answer.route else None,
        "verdicts": [dict(v) for v in answer.verdicts],
        "model": dict(answer.model),
        "usage": dict(answer.usage),
        "timings_ms": dict(answer.timings),
        "working": dict(answer.working),
    }


def _sse(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
