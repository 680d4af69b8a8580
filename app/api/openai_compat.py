"""POST /v1/chat/completions and GET /v1/models: the same pipeline for clients of the OpenAI API.

A refusal is an answer whose finish_reason is `content_filter`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

from flask import Blueprint, Response, request, stream_with_context
from pydantic import Field

from app.api.chat import check_message, default_sampling, event_stream
from app.openai_wire import DONE, CompletionBody, chunk, event, used, whole
from app.web import problems
from app.web.context import body, caller, deployment
from app.web.problems import Problem
from app.web.underway import LANGUAGE, Underway, languages, link_of, new_query
from orchestrator.journey.outgoing import Answer, KeepAlive, RefusalOut, RouteOut, SegmentOut

blueprint = Blueprint("openai", __name__)
MODEL = "countersign"


class CompletionRequest(CompletionBody):
    """`language`: of what the service itself says (RFC 5646)."""

    language: Annotated[str | None, Field(pattern=LANGUAGE)] = None


@blueprint.get("/v1/models")
def models() -> dict[str, Any]:
    caller("caller", "administrator")
    return {"object": "list", "data": [_model()]}


@blueprint.get("/v1/models/<name>")
def model(name: str) -> dict[str, Any]:
    caller("caller", "administrator")
    _known(name)
    return _model()


@blueprint.post("/v1/chat/completions")
def completions() -> Response:
    key = caller("caller", "administrator")
    asked = body(CompletionRequest)
    _known(asked.model)
    *before, last = asked.messages
    if last.role != "user":
        raise Problem(422, "messages: the last one must be the user's.", code="body", param="messages")
    for message in asked.messages:
        if message.text or message is last:
            check_message(message.text)
    person = asked.safety_identifier or asked.user or request.headers.get("Countersign-Subject")
    brought = tuple((m.role, m.text) for m in before if m.text.strip())
    query = new_query(key, last.text, person, None, brought, languages(asked.language))
    underway = Underway(query, _sampling(asked), link_of(dict(request.headers)))
    if asked.stream:
        usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return event_stream(stream_with_context(_chunks(underway, query.id, usage)), underway)
    return _whole(underway, query.id)


def _whole(underway: Underway, query: str) -> Response:
    text: list[str] = []
    answer: Answer | None = None
    for out in underway:
        match out:
            case SegmentOut(_, said):
                text.append(said)
            case RefusalOut():
                text.append(_refused(out))
            case Answer():
                answer = out
    if answer is None:
        raise Problem(500, "The answer ended early; please ask again.", code="internal")
    head, said = _head(query, "chat.completion"), "".join(text).strip()
    document = whole(head, said, _finish(answer), _usage(answer), countersign=_own(answer))
    response = Response(json.dumps(document), mimetype="application/json")
    response.headers["Countersign-Trace-Id"] = answer.trace_id
    return response


def _chunks(underway: Underway, query: str, usage: bool) -> Iterator[str]:
    head = _head(query, "chat.completion.chunk")
    piece = partial(chunk, head)
    try:
        yield piece({"role": "assistant", "content": ""})
        for out in underway:
            match out:
                case SegmentOut(_, text):
                    yield piece({"content": text})
                case RefusalOut():
                    yield piece({"content": _refused(out)})
                case KeepAlive() | RouteOut():
                    yield ": keep-alive\n\n"
                case Answer():
                    yield piece({}, _finish(out), countersign=_own(out))
                    if usage:
                        yield used(head, _usage(out))
        yield DONE
    except Exception as error:
        yield event(problems.of(error).body(openai=True))


def _sampling(asked: CompletionBody) -> dict[str, Any]:
    longest = deployment().settings.max_tokens
    chosen = {**default_sampling(), **asked.sampling()}
    return {**chosen, "max_tokens": min(int(chosen["max_tokens"]), max(longest, 1))}


def _known(name: str) -> None:
    if name != MODEL:
        raise Problem(404, f"The model is unknown; there is one: {MODEL}.", code="model_not_found", param="model")


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": 1_760_000_000, "owned_by": "countersign"}


def _head(query: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{query}", "object": kind, "created": int(time.time()), "model": MODEL}


def _refused(refusal: RefusalOut) -> str:
    offers = "".join(f"\n- {a.text}" for a in refusal.alternatives)
    return refusal.message + (f"\n{offers}" if offers else "")


def _finish(answer: Answer) -> str:
    return answer.finish_reason if answer.finish_reason in {"stop", "length", "content_filter"} else "stop"


def _usage(answer: Answer) -> dict[str, int]:
    prompt, completion = answer.usage.get("prompt_tokens", 0), answer.usage.get("completion_tokens", 0)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _own(answer: Answer) -> dict[str, Any]:
    """What this API has no place for: how to find the record of the answer."""
    return {
        "query_id": answer.query,
        "trace_id": answer.trace_id,
        "outcome": answer.outcome,
        "bot": answer.route.bot if answer.route else None,
        "citations": [{"document": c.document, "page": c.page, "number": c.number} for c in answer.citations],
        "receipt": dict(answer.receipt),
    }
