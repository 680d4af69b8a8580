"""Answers over HTTP with the real redactor, rails, library and log; no chat model, so answers are quotes from documents."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from app.web.context import Admission
from tests.app.conftest import QUESTION, Site

pytestmark = pytest.mark.models
CHAT, OPENAI = "/v1/chat", "/v1/chat/completions"


def openai_body(**more: Any) -> dict[str, Any]:
    return {"model": "countersign", "messages": [{"role": "user", "content": QUESTION}], **more}


def ask(warm: Site, path: str, body: dict[str, Any], **headers: str) -> Any:
    return warm.client().post(path, json=body, headers={**warm.bearer(), **headers})


@contextmanager
def broken_store(warm: Site, from_event: int = 0) -> Iterator[None]:
    """The database refuses events, from the given one on."""
    seen = [0]

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO audit_record"):
            seen[0] += 1
            if seen[0] > from_event:
                raise sqlite3.OperationalError("disk I/O error")

    event.listen(warm.deployment.engine, "before_cursor_execute", fail)
    try:
        yield
    finally:
        event.remove(warm.deployment.engine, "before_cursor_execute", fail)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CHAT, {"message": QUESTION}),
        (CHAT, {"message": QUESTION, "stream": True}),
        (OPENAI, openai_body()),
        (OPENAI, openai_body(stream=True)),
    ],
    ids=["json", "sse", "openai", "openai stream"],
)
def test_a_store_that_cannot_be_written_means_503_and_not_a_byte_of_the_answer(
    warm: Site, path: str, body: dict[str, Any]
) -> None:
    said = ask(warm, CHAT, {"message": QUESTION}).get_json()["answer"]
    assert len(said) > 40
    with broken_store(warm):
        response = ask(warm, path, body)
        text = response.text
    pieces = [said[at : at + 20] for at in range(0, len(said) - 20, 10)]
    assert not [piece for piece in pieces if piece in text or json.dumps(piece)[1:-1] in text]
    assert "audit_unavailable" in text
    if response.status_code == 200:
        assert body.get("stream")
        assert "event: segment" not in text
        assert "event: done" not in text
        assert "[DONE]" not in text
    else:
        assert response.status_code == 503
        assert response.mimetype == "application/problem+json"
        assert int(response.headers["Retry-After"]) > 0
    again = ask(warm, CHAT, {"message": QUESTION})
    assert again.status_code == 200, "the service did not recover"


def test_more_journeys_than_may_run_are_answered_429_and_the_place_is_given_back(warm: Site) -> None:
    kept = warm.app.extensions["countersign.admission"]
    warm.app.extensions["countersign.admission"] = Admission(1)
    try:
        held = warm.client().post(CHAT, json={"message": QUESTION, "stream": True}, headers=warm.bearer(), buffered=False)
        turned_away = [ask(warm, CHAT, {"message": QUESTION}), ask(warm, OPENAI, openai_body())]
        for response in turned_away:
            assert response.status_code == 429
            assert response.get_json(force=True)["type"].endswith(":busy")
            assert int(response.headers["Retry-After"]) > 0
        assert turned_away[1].get_json(force=True)["error"]["code"] == "busy"
        held.close()
        assert ask(warm, CHAT, {"message": QUESTION}).status_code == 200
    finally:
        warm.app.extensions["countersign.admission"] = kept


@pytest.mark.parametrize("path", [CHAT, OPENAI])
def test_a_caller_who_hangs_up_frees_his_place_and_his_journey_ends_as_cancelled(warm: Site, path: str) -> None:
    """The kind of fault: who reads no more is noticed only where something is written to him. A JSON answer is written at
    its end alone."""
    ours, theirs = socket.socketpair()
    theirs.close()
    body = openai_body() if path == OPENAI else {"message": QUESTION}
    admission = warm.app.extensions["countersign.admission"]
    with ours:
        response = warm.client().post(path, json=body, headers=warm.bearer(), environ_overrides={"gunicorn.socket": ours})
    assert (response.status_code, response.get_json(force=True)["type"]) == (408, "urn:countersign:problem:gone")
    assert admission._running == 0
    assert ask(warm, CHAT, {"message": QUESTION}).status_code == 200


def test_of_a_long_history_the_instructions_and_the_newest_turns_are_read_and_the_client_is_told(warm: Site) -> None:
    """The kind of fault: each earlier message costs work, and a request may bring as many as its body holds."""
    turns = [{"role": role, "content": f"hello {n}"} for n in range(80) for role in ("user", "assistant")]
    messages = [{"role": "system", "content": "Be brief."}, *turns, {"role": "user", "content": QUESTION}]
    response = ask(warm, OPENAI, {"model": "countersign", "messages": messages})
    assert response.status_code == 200
    assert response.headers["Countersign-Unread-Messages"] == str(1 + 160 - warm.deployment.settings.earlier_messages + 1)
    long = [{"role": "user", "content": "a " * 6000}, {"role": "assistant", "content": "b " * 6000}]
    response = ask(warm, OPENAI, {"model": "countersign", "messages": [*long, messages[-1]]})
    assert response.headers["Countersign-Unread-Messages"] == "2", "an answer goes with its question"
    instructions = [{"role": "system", "content": "Be brief. " * 800}] * 3
    response = ask(warm, OPENAI, {"model": "countersign", "messages": [*instructions, messages[-1]]})
    assert (response.status_code, response.get_json(force=True)["error"]["code"]) == (422, "context_length_exceeded")


def test_a_conversation_belongs_to_its_tenant_and_its_person(warm: Site) -> None:
    mine = ask(warm, CHAT, {"message": QUESTION}, **{"Countersign-Subject": "anna"}).get_json()["conversation_id"]
    body = {"message": "and then?", "conversation_id": mine}
    assert ask(warm, CHAT, body, **{"Countersign-Subject": "anna"}).status_code == 200
    assert ask(warm, CHAT, body, **{"Countersign-Subject": "berta"}).status_code == 404
    assert ask(warm, CHAT, body).status_code == 404
    other = {**warm.bearer("other caller"), "Countersign-Subject": "anna"}
    assert warm.client().post(CHAT, json=body, headers=other).status_code == 404


def test_every_answer_carries_the_trace_and_the_receipt_of_its_record(warm: Site) -> None:
    for path, body in ((CHAT, {"message": QUESTION}), (OPENAI, openai_body())):
        response = ask(warm, path, body)
        document = response.get_json()
        own = document if path == CHAT else document["countersign"]
        assert response.headers["Countersign-Trace-Id"] == own["trace_id"]
        events = warm.deployment.reader.query("halden", own["query_id"])
        assert events[-1].kind == "finished"
        assert str(events[-1].leaf) == own["receipt"]["leaf"]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ""}, "stop"),
        ({"seed": 1.5}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 1.0}, "frequency_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "hello"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "message"),
        ({"messages": [{"role": "user"}]}, "message"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(warm: Site, more: dict[str, Any], param: str) -> None:
    response = ask(warm, OPENAI, openai_body(**more))
    assert response.status_code == 422
    error = response.get_json(force=True)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"].startswith(param)
    assert error["message"]


@pytest.mark.parametrize(
    "more",
    [
        {"n": 1},
        {"temperature": 0},
        {"temperature": 2},
        {"max_completion_tokens": 5},
        {"stop": "END"},
        {"stop": ["END", "STOP"]},
        {"seed": 7, "user": "anna", "metadata": {"a": "b"}, "store": False},
        {"stream_options": None},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}, {"type": "text", "text": " "}]}]},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]},
        {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": QUESTION, "name": "anna"}]},
        {"messages": [{"role": "assistant", "content": None}, {"role": "user", "content": QUESTION}]},
    ],
)
def test_what_can_be_honoured_is_answered(warm: Site, more: dict[str, Any]) -> None:
    response = ask(warm, OPENAI, openai_body(**more))
    assert response.status_code == 200, response.text
    document = response.get_json()
    assert document["choices"][0]["finish_reason"] in {"stop", "length", "content_filter"}
    assert document["usage"]["total_tokens"] == sum(document["usage"][k] for k in ("prompt_tokens", "completion_tokens"))


def client_of(warm: Site, key: str | None = None) -> Any:
    """openai's own client, without a network."""
    import openai

    return openai.OpenAI(
        base_url="http://here/v1",
        api_key=key or warm.keys["caller"],
        max_retries=0,
        http_client=httpx.Client(transport=httpx.WSGITransport(app=warm.app)),
    )


