"""At the service's edges: who asks, through what, under which name, and what strangers learn.

The kind of fault: something is given, or believed, because of a header, a spelling or a name that anybody can write.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.api.visible import shows_anything
from app.serving.application import create_app
from app.settings import Settings
from app.web.refused_keys import RefusedKeys
from app.wiring.metrics import Metrics
from app.wiring.service import Service
from tests.app.conftest import Site

PATH = "/srv/countersign/policy.yaml"
FAR = {"REMOTE_ADDR": "10.7.7.7"}
PASSED_ON = [
    {"X-Forwarded-For": "10.1.1.1"}, {"Forwarded": "for=10.1.1.1"}, {"Via": "1.1 proxy"}, {"X-Real-Ip": "10.1.1.1"},
    {"X-Forwarded-Proto": "https"}, {"X-Forwarded-Host": "bank.example"},
]  # fmt: skip


@pytest.fixture
def told(cold: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Models that could not be loaded, with a path in the reason."""
    monkeypatch.setattr(cold.service, "_parts", {"error": f"{PATH}: not there"})
    return cold


@pytest.mark.parametrize("headers", PASSED_ON, ids=lambda one: next(iter(one)))
def test_through_a_proxy_there_are_no_metrics_however_the_path_is_spelt(cold: Site, headers: dict[str, str]) -> None:
    for path in ("/metrics", "/%6detrics", "/metric%73"):
        assert cold.client().get(path, headers=headers).status_code == 404
    for path in ("//metrics", "///metrics"):  # as a server hands them over, decoded
        answer = cold.client().get("/metrics", headers=headers, environ_overrides={"PATH_INFO": path})
        assert answer.status_code in (308, 404)
    assert cold.client().get("/metrics").status_code == 200


def with_settings(site: Site, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Any:
    """A client of the same deployment under other settings."""
    settings = site.deployment.settings.model_copy(update=changes)
    monkeypatch.setattr(site.service, "deployment", dataclasses.replace(site.deployment, settings=settings))
    return create_app(site.service).test_client()


@pytest.mark.parametrize("sent", [None, "Bearer wrong", "Bearer ", "Basic m3trics", "m3trics", "Bearer m3tric\udcff"])
def test_with_a_key_of_their_own_metrics_are_for_who_sends_it(
    cold: Site, monkeypatch: pytest.MonkeyPatch, sent: str | None
) -> None:
    client = with_settings(cold, monkeypatch, metrics_key=SecretStr("m3trics"))
    headers = {} if sent is None else {"Authorization": sent.encode("utf-8", "surrogateescape").decode("latin-1")}
    assert client.get("/metrics", headers=headers).status_code == 401
    for right in ({}, *PASSED_ON):
        assert client.get("/metrics", headers={"Authorization": "Bearer m3trics", **right}).status_code == 200


def test_strangers_learn_that_something_is_wrong_and_not_what_lies_where(told: Site) -> None:
    client = told.client()
    strangers: list[dict[str, Any]] = [
        {"environ_base": FAR},
        {"environ_base": FAR, "headers": told.bearer("caller")},
        {"environ_base": FAR, "headers": {"Authorization": "Bearer cs_none"}},
        {"environ_base": {"REMOTE_ADDR": ""}},
        *({"headers": one} for one in PASSED_ON),
    ]
    for stranger in strangers:
        answer = client.get("/readyz", **stranger)
        assert (answer.status_code, PATH in answer.text) == (503, False), stranger
        assert "error" in answer.json["parts"]


def test_who_operates_it_reads_what_is_wrong(told: Site) -> None:
    client = told.client()
    assert PATH in client.get("/readyz").text
    for role in ("auditor", "administrator"):
        assert PATH in client.get("/readyz", environ_base=FAR, headers=told.bearer(role)).text


@pytest.fixture
def demo(cold: Site, monkeypatch: pytest.MonkeyPatch) -> Any:
    return with_settings(cold, monkeypatch, demo=True, allowed_hosts=())


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "0x7f.1"],
)
def test_the_demo_page_and_its_key_are_not_given_under_another_site_s_name(demo: Any, host: str) -> None:
    """Its owner may point the name here (DNS rebinding) and read what the browser gets."""
    answer = demo.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "cs_" not in answer.text


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:8080", "demo.localhost", "10.0.0.5"]
)
def test_it_is_given_under_names_that_nobody_else_can_point_here(demo: Any, host: str) -> None:
    assert demo.get("/", headers={"Host": host}).status_code == 200


