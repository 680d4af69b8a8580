"""`countersign engine serve`: a real process with a real model, asked over HTTP, drained, and killed in mid-answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.engine_client.engines import Engines
from app.engine_client.fleet import How
from inference import Completion, ModelStore, Prompt, Sampling, load_manifest
from inference.types import Message
from orchestrator.bots.onprem import OnPremBot
from tests.support.engine_process import KEY, LIGHT, Running, an_engine, question
from tests.support.evidence import open_book
from tests.support.running_deployment import answer_of, refusals, running_deployment, text_of
from tests.support.sharing import free_port
from tests.support.waiting import eventually

pytestmark = [pytest.mark.models, pytest.mark.process]
QUESTION = "Explain in one sentence what a bond is. The reference is zebra-4711."
LONG = "Write a long story about a lighthouse and all the ships that pass it."
WAIT_S = 60.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with an_engine(tmp_path_factory.mktemp("engine"), "--slots", "2", "--waiting", "1") as found:
        yield found


def events(response: httpx.Response) -> Iterator[Any]:
    """The data of a stream's events; [DONE] as a string."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            data = line.removeprefix("data: ")
            yield data if data == "[DONE]" else json.loads(data)


def in_process(text: str, **sampling: Any) -> Completion:
    from inference.engine.chat import ChatEngine

    spec = load_manifest()[LIGHT]
    own = ChatEngine.load(spec, ModelStore().path(LIGHT), cache_dir=ModelStore().root / "compiled", context=1024)
    try:
        stream = own.stream(Prompt((Message("user", text),)), Sampling(**sampling), threading.Event())
        while True:
            try:
                next(stream)
            except StopIteration as end:
                done: Completion = end.value
                return done
    finally:
        own.close()


def test_it_is_not_ready_before_it_is_warm(engine: Running) -> None:
    assert engine.states[0] in ((503, "loading"), (503, "compiling"))
    assert engine.states[-1] == (200, "ready")


def test_it_gives_the_same_greedy_tokens_as_the_engine_in_this_process(engine: Running) -> None:
    own = in_process(QUESTION, max_tokens=24)
    with engine.client() as client:
        whole = client.post("/v1/chat/completions", json=question(QUESTION)).json()
        body = question(QUESTION, stream=True, stream_options={"include_usage": True})
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            *chunks, done = events(response)
    told = {"prompt_tokens": own.prompt_tokens, "completion_tokens": own.completion_tokens}
    assert whole["choices"][0]["message"]["content"] == own.text
    assert whole["choices"][0]["finish_reason"] == own.finish_reason
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == own.text
    assert {name: whole["usage"][name] for name in told} == {name: chunks[-1]["usage"][name] for name in told} == told
    assert done == "[DONE]"


def test_an_answer_follows_the_schema_that_is_asked_for(engine: Running) -> None:
    schema = {
        "type": "object",
        "properties": {"risk": {"type": "integer", "minimum": 1, "maximum": 7}, "fund": {"enum": ["equity", "bond"]}},
        "required": ["risk", "fund"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "fund", "schema": schema, "strict": True}}
    with engine.client() as client:
        answer = client.post("/v1/chat/completions", json=question(QUESTION, max_tokens=60, response_format=shape)).json()
        shape["json_schema"]["schema"] = {"not": {"type": "string"}}  # type: ignore[index]
        refused = client.post("/v1/chat/completions", json=question(QUESTION, response_format=shape))
    found = json.loads(answer["choices"][0]["message"]["content"])
    assert set(found) == {"risk", "fund"}
    assert found["risk"] in range(1, 8)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_schema")


def test_the_openai_client_works_unchanged(engine: Running) -> None:
    with httpx.Client(trust_env=False) as plain:
        client = openai.OpenAI(base_url=f"{engine.url}/v1", api_key=KEY, http_client=plain, max_retries=0)
        assert [model.id for model in client.models.list()] == [LIGHT]
        whole = client.chat.completions.create(**question(QUESTION, stop=["zebra"], seed=3))
        pieces = client.chat.completions.create(**question(QUESTION, stop=["zebra"], seed=3, stream=True))
        assert "".join(one.choices[0].delta.content or "" for one in pieces) == whole.choices[0].message.content
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(**{**question("?"), "model": "other"})
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
        with pytest.raises(openai.UnprocessableEntityError):
            client.chat.completions.create(**question("?"), n=2)


