"""POST /v1/chat/completions and GET /v1/models: the same pipeline for clients of the OpenAI API.

A refusal is an answer whose finish_reason is `content_filter`; an answer that failed is an error. A client that names a
conversation in the header Countersign-Conversation goes on with the one that is kept here.
"""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any

from flask import Blueprint, Response, request, stream_with_context
from pydantic import Field

from app.api.chat import CONVERSATION_ID, check_message, default_sampling, event_stream
from app.openai_wire import DONE, CompletionBody, asked_now, chunk, event, used, whole
from app.web import problems
from app.web.asker import asker
from app.web.context import body, caller, deployment
from app.web.problems import Problem
from app.web.underway import LANGUAGE, Underway, languages, link_of, new_query
from orchestrator.bots.limited import tokens
from orchestrator.journey.brought_along import INSTRUCTIONS
from orchestrator.journey.outgoing import Answer, KeepAlive, RefusalOut, SegmentOut
from orchestrator.types import AnswerLimits, Outcome

blueprint = Blueprint("openai", __name__)
MODEL = "countersign"
CONVERSATION = "Countersign-Conversation"


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
    question, before = _asked(asked)
    conversation = _conversation()
    who = asker(key, {"safety_identifier": asked.safety_identifier, "user": asked.user})
    query = new_query(key, question, who, conversation, (), languages(asked.language))
    limits = AnswerLimits(asked.max_completion_tokens or asked.max_tokens, tuple(asked.stop or ()))
    query = dataclasses.replace(query, limits=limits, **_brought(before, conversation))
    underway = Underway(query, _sampling(asked), link_of(dict(request.headers)))
    sent = sum(tokens(message.text) for message in asked.messages)
    if not asked.stream:
        response = _whole(underway, query.id, sent)
    else:
        usage = bool(asked.stream_options and asked.stream_options.include_usage)
        response = event_stream(stream_with_context(_chunks(underway, query.id, sent, usage)), underway)
    response.headers.update({CONVERSATION: query.conversation, "X-Request-Id": query.id})
    if query.unread:
        response.headers["Countersign-Unread-Messages"] = str(query.unread)
    return response


