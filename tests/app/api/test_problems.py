"""Every error is a problem document (RFC 9457) that says what to do and repeats nothing of what was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.app.conftest import Site

SENT = "Wilhelmina"
GOOD = {"message": f"I am {SENT}"}
JSON = {"Content-Type": "application/json"}


def check(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.mimetype == "application/problem+json"
    document: dict[str, Any] = response.get_json(force=True)
    assert document["status"] == status
    assert document["type"].startswith("urn:countersign:problem:")
    assert document["title"] != "Error"
    assert document["detail"]
    assert SENT not in response.text
    assert "Traceback" not in response.text
    return document


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{" + SENT.encode(), {}, 400),
        (b"", {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"message": "\\ud800"}', {}, 400),
        (json.dumps({**GOOD, "colour": SENT}).encode(), {}, 422),
        (b'"' + SENT.encode() + b'"', {}, 422),
        (b"[]", {}, 422),
        (b"1" * 5000, {}, 400),
        (b"a" * 300_000, {}, 413),
        (json.dumps(GOOD).encode(), {"Content-Type": "text/plain"}, 415),
        (json.dumps(GOOD).encode(), {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (json.dumps(GOOD).encode(), {"Authorization": "Basic eDp5"}, 401),
        (json.dumps(GOOD).encode(), {"Authorization": "Bearer cs_wrong"}, 401),
        (json.dumps(GOOD).encode(), {"Authorization": "Bearer "}, 401),
    ],
)
def test_a_request_that_does_not_fit_is_told_why(
    cold: Site, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    response = cold.client().post(path, data=body, headers={**cold.bearer(), **JSON, **headers})
    document = check(response, status)
    assert document["error"]["message"] == document["detail"]
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_body_of_unknown_length_is_bounded_too(cold: Site) -> None:
    import io

    response = cold.client().post(
        "/v1/chat",
        input_stream=io.BytesIO(b"a" * 300_000),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        headers={**cold.bearer(), **JSON},
    )
    check(response, 413)


def test_a_role_that_may_not_is_told_which_may(cold: Site) -> None:
    document = check(cold.client().post("/v1/chat", json=GOOD, headers=cold.bearer("auditor")), 403)
    assert "caller" in document["detail"]


def test_what_is_not_there_is_not_found(cold: Site) -> None:
    check(cold.client().get(f"/v1/{SENT}"), 404)
    check(cold.client().get("/v1/models/gpt-4", headers=cold.bearer()), 404)
    check(cold.client().get(f"/v1/audit/queries/{SENT}%00", headers=cold.bearer("auditor")), 404)


def test_a_wrong_method_is_told_the_right_ones(cold: Site) -> None:
    response = cold.client().get("/v1/chat")
    check(response, 405)
    assert {"POST", "OPTIONS"} <= set(response.headers["Allow"].split(", "))


def test_before_the_models_are_loaded_the_answer_is_503_with_a_time_to_come_back(cold: Site) -> None:
    response = cold.client().post("/v1/chat", json=GOOD, headers=cold.bearer())
    assert check(response, 503)["type"].endswith(":starting")
    assert int(response.headers["Retry-After"]) > 0
    assert cold.client().get("/healthz").status_code == 200
    assert cold.client().get("/readyz").status_code == 503


def test_an_address_with_doubled_slashes_is_sent_on_and_not_called_broken(cold: Site) -> None:
    response = cold.client().get("/v1//models", headers=cold.bearer())
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/v1/models")


def test_what_nobody_foresaw_is_a_500_without_its_words(cold: Site) -> None:
    from app.web import problems

    with cold.app.test_request_context("/v1/chat"):
        document = problems.of(ValueError(f"{SENT} broke it")).body()
    assert document["status"] == 500
    assert SENT not in json.dumps(document)


def test_the_description_names_the_real_routes_and_required_fields(cold: Site) -> None:
    document = cold.client().get("/openapi.json").get_json()
    real = {
        (rule.rule.replace("<int:", "<").replace("<", "{").replace(">", "}"), method.lower())
        for rule in cold.app.url_map.iter_rules()
        for method in rule.methods or ()
        if method in {"GET", "POST"} and rule.rule.startswith(("/v1/", "/healthz", "/readyz", "/metrics"))
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == real
    schemas = document["components"]["schemas"]
    assert schemas["ChatRequest"]["required"] == ["message"]
    assert set(schemas["CompletionRequest"]["required"]) == {"model", "messages"}
    text = json.dumps(document)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in schemas


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/review/sign-in", "/nothing", "/openapi.json"])
def test_every_response_carries_the_security_headers(cold: Site, path: str) -> None:
    headers = cold.client().get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_only_the_api_is_open_to_other_origins_and_never_with_cookies(cold: Site) -> None:
    origin = {"Origin": "https://portal.example"}
    api = cold.client().options("/v1/chat", headers=origin).headers
    assert api["Access-Control-Allow-Origin"] == "https://portal.example"
    assert "Access-Control-Allow-Credentials" not in api
    assert "Access-Control-Allow-Origin" not in cold.client().get("/review/sign-in", headers=origin).headers