@pytest.mark.parametrize("key", ["Bearer wrong", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", "Bearer ключ", f"Basic {KEY}", ""])
def test_nothing_is_answered_without_the_key(engine: Running, key: str) -> None:
    with httpx.Client(base_url=engine.url, trust_env=False) as client:
        client.headers.update({"Authorization": key.encode()} if key else {})  # type: ignore[dict-item]
        asked = client.post("/v1/chat/completions", json=question("?"))
        listed = client.get("/v1/models")
    assert (asked.status_code, listed.status_code) == (401, 401)
    assert asked.json()["error"]["code"] == "invalid_api_key"


def test_a_prompt_that_does_not_fit_is_refused_in_the_api_s_own_form(engine: Running) -> None:
    with engine.client() as client:
        long = client.post("/v1/chat/completions", json=question("word " * 2000))
        huge = client.post("/v1/chat/completions", json=question("word " * 100_000))
    assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert huge.status_code == 413


def test_beginnings_are_shared_within_a_scope_and_with_nobody_else(engine: Running) -> None:
    body = question("The same beginning of a prompt. " * 20)

    def cached(scope: str | None = None, **more: str) -> int:
        headers = {} if scope is None else {"X-Countersign-Scope": scope}
        with engine.client(**headers) as client:
            usage = client.post("/v1/chat/completions", json={**body, **more}).json()["usage"]
        found: int = usage["prompt_tokens_details"]["cached_tokens"]
        return found

    hits = engine.metric("prefix_hits_total")
    assert [cached("a"), cached("b"), cached(), cached()] == [0, 0, 0, 0]
    assert cached("a") == cached("b") == cached(cache_salt="a") > 64
    assert engine.metric("prefix_hits_total") == hits + 3
    with engine.client(**{"X-Countersign-Scope": "a b"}) as client:
        assert client.post("/v1/chat/completions", json=body).status_code == 400


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_stops_its_answer(engine: Running, stream: bool) -> None:
    body = json.dumps(question(LONG, max_tokens=900, stream=stream)).encode()
    host, port = engine.url.removeprefix("http://").split(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {KEY}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    made = engine.metric("tokens_total")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(head.encode() + body)
        eventually(lambda: engine.metric("running") == 1, WAIT_S)
    eventually(lambda: engine.metric("running") == 0, WAIT_S)
    assert engine.metric("tokens_total") - made < 900


def test_more_than_it_can_hold_is_told_when_to_come_again(engine: Running) -> None:
    def held() -> tuple[float, float]:
        return engine.metric("running"), engine.metric("queue_depth")

    streams = []
    body = question(
        LONG, max_tokens=900, stream=True, temperature=2.0, seed=1
    )  # says nothing twice, so nothing is guessed ahead
    with engine.client() as client:
        for expected in (
            (1, 0),
            (2, 0),
            (2, 1),
        ):  # two slots, one that waits; whoever comes before a slot is taken is sent away
            streams.append(client.send(client.build_request("POST", "/v1/chat/completions", json=body), stream=True))
            eventually(lambda expected=expected: held() == expected, WAIT_S)  # type: ignore[misc]
        assert held() == (2, 1)
        refused = client.post("/v1/chat/completions", json=question("?"))
        for one in streams:
            one.close()
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    eventually(lambda: engine.metric("running") + engine.metric("queue_depth") == 0, WAIT_S)


def test_its_metrics_count_and_its_log_holds_no_prompt(engine: Running) -> None:
    with engine.client() as client:
        client.post("/v1/chat/completions", json=question(QUESTION))
        client.post("/v1/chat/completions", json={**question(QUESTION), "tools": []})
        text = client.get("/metrics").text
    assert engine.metric("time_to_first_token_seconds_count") > 0
    assert engine.metric("prefill_tokens_total") > 0
    log = engine.log.read_text()
    assert "engine.ready" in log
    assert all("zebra" not in one and "lighthouse" not in one for one in (log, text))


def test_it_finishes_what_it_has_begun_and_takes_nothing_new(tmp_path: Path) -> None:
    with an_engine(tmp_path) as engine, engine.client() as client, engine.client() as other:
        body = question(LONG, max_tokens=400, stream=True)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            pieces = events(response)
            first = [next(pieces), next(pieces)]
            engine.terminate()
            eventually(lambda: other.get("/readyz").status_code == 503, WAIT_S)
            assert other.get("/readyz").json() == {"ready": False, "state": "draining"}
            refused = other.post("/v1/chat/completions", json=question("?"))
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
            assert "Retry-After" in refused.headers
            *rest, done = pieces
        assert done == "[DONE]"
        assert rest[-1]["choices"][0]["finish_reason"] in ("stop", "length")
        text = "".join(one["choices"][0]["delta"].get("content", "") for one in [*first, *rest])
        assert text == in_process(LONG, max_tokens=400).text
        assert engine.process.wait(WAIT_S) == 0


def test_an_answer_that_takes_too_long_to_drain_is_ended_as_broken(tmp_path: Path) -> None:
    with an_engine(tmp_path, "--drain-s", "0.2") as engine, engine.client() as client:
        body = question(LONG, max_tokens=900, stream=True)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            pieces = events(response)
            next(pieces)
            engine.terminate()
            *_, last = pieces
        assert last["error"]["code"] == "draining"
        assert engine.process.wait(WAIT_S) == 0


def test_a_journey_whose_engine_is_killed_in_mid_answer_ends_courteously_and_is_recorded(tmp_path: Path) -> None:
    with an_engine(tmp_path) as engine:
        nobody = f"http://127.0.0.1:{free_port()}"
        engines = Engines([nobody, engine.url], How(secret=b"s", key=KEY))
        assert engines.load() == "1 of 2 engines answer"
        try:
            with running_deployment(OnPremBot(engines, open_book)) as deployment:
                going = deployment.pipeline.answer(_query(), {"max_tokens": 900, "temperature": 0.0})
                out = []
                for one in going:
                    out.append(one)
                    if text_of(out) and engine.process.poll() is None:
                        engine.kill()
        finally:
            engines.close()
    assert answer_of(out).outcome == "failed"
    assert [one.message for one in refusals(out)] == [deployment.dependencies.failed_message]
    (failed,) = deployment.log.bodies("bot_failed")
    assert "in mid-answer" in failed["reason"]
    assert deployment.log.bodies("finished")[0]["outcome"] == "failed"
    assert deployment.log.kinds()[-1] == "finished"


def _query() -> Any:
    from orchestrator.types import Query

    return Query("q1", "c1", "bank", "subject:1", "actor:1", frozenset({"staff"}), LONG)
