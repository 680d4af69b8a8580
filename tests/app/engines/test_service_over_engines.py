"""The whole service with its model elsewhere: real log, real encoder; the engine is a scripted HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from app.serving.application import create_app
from app.settings import Settings
from app.wiring.service import Service
from inference.store.model_store import ModelStore
from tests.support.running_deployment import LONG_S
from tests.support.scripted_engine import MODEL, Reply, ScriptedEngine, engines_saying, saying

pytestmark = pytest.mark.models
DIGEST = "ab" * 32
SENTENCE = "Inflation is the rate at which prices rise from one year to the next. "


@pytest.fixture(scope="module")
def engine() -> Iterator[ScriptedEngine]:
    with engines_saying(saying(SENTENCE)) as (one,):
        one.models = [{"id": MODEL, "digest": DIGEST}]
        yield one


@pytest.fixture(scope="module")
def service(engine: ScriptedEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    store = ModelStore()
    if missing := [name for name in ("all-minilm-l6-v2", "en-core-web-md") if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
    found = Service.open(Settings(home=tmp_path_factory.mktemp("over"), engines=(engine.url,), chat_model="not-here"))
    found.warm()
    yield found
    found.close()


def ask(service: Service, text: str) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """The answer, and the record of its journey: kinds and bodies."""
    key = service.deployment.keys.create("halden", "caller", "test", ("public",))
    client = create_app(service).test_client()
    answer: dict[str, Any] = client.post(
        "/v1/chat", json={"message": text}, headers={"Authorization": f"Bearer {key}"}
    ).get_json()
    events = service.deployment.reader.query("halden", answer["query_id"])
    return answer, [(event.kind, dict(event.body or {})) for event in events]


def test_it_is_ready_without_a_model_of_its_own_and_says_how_many_engines_answer(service: Service) -> None:
    client = create_app(service).test_client()
    said = client.get("/readyz")
    assert (said.status_code, said.get_json()["parts"]["chat model"]) == (200, "1 of 1 engines answer")
    assert "countersign_engines_answering 1.0" in client.get("/metrics").get_data(as_text=True)


def test_an_answer_s_record_names_the_engine_the_model_and_its_weights(service: Service, engine: ScriptedEngine) -> None:
    engine.say = saying(SENTENCE)
    answer, record = ask(service, "What is inflation?")
    assert (answer["outcome"], answer["answer"]) == (
        "answered",
        f"General explanation, not from our documents.\n\n{SENTENCE.strip()}",
    )
    assert answer["model"] == {"name": MODEL, "digest": DIGEST}
    generated = next(body for kind, body in record if kind == "generated")
    assert (generated["model"], generated["engine"]) == (MODEL, engine.url.removeprefix("http://"))
    assert "halden" not in str(engine.headers[-1])
    assert generated["completion_tokens"] == 3


def test_an_engine_that_dies_in_mid_answer_leaves_an_apology_and_a_record_of_it(
    service: Service, engine: ScriptedEngine
) -> None:
    shown = threading.Event()

    def dying(reply: Reply) -> None:
        reply.begin()
        for number in range(4):
            reply.text(SENTENCE.replace("Inflation", f"Inflation, thing {number},"))
        shown.wait(LONG_S)

    engine.say = dying
    key = service.deployment.keys.create("halden", "caller", "test", ("public",))
    asked = {"message": "What is inflation?", "stream": True}
    said = create_app(service).test_client().post("/v1/chat", json=asked, headers={"Authorization": f"Bearer {key}"})
    events: list[str] = []
    for event in said.iter_encoded():
        events.append(event.decode())
        if events[-1].startswith("event: segment"):
            shown.set()
    done = json.loads(events[-1].partition("data: ")[2])
    record = service.deployment.reader.query("halden", done["query_id"])
    assert done["outcome"] == "failed"
    assert sum(event.startswith("event: refusal") for event in events) == 1
    (failed,) = (event.body or {} for event in record if event.kind == "bot_failed")
    assert "in mid-answer" in failed["reason"]
    assert (record[-1].kind, (record[-1].body or {})["outcome"]) == ("finished", "failed")


def test_without_an_engine_a_question_ends_courteously_and_the_service_stays_ready(
    service: Service, engine: ScriptedEngine
) -> None:
    engine.stop()
    answer, record = ask(service, "What is inflation?")
    assert answer["outcome"] in ("failed", "abstained")
    assert "no engine answers" in next(body["reason"] for kind, body in record if kind == "bot_failed")
    said = create_app(service).test_client().get("/readyz")
    assert (said.status_code, said.get_json()["parts"]["chat model"]) == (200, "0 of 1 engines answer")