def test_where_hosts_are_named_others_get_nothing_but_probes(cold: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = with_settings(cold, monkeypatch, allowed_hosts=("chat.bank.example",))
    for path in ("/review/sign-in", "/v1/models", "/static/widget.js", "/openapi.json"):
        assert client.get(path, headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/review/sign-in", headers={"Host": "Chat.Bank.Example:443"}).status_code == 200
    assert client.get("/review/sign-in", headers={"Host": "10.0.0.5"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "countersign"}).status_code == 200


def test_a_request_of_http_1_1_names_its_host(cold: Site) -> None:
    """RFC 9112, section 3.2."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/healthz", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
               "SERVER_NAME": "here", "SERVER_PORT": "80"}  # fmt: skip
    statuses: list[str] = []
    list(cold.app(environ, lambda status, *_: statuses.append(status)))
    assert statuses[0].startswith("400")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/audit/queries/q_1", "/v1/receipts/q_1", "/v1/documents", "/v1/chat"])
@pytest.mark.parametrize("origin", [None, "https://portal.example", "null"])
def test_what_depends_on_a_key_stays_in_no_cache_and_belongs_to_its_origin(
    cold: Site, path: str, origin: str | None
) -> None:
    for role in ("caller", "administrator"):
        headers = cold.bearer(role) | ({"Origin": origin} if origin else {})
        answer = cold.client().get(path, headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"origin", "authorization"} <= {one.lower() for one in answer.vary}


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "gzip, gzip", "GZIP", "x-nobody-knows"])
@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions"])
def test_a_compressed_body_is_refused_by_its_name_and_never_unpacked(cold: Site, coding: str, path: str) -> None:
    headers = cold.bearer() | {"Content-Encoding": coding}
    answer = cold.client().post(path, json={"message": "Hello?"}, headers=headers)
    assert (answer.status_code, answer.json["type"]) == (415, "urn:countersign:problem:content_encoding")


BLANK = [
    "\u200b\u200b", "\ufeff", "\u2060\u180e", "\u3164", "\u115f\u1160", "\uffa0", "\u2800\u2800", "\u034f", "\u202e\u202c",
    "\U000e0041\U000e0042", "\u0301\u0302", "\ufe0f", "\x00\x07", " \u3000\u2003\n", "\u00ad",
]  # fmt: skip


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_a_message_that_shows_nothing_is_no_question(cold: Site, text: str) -> None:
    for path, body in (
        ("/v1/chat", {"message": text}),
        ("/v1/chat/completions", {"model": "countersign", "messages": [{"role": "user", "content": text}]}),
    ):
        answer = cold.client().post(path, json=body, headers=cold.bearer())
        assert (answer.status_code, "blank" in answer.json["detail"]) == (422, True)


@pytest.mark.parametrize("text", ["?", "é", "e\u0301", "你", "👍", "a\u200b", "\u200f؟", "1", "€"])
def test_a_message_that_shows_anything_is_one(text: str) -> None:
    assert shows_anything(text)


def families(metrics: Metrics) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}


def test_refused_keys_are_counted_by_reason_and_told_now_and_then_without_what_was_sent(cold: Site) -> None:
    def count(why: str) -> float:
        found = families(cold.deployment.metrics)["countersign_refused_keys"]
        return sum(one.value for one in found.samples if one.labels.get("why") == why and one.name.endswith("_total"))

    before = [count(why) for why in ("key_missing", "key_unknown", "role")]
    cold.app.extensions["countersign.refused_keys"] = RefusedKeys()
    with capture_logs() as lines:
        for _ in range(20):
            cold.client().get("/v1/models", headers={"Authorization": "Bearer cs_guessed"})
        cold.client().get("/v1/models")
        cold.client().get("/v1/documents", headers=cold.bearer("caller"))
    assert [count(why) for why in ("key_missing", "key_unknown", "role")] == [before[0] + 1, before[1] + 20, before[2] + 1]
    assert [(one["event"], one["why"], one["count"]) for one in lines if one["event"] == "keys.refused"] == [
        ("keys.refused", "key_unknown", 1)
    ]
    assert "cs_guessed" not in str(lines)


def test_what_only_grows_is_a_counter_and_what_does_not_is_a_gauge(cold: Site) -> None:
    """The kind of fault: a figure since the start that is called a gauge, so that rate() takes a restart for a fall."""
    metrics = cold.deployment.metrics
    growing = {"audit_events", "audit_batches", "audit_events_refused", "audit_checkpoints", "audit_checkpoint_failures"}
    found = families(metrics)
    assert {found[f"countersign_{name}"].type for name in growing} == {"counter"}
    for name, family in found.items():
        said = family.documentation.lower()
        assert (family.type == "gauge") <= ("since the start" not in said), name
    assert found["countersign_audit_queue_depth"].type == "gauge"


def test_a_home_is_closed_to_others_where_it_is_made(tmp_path: Path) -> None:
    """The documents of every group lie in it, and the log's database."""
    home = tmp_path / "far" / "home"
    service = Service.open(Settings(home=home, light=True, spans_file=home / "spans.jsonl"))
    service.close()
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "spans.jsonl").stat().st_mode & 0o007 == 0
