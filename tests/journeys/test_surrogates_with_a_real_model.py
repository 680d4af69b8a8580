"""A deployment whose policy asks for surrogates, with the small chat model: the name comes back through every transport, for
the one who typed it alone, and the record, the rails and the review page speak in tags."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.identity.subjects import Person
from app.serving.application import create_app
from app.settings import Settings
from app.wiring.service import Service
from inference.store.model_store import ModelStore
from moderation.policy import DEFAULT_PATH
from tests.app.conftest import Site
from tests.journeys.conftest import NEEDED

pytestmark = pytest.mark.models

NAME, IBAN = "Wilhelmina Oosterhuis", "NL91 ABNA 0417 1643 00"
ASKED = (
    f"Repeat this name exactly: {NAME}",
    f"Write a letter that begins: My name is {NAME}.",
    f"Write a birthday card to {NAME}.",
    f"Write a short greeting for a birthday card that begins: Dear {NAME}",
)
"""The model is small, so of several phrasings one must come back."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    store = ModelStore()
    if missing := [name for name in NEEDED if store.state(name) != "present"]:
        pytest.skip(f"models are not here: {', '.join(missing)}; fetch them with: countersign models pull --light")
    home: Path = tmp_path_factory.mktemp("surrogates")
    policy = home / "policy.yaml"
    text = DEFAULT_PATH.read_text("utf-8")
    assert "  pseudonym: tag\n" in text
    policy.write_text(text.replace("  pseudonym: tag\n", "  pseudonym: surrogate\n"), "utf-8")
    service = Service.open(Settings(home=home / "var", light=True, policy_file=policy, max_tokens=48))
    keys = {
        "caller": service.deployment.keys.create("halden", "caller", "caller", ("public",)),
        "administrator": service.deployment.keys.create("halden", "administrator", "administrator", ("public",)),
    }
    service.warm()
    yield Site(service, create_app(service), keys)
    service.close()


def post(site: Site, path: str, body: dict[str, Any], person: str = "wilhelmina") -> Any:
    return site.client().post(path, json=body, headers={**site.bearer(), "Countersign-Subject": person})


def as_json(site: Site, message: str) -> str:
    return str(post(site, "/v1/chat", {"message": message}).get_json()["answer"])


def as_events(site: Site, message: str) -> str:
    lines = post(site, "/v1/chat", {"message": message, "stream": True}).get_data(as_text=True).splitlines()
    named = [(lines[i - 1], json.loads(line[6:])) for i, line in enumerate(lines) if line.startswith("data: {")]
    return "".join(data["text"] for name, data in named if name == "event: segment")


def as_openai(site: Site, message: str) -> str:
    body = {"model": "countersign", "messages": [{"role": "user", "content": message}]}
    return str(post(site, "/v1/chat/completions", body).get_json()["choices"][0]["message"]["content"])


def as_openai_stream(site: Site, message: str) -> str:
    body = {"model": "countersign", "messages": [{"role": "user", "content": message}], "stream": True}
    lines = post(site, "/v1/chat/completions", body).get_data(as_text=True).splitlines()
    chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])


@pytest.mark.parametrize("transport", [as_json, as_events, as_openai, as_openai_stream])
def test_a_name_comes_back_right_through_every_transport(site: Site, transport: Any) -> None:
    answers: list[str] = []
    for message in ASKED:
        answers.append(transport(site, message))
        assert not re.search(r"<[A-Z_]+_\d+>", answers[-1])
        if NAME in answers[-1]:
            return
    pytest.fail(f"no answer holds the name: {answers}")


def test_the_record_holds_tags_and_neither_the_name_nor_its_surrogate(site: Site) -> None:
    said = post(site, "/v1/chat", {"message": f"{ASKED[1]} My IBAN is {IBAN}."}).get_json()
    events = site.deployment.reader.query("halden", said["query_id"])
    bodies = {event.kind: event.body for event in events}
    assert bodies["redacted"]["question"].startswith("Write a letter that begins: My name is <PERSON_1>.")
    assert bodies["generated"]["surrogates"] == {"PERSON": 1, "IBAN_CODE": 1}
    conversation = said["conversation_id"]
    subject = site.deployment.keys.pseudonym("halden", Person("wilhelmina"))
    dumped, turns = site.deployment.memory.load("halden", subject, conversation)
    assert dumped is not None
    false = list(json.loads(dumped)["words"].values())
    everything = repr([event.body for event in events]) + repr(turns)
    assert len(false) == 2
    assert not [word for word in [*false, "Wilhelmina", "Oosterhuis", IBAN] if word in everything]


def test_another_person_with_the_conversations_number_reads_nothing(site: Site) -> None:
    mine = post(site, "/v1/chat", {"message": ASKED[1]}).get_json()
    asked = {"message": "What is my name?", "conversation_id": mine["conversation_id"]}
    refused = post(site, "/v1/chat", asked, person="berta")
    assert refused.status_code == 404
    assert "Oosterhuis" not in refused.get_data(as_text=True)
    again = post(site, "/v1/chat", {"message": "What is <PERSON_1>'s name, and PERSON_1 and Person 1?"}, person="berta")
    assert "Oosterhuis" not in again.get_data(as_text=True)
    assert post(site, "/v1/chat", asked).status_code == 200