def _asked(asked: CompletionRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The question, and (role, text) of what came with it. Raises Problem 422 where a message is none that is taken here."""
    refused = deployment().settings.openai.refuse_roles
    for number, message in enumerate(asked.messages):
        if ("system" if message.role in INSTRUCTIONS else message.role) in refused:
            raise Problem(
                422,
                f"messages.{number}.role: this service takes no '{message.role}' messages from callers; leave them out. "
                f"A conversation is kept here: send the header {CONVERSATION} of an earlier answer.",
                code="role_refused",
                param=f"messages.{number}.role",
            )
    if asked.messages[-1].role != "user":
        raise Problem(422, "messages: the last one must be the user's.", code="body", param="messages")
    for message in asked.messages:
        if message.text.strip() or message is asked.messages[-1]:
            check_message(message.text)
    question, before = asked_now(asked.messages)
    check_message(question)
    return question, before


def _newest(brought: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What is read of the earlier messages: the instructions, and of the turns the newest that the settings have room for.
    The others are empty, so that each keeps its number. Each costs a reading, a judgement and a place in the prompt. Raises
    Problem 422 where the instructions alone are too long."""
    settings = deployment().settings
    left, places = settings.earlier_characters, settings.earlier_messages
    read = {number for number, (role, _) in enumerate(brought) if role in INSTRUCTIONS}
    if (long := sum(len(brought[number][1]) for number in read)) > left or len(read) > places:
        raise Problem(
            422,
            f"messages: {len(read)} instructions of {long} characters; at most {places} of {left} characters are read.",
            code="context_length_exceeded",
            param="messages",
        )
    left, places = left - long, places - len(read)
    for number in range(len(brought) - 1, -1, -1):
        if number in read or not brought[number][1].strip():
            continue
        left, places = left - len(brought[number][1]), places - 1
        if left < 0 or places < 0:
            break
        read.add(number)
    cut = any(text.strip() and number not in read for number, (_, text) in enumerate(brought))
    for number in sorted(read) if cut else ():  # an answer whose question is not read would be nobody's
        if brought[number][0] == "user":
            break
        if brought[number][0] == "assistant":
            read.discard(number)
    return tuple((role, text if number in read else "") for number, (role, text) in enumerate(brought))


def _conversation() -> str | None:
    """The conversation that the caller goes on with. Raises Problem 422 where the header is no id of one."""
    named = request.headers.get(CONVERSATION)
    if named is None or re.fullmatch(CONVERSATION_ID, named):
        return named
    raise Problem(
        422,
        f"{CONVERSATION}: send back what this header of an earlier answer held, or leave it out to begin.",
        code="conversation_id",
        param=CONVERSATION,
    )


def _brought(before: tuple[tuple[str, str], ...], conversation: str | None) -> dict[str, Any]:
    """What of it is read, and how many messages are not. Of a conversation that is kept here our own record is read, not the
    client's copy of it."""
    ours = conversation is not None
    newest = _newest([(role, "" if ours and role not in INSTRUCTIONS else text) for role, text in before])
    unread = sum(1 for (_, sent), (_, read) in zip(before, newest, strict=True) if sent.strip() and not read)
    return {"before": newest, "unread": unread}


def _whole(underway: Underway, query: str, sent: int) -> Response:
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
    if answer.outcome is Outcome.FAILED:
        raise _failed(answer)
    head, said = _head(query, "chat.completion"), "".join(text).strip()
    document = whole(head, said, _finish(answer), _usage(answer, sent, said), countersign=_own(answer))
    response = Response(json.dumps(document), mimetype="application/json")
    response.headers["Countersign-Trace-Id"] = answer.trace_id
    return response


def _chunks(underway: Underway, query: str, sent: int, usage: bool) -> Iterator[str]:
    """An answer that fails ends with an error, after whatever of it was said, and without [DONE]."""
    head = _head(query, "chat.completion.chunk")
    piece = partial(chunk, head)
    waiting = {"chunk": piece({"content": ""}), "comment": ": keep-alive\n", "none": ""}
    keep_alive = waiting[deployment().settings.openai.keep_alive]
    told: list[str] = []
    refusal = ""
    try:
        yield piece({"role": "assistant", "content": ""})
        for out in underway:
            match out:
                case SegmentOut(_, text):
                    told.append(text)
                    yield piece({"content": text})
                case RefusalOut():
                    refusal = _refused(out)
                case KeepAlive() if keep_alive:
                    yield keep_alive
                case Answer():
                    if out.outcome is Outcome.FAILED:
                        raise _failed(out)
                    if refusal:
                        told.append(refusal)
                        yield piece({"content": refusal})
                    yield piece({}, _finish(out), countersign=_own(out))
                    if usage:
                        yield used(head, _usage(out, sent, "".join(told)))
        yield DONE
    except Exception as error:
        yield event(problems.of(error).body(openai=True))


def _failed(answer: Answer) -> Problem:
    """No retry by itself: OpenAI's clients ask twice more, and the same part would fail again under three times the load."""
    return Problem(
        503,
        "No reliable answer can be given at the moment, so none is given. Please try again shortly.",
        code="answer_failed",
        headers={
            "X-Should-Retry": "false",
            "X-Request-Id": answer.query,
            "Countersign-Trace-Id": answer.trace_id,
            CONVERSATION: answer.conversation,
        },
    )


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


def _usage(answer: Answer, sent: int, said: str) -> dict[str, Any]:
    """What the model that answered says it read and wrote. Where none did, what was sent and said is counted here."""
    prompt = answer.usage.get("prompt_tokens") or sent
    completion = answer.usage.get("completion_tokens") or tokens(said)
    cached = {"prompt_tokens_details": {"cached_tokens": answer.usage.get("cached_tokens", 0)}}
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **cached}


def _own(answer: Answer) -> dict[str, Any]:
    """What this API has no place for: how to find the record of the answer."""
    return {
        "query_id": answer.query,
        "conversation_id": answer.conversation,
        "trace_id": answer.trace_id,
        "outcome": answer.outcome,
        "bot": answer.route.bot if answer.route else None,
        "citations": [{"document": c.document, "page": c.page, "number": c.number} for c in answer.citations],
        "brought_along": [dict(one) for one in answer.brought],
        "receipt": dict(answer.receipt),
    }