def test_openais_client_understands_the_errors(warm: Site) -> None:
    import openai

    client = client_of(warm)
    messages: Any = [{"role": "user", "content": QUESTION}]
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="gpt-4", messages=messages)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.UnprocessableEntityError) as several:
        client.chat.completions.create(model="countersign", messages=messages, n=2)
    assert several.value.param == "n"
    with pytest.raises(openai.AuthenticationError) as stranger:
        client_of(warm, "cs_wrong").models.list()
    assert stranger.value.code == "key_unknown"
    with broken_store(warm), pytest.raises(openai.APIError) as unrecorded:
        list(client.chat.completions.create(model="countersign", messages=messages, stream=True))
    assert "audit store" in str(unrecorded.value)


def test_openais_client_streams_with_and_without_usage(warm: Site) -> None:
    messages: Any = [{"role": "user", "content": QUESTION}]
    create = client_of(warm).chat.completions.create
    plain = list(create(model="countersign", messages=messages, stream=True))
    assert all(chunk.choices for chunk in plain)
    usage = list(create(model="countersign", messages=messages, stream=True, stream_options={"include_usage": True}))
    assert usage[-1].choices == []
    assert usage[-1].usage is not None
    assert "".join(c.choices[0].delta.content or "" for c in plain).strip()
    assert plain[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_store_that_fails_midway_lets_out_only_what_it_holds(warm: Site, after: int) -> None:
    with broken_store(warm, after):
        text = ask(warm, CHAT, {"message": QUESTION, "stream": True}).text
    told = re.search(r'"query_id": "(q_[0-9a-f]+)"', text)
    events = warm.deployment.reader.query("halden", told.group(1)) if told else ()
    held = [e.body["text"] for e in events if e.kind == "released" and e.body]
    sent = [json.loads(line[6:])["text"] for line in text.splitlines() if line.startswith('data: {"id"')]
    assert sent == held[: len(sent)]
    assert ("event: done" in text) != ("audit_unavailable" in text)
