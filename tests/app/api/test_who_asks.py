"""Whose question it is, by header and by body. The kind of fault that must not come back: a request that is taken for
another person's, or for nobody's, although it says who asks."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from app.identity.subjects import KeyItself, person
from tests.app.conftest import QUESTION, Site
from tests.support.events import step

HEADER = "Countersign-Subject"
CHAT, OPENAI = "/v1/chat", "/v1/chat/completions"


def sent(name: str) -> dict[str, str]:
    """The header of a client that sends UTF-8, as WSGI hands it over."""
    return {HEADER: name.encode().decode("latin-1")}


def openai_body(**more: Any) -> dict[str, Any]:
    return {"model": "countersign", "messages": [{"role": "user", "content": QUESTION}], **more}


def ask(site: Site, path: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return site.client().post(path, json=body, headers={**site.bearer(), **headers})


@pytest.mark.parametrize(
    ("header", "fields", "status", "named"),
    [
        ("alice", {"user": "bob"}, 422, "user"),
        ("alice", {"safety_identifier": "bob"}, 422, "safety_identifier"),
        (None, {"user": "alice", "safety_identifier": "bob"}, 422, "user"),
        ("alice", {"user": ""}, 422, "user"),
        ("alice", {"user": "alice\u200b"}, 422, "user"),
        ("", {"user": "alice"}, 422, HEADER),
        ("", {}, 422, HEADER),
        ("  ", {}, 422, HEADER),
        (None, {"user": ""}, 422, "user"),
        (None, {"user": " \u00a0"}, 422, "user"),
        (None, {"safety_identifier": "\t"}, 422, "safety_identifier"),
        (None, {"user": "a\x00"}, 422, "user"),
        ("Ren\xe9e", {}, 400, HEADER),
        ("\xff\xfe", {"user": "alice"}, 400, HEADER),
        # and what is no contradiction: the models of this service are not loaded, so that it goes no further
        ("alice", {"user": "alice", "safety_identifier": " alice"}, 503, None),
        ("Jürgen".encode().decode("latin-1"), {"user": "Ju\u0308rgen"}, 503, None),
        ("key:0f3c", {}, 503, None),
        (None, {"user": None, "safety_identifier": None}, 503, None),
        (None, {}, 503, None),
    ],
)  # fmt: skip
def test_a_person_who_is_blank_unreadable_or_named_in_two_ways_is_refused(
    cold: Site, header: str | None, fields: dict[str, Any], status: int, named: str | None
) -> None:
    headers = {} if header is None else {HEADER: header}
    found = ask(cold, OPENAI, openai_body(**fields), headers)
    assert found.status_code == status
    if named is not None:
        told = found.get_json(force=True)
        assert (told["error"]["code"], told["error"]["param"]) == ("subject", named)
        assert told["detail"].startswith(f"{named}: ")
    if not fields:
        assert ask(cold, CHAT, {"message": QUESTION}, headers).status_code == status
        receipt = cold.client().get("/v1/receipts/q_none", headers={**cold.bearer(), **headers})
        assert receipt.status_code == (404 if status == 503 else status)


def test_no_person_s_name_reaches_what_a_key_asked_and_named_nobody(cold: Site) -> None:
    """Nor the other way round, nor what commands asked on the machine itself."""
    keys = cold.deployment.keys
    key = keys.find(cold.keys["caller"])
    assert key is not None
    owners = {
        "q_key": KeyItself(key.id), "q_terminal": KeyItself("terminal"), "q_anna": person("anna", "x"),
        "q_named_key": person(f"key:{key.id}", "x"), "q_named_terminal": person("terminal", "x"),
    }  # fmt: skip
    for query, owner in owners.items():
        subject = keys.pseudonym("halden", owner)
        for kind in ("received", "finished"):
            cold.deployment.audit.append("halden", step(kind, query, subject)).wait()

    def seen(headers: dict[str, str]) -> list[str]:
        client, bearer = cold.client(), cold.bearer()
        asked = {query: client.get(f"/v1/receipts/{query}", headers={**bearer, **headers}).status_code for query in owners}
        return [query for query, status in asked.items() if status != 404]

    assert seen({}) == ["q_key"]
    assert seen(sent("anna")) == ["q_anna"]
    assert seen(sent(f"key:{key.id}")) == ["q_named_key"]
    assert seen(sent("terminal")) == ["q_named_terminal"]
    for name in ("key:terminal", f"person:key:{key.id}", f"staff:key:{key.id}", "Anna", f"key:{key.id.upper()}x"):
        assert seen(sent(name)) == [], name


@pytest.mark.models
@pytest.mark.parametrize("name", ["Renée", "Jürgen Müller", "김철수", " alice "])
def test_every_way_to_name_a_person_records_the_same_subject(warm: Site, name: str) -> None:
    composed, apart = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    requests = [
        (CHAT, {"message": QUESTION}, sent(composed)),
        (CHAT, {"message": QUESTION}, sent(apart)),
        (OPENAI, openai_body(), sent(composed)),
        (OPENAI, openai_body(user=apart), {}),
        (OPENAI, openai_body(safety_identifier=composed), {}),
        (OPENAI, openai_body(user=composed), sent(apart)),
    ]
    subjects = set()
    for path, body, headers in requests:
        found = ask(warm, path, body, headers)
        assert found.status_code == 200, found.text
        told = found.get_json()
        query = told["query_id"] if path == CHAT else told["countersign"]["query_id"]
        subjects |= {event.subject for event in warm.deployment.reader.query("halden", query)}
    assert subjects == {warm.deployment.keys.pseudonym("halden", person(name, "test"))}
