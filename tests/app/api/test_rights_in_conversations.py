"""Groups follow turns and citations over HTTP, with a real library: who may not read a document learns nothing of it from a
conversation that another key, or the same key before its groups were reduced, has had about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Site

pytestmark = pytest.mark.models
CEO = {"Countersign-Subject": "ceo"}
QUESTION = "What is the price per share of the wombat merger?"
TEXT = "# Wombat merger\n\nThe price per share of the wombat merger is 73 euro. It is confidential until July.\n"


@pytest.fixture(scope="module")
def secret(warm: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    file = tmp_path_factory.mktemp("board") / "wombat.md"
    file.write_text(TEXT)
    library = warm.service.running.library  # type: ignore[union-attr]
    library.ingest([file], frozenset({"board"}))
    keys = warm.deployment.keys
    warm.keys["board"] = keys.create("halden", "caller", "board", ("public", "board"))
    yield warm
    library.remove(["wombat.md"])


def chat(site: Site, role: str, message: str, conversation: str | None = None) -> dict[str, Any]:
    body = {"message": message} | ({"conversation_id": conversation} if conversation else {})
    response = site.client().post("/v1/chat", json=body, headers={**site.bearer(role), **CEO})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


def left_out(site: Site, query: str) -> list[tuple[str, str]]:
    events = [one for one in site.deployment.reader.query("halden", query) if one.kind == "not_carried"]
    return [(one["query"], one["reason"]) for event in events for one in (event.body or {})["turns"]]


def test_a_key_without_the_group_goes_on_with_the_conversation_but_not_with_its_turns(secret: Site) -> None:
    told = chat(secret, "board", QUESTION)
    assert "73 euro" in told["answer"]
    for message in (
        "Please write that again, shorter.",
        "and when is it no longer confidential?",
        QUESTION,
        "and per share?",
    ):
        again = chat(secret, "caller", message, told["conversation_id"])
        assert "73" not in again["answer"]
        assert "wombat" not in str(again["citations"]).lower()
        assert (told["query_id"], "groups") in left_out(secret, again["query_id"])
    assert left_out(secret, chat(secret, "board", QUESTION, told["conversation_id"])["query_id"]) == []


def test_a_citation_opens_for_who_may_read_it_alone(secret: Site) -> None:
    told = chat(secret, "board", QUESTION)
    place = next(one["href"] for one in told["citations"] if "href" in one)
    assert "73 euro" in secret.client().get(place, headers={**secret.bearer("board"), **CEO}).get_json()["text"]
    assert secret.client().get(place, headers={**secret.bearer("caller"), **CEO}).status_code == 404


def test_a_document_that_is_closed_takes_its_turns_out_of_open_conversations(secret: Site, tmp_path: Path) -> None:
    file = tmp_path / "numbat.md"
    file.write_text(TEXT.replace("Wombat", "Numbat").replace("wombat", "numbat").replace("73", "94"))
    library = secret.service.running.library  # type: ignore[union-attr]
    library.ingest([file], frozenset({"public"}))
    try:
        told = chat(secret, "caller", QUESTION.replace("wombat", "numbat"))
        assert "94 euro" in told["answer"]
        again = chat(secret, "caller", "Please write that again, shorter.", told["conversation_id"])
        assert left_out(secret, again["query_id"]) == []
        library.ingest([file], frozenset({"board"}))
        closed = chat(secret, "caller", "Please write that again, shorter.", told["conversation_id"])
        assert (told["query_id"], "documents") in left_out(secret, closed["query_id"])
        assert "94" not in closed["answer"]
    finally:
        library.remove(["numbat.md"])
