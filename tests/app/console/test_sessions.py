"""A session of the review pages: sealed, for TLS alone, over at sign-out everywhere and at a fixed hour whatever happens.

The kind of fault: a cookie that is more than its browser's: sent in clear, read by others, or good after its end.
"""

from __future__ import annotations

import base64
import time
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient

from app.console import session as console_session
from app.console.cookie import LONGEST_S, NAME
from app.serving.application import create_app
from tests.app.conftest import Site
from tests.app.console.test_console import kinds, signed_in, token

PURPOSE = "complaint of Wilhelmina"


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie(NAME)
    assert found is not None
    return found.value


def with_cookie(site: Site, value: str) -> FlaskClient:
    """Another browser, of another replica, with a copy of the cookie."""
    client = create_app(site.service).test_client()
    client.set_cookie(NAME, value)
    return client


def leave(client: FlaskClient) -> None:
    page = client.get("/review").text
    form = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert client.post("/review/sign-out", data={"csrf_token": form}).status_code == 303


def test_after_sign_out_no_copy_of_the_cookie_opens_anything(cold: Site) -> None:
    client = signed_in(cold)
    client.get("/review")
    copies = [with_cookie(cold, cookie(client)) for _ in range(2)]
    assert copies[0].get("/review").status_code == 200
    leave(client)
    for copy in copies:
        for path in ("/review", "/review/queries/q_1", "/review/documents", "/review/switches", "/review/retention"):
            assert copy.get(path).status_code in (302, 404), path
    assert signed_in(cold).get("/review").status_code == 200, "who signs in again is in"


def test_signing_out_is_recorded_and_touches_nobody_else(cold: Site) -> None:
    staying, leaving = signed_in(cold, "auditor"), signed_in(cold)
    leave(leaving)
    assert staying.get("/review").status_code == 200
    with cold.deployment.engine.connect() as db:
        found = db.exec_driver_sql("SELECT count(*) FROM audit_record WHERE kind = 'access.signed_out'").scalar_one()
    assert found >= 1
    assert kinds(cold, "q_none") == []


def test_a_session_ends_at_its_hour_however_much_it_is_used(cold: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    client = signed_in(cold)
    begun = time.time()
    for hour in range(8):
        monkeypatch.setattr(console_session.time, "time", lambda hour=hour: begun + hour * 3600)
        assert client.get("/review").status_code == 200
    monkeypatch.setattr(console_session.time, "time", lambda: begun + LONGEST_S + 60)
    assert client.get("/review").status_code == 302


@pytest.mark.parametrize(
    "base", ["https://bank.example", "http://bank.example", "https://localhost", "http://10.0.0.5:8080"]
)
def test_outside_plain_loopback_the_cookie_is_for_tls_and_this_host_alone(cold: Site, base: str) -> None:
    sent = cold.client().get("/review/sign-in", base_url=base).headers["Set-Cookie"]
    assert sent.startswith(f"__Host-{NAME}=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(sent.split("; "))
    assert "Domain" not in sent


@pytest.mark.parametrize("base", ["http://localhost", "http://127.0.0.1:8080", "http://[::1]:8080", "http://a.localhost"])
def test_on_plain_loopback_it_works_without(cold: Site, base: str) -> None:
    sent = cold.client().get("/review/sign-in", base_url=base).headers["Set-Cookie"]
    assert sent.startswith(f"{NAME}=")
    assert "Secure" not in sent


def test_who_comes_without_tls_is_told_why_it_cannot_work(cold: Site) -> None:
    data = {"csrf_token": "x", "key": cold.keys["administrator"]}
    answer = cold.client().post("/review/sign-in", data=data, base_url="http://bank.example")
    assert answer.status_code == 400
    assert "https" in answer.text


def test_nobody_but_the_service_reads_what_the_cookie_holds(cold: Site) -> None:
    client = cold.client()
    client.post("/review/sign-in", data={"csrf_token": token(client), "key": cold.keys["administrator"], "purpose": PURPOSE})
    sealed = unquote(cookie(client))
    key = cold.deployment.keys.find(cold.keys["administrator"])
    assert key is not None
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    for held in (b"Wilhelmina", b"csrf", key.id.encode(), b"key"):
        assert held not in raw
        assert held not in sealed.encode()


@pytest.mark.parametrize("change", ["cut", "flip", "other", "empty", "json", "long"])
def test_a_forged_cookie_is_no_session(cold: Site, change: str) -> None:
    whole = cookie(signed_in(cold))
    forged = {
        "cut": whole[:-4], "flip": whole[:40] + ("A" if whole[40] != "A" else "B") + whole[41:],
        "other": "gAAAAA" + "A" * 90, "empty": "", "json": '{"key": "administrator"}', "long": "A" * 3000,
    }[change]  # fmt: skip
    assert with_cookie(cold, forged).get("/review").status_code == 302
