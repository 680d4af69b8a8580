"""The review pages: an administrator's or auditor's key opens them, forms are safe from other sites, looking is recorded."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from tests.app.conftest import Site
from tests.support.events import step

HOSTILE = "<script>alert(1)</script>"


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/review/sign-in").text)
    assert found is not None
    return found.group(1)


def signed_in(site: Site, role: str = "administrator") -> FlaskClient:
    client = site.client()
    response = client.post("/review/sign-in", data={"csrf_token": token(client), "key": site.keys[role]})
    assert response.status_code == 303, response.text
    return client


def append(site: Site, tenant: str, query: str, question: str = "hello") -> None:
    site.deployment.audit.append(tenant, step("received", query, f"s_{tenant}"))
    site.deployment.audit.append(tenant, step("redacted", query, f"s_{tenant}", body={"question": question})).wait()


def kinds(site: Site, query: str) -> list[str]:
    return [event.kind for event in site.deployment.reader.query("halden", query)]


@pytest.mark.parametrize("path", ["/review", "/review/queries/q_" + "1" * 32])
def test_without_a_sign_in_there_is_only_the_sign_in(cold: Site, path: str) -> None:
    response = cold.client().get(path)
    assert response.status_code == 302
    assert response.headers["Location"] == "/review/sign-in"


def test_an_api_key_in_a_header_does_not_open_the_pages(cold: Site) -> None:
    assert cold.client().get("/review", headers=cold.bearer("administrator")).status_code == 302


@pytest.mark.parametrize("role", ["caller", "other caller"])
def test_a_callers_key_does_not_open_the_pages(cold: Site, role: str) -> None:
    client = cold.client()
    response = client.post("/review/sign-in", data={"csrf_token": token(client), "key": cold.keys[role]})
    assert response.status_code == 403
    assert cold.keys[role] not in response.text
    assert client.get("/review").status_code == 302


@pytest.mark.parametrize("forged", ["", "wrong", "é", "\x00", None])
def test_a_form_of_another_site_does_not_sign_in(cold: Site, forged: str | None) -> None:
    client = cold.client()
    token(client)
    data = {"key": cold.keys["administrator"], **({} if forged is None else {"csrf_token": forged})}
    assert client.post("/review/sign-in", data=data).status_code == 400
    assert client.get("/review").status_code == 302


@pytest.mark.parametrize("forged", ["", "-", "None"])
def test_a_form_of_another_site_does_not_sign_a_browser_in_that_has_no_session_yet(cold: Site, forged: str) -> None:
    client = cold.client()
    response = client.post("/review/sign-in", data={"key": cold.keys["administrator"], "csrf_token": forged})
    assert response.status_code == 400
    assert client.get("/review").status_code == 302


def test_a_form_of_another_site_does_not_sign_out(cold: Site) -> None:
    client = signed_in(cold)
    client.post("/review/sign-out", data={"csrf_token": "é"})
    assert client.get("/review").status_code == 200


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(cold: Site) -> None:
    cookie = cold.client().get("/review/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


def test_a_revoked_key_is_signed_out(cold: Site) -> None:
    secret = cold.deployment.keys.create("halden", "administrator", "leaver", ("public",))
    client = cold.client()
    client.post("/review/sign-in", data={"csrf_token": token(client), "key": secret})
    assert client.get("/review").status_code == 200
    found = cold.deployment.keys.find(secret)
    assert found is not None
    cold.deployment.keys.revoke(found.id)
    assert client.get("/review").status_code == 302


def test_looking_is_recorded_before_anything_is_shown(cold: Site) -> None:
    query = "q_" + "2" * 32
    append(cold, "halden", query)
    client = signed_in(cold)
    assert client.get(f"/review/queries/{query}").status_code == 200
    assert kinds(cold, query) == ["received", "redacted", "access.viewed"]
    page = client.get(f"/review/queries/{query}")
    assert page.text.count("access.viewed") >= 2


def test_another_tenants_query_is_not_found_and_not_listed(cold: Site) -> None:
    query = "q_" + "3" * 32
    append(cold, "other", query, "a question of theirs")
    client = signed_in(cold)
    assert client.get(f"/review/queries/{query}").status_code == 404
    assert "a question of theirs" not in client.get("/review").text
    assert cold.client().get(f"/v1/audit/queries/{query}", headers=cold.bearer("auditor")).status_code == 404
    assert cold.client().get(f"/v1/audit/queries/{query}", headers=cold.bearer("other auditor")).status_code == 200


def test_what_was_asked_is_shown_and_never_run(cold: Site) -> None:
    query = "q_" + "4" * 32
    append(cold, "halden", query, HOSTILE)
    client = signed_in(cold)
    for page in (client.get("/review"), client.get(f"/review/queries/{query}")):
        assert HOSTILE not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text


@pytest.mark.parametrize(
    "arguments",
    [
        {"before": "9" * 40},
        {"before": "-1"},
        {"before": "x"},
        {"bot": HOSTILE},
        {"verdict": "x" * 5000},
        {"outcome": "\x00"},
        {"tenant": "other"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"since": HOSTILE},
    ],
)
def test_a_strange_filter_is_ignored_or_named_and_breaks_nothing(cold: Site, arguments: dict[str, str]) -> None:
    response = signed_in(cold).get(f"/review?{urlencode(arguments)}")
    assert response.status_code in {200, 422}, response.text
    assert HOSTILE not in response.text
    assert response.mimetype == "text/html"


@pytest.mark.parametrize("query", ["x", "q_" + "0" * 32, "%00", "..%2f..%2fetc", "q" * 5000, HOSTILE])
def test_an_unknown_query_is_a_page_that_says_so(cold: Site, query: str) -> None:
    response = signed_in(cold).get(f"/review/queries/{query}")
    assert response.status_code == 404
    assert response.text == "" or HOSTILE not in response.text
