"""The review pages and the reveal API over a real log: erased, held and refused are seen; personal data needs a reason.

No model is loaded: what a journey records is appended here as the journey does it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from app.identity.subjects import Person
from app.serving.application import create_app
from app.settings import Settings
from app.wiring.deployment import Deployment, open_deployment
from app.wiring.service import Service
from audit.errors import AuditUnavailable
from audit.retention.state import Rule
from moderation.pii.pseudonyms import Pseudonyms
from orchestrator.types import Turn
from tests.support.events import step

NAME, REASON = "Wilhelmina Oosterhuis", "complaint 4711 of the ombudsman"
AUDIT = (Path(__file__).parents[1] / "browser" / "readable.js").read_text()
PEOPLE = ("erased", "held", "refused", "open")


@pytest.fixture
def persons() -> int:
    """How many administrators must agree to a reveal; tests that need two say so."""
    return 1


@pytest.fixture
def deployment(tmp_path: Path, persons: int) -> Iterator[Deployment]:
    deployment = open_deployment(Settings(home=tmp_path / "var", reveal_persons=persons))
    for person in PEOPLE:
        record(deployment, person)
    keeping = deployment.retention
    keeping.place_hold("halden", "key:legal", subject(deployment, "held"), "case 12/2026", "court order")
    keeping.request_erasure("halden", "key:desk", subject(deployment, "held"), "letter of 3 May")
    keeping.set_retention("halden", "key:desk", Rule("communications", 2192), "rule book 4.2")
    keeping.request_erasure("halden", "key:desk", subject(deployment, "refused"), "letter of 4 May")
    keeping.set_retention("halden", "key:desk", Rule("communications", 0), "rule book 4.3")
    keeping.request_erasure("halden", "key:desk", subject(deployment, "erased"), "letter of 5 May")
    yield deployment
    deployment.close()


def subject(deployment: Deployment, person: str) -> str:
    return deployment.keys.pseudonym("halden", Person(person))


def record(deployment: Deployment, person: str) -> None:
    """What a journey leaves behind."""
    pseudonyms = Pseudonyms()
    tag = pseudonyms.tag("PERSON", NAME)
    question, answer = f"I am {tag}. What does the fund cost?", f"Dear {tag}, it costs 1.25 % a year."
    steps: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("received", {"characters": 40}, {}),
        ("redacted", {"question": question, "entities": {"PERSON": 1}}, {}),
        ("routed", {"bot": "rag", "fallback": [], "candidates": []}, {"bot": "rag"}),
        ("released", {"segment": 0, "text": answer, "citations": []}, {"bot": "rag"}),
        ("finished", {"outcome": "answered"}, {"outcome": "answered", "bot": "rag", "verdict": "allow"}),
    ]
    who = subject(deployment, person)
    for kind, body, labels in steps:
        asked = step(kind, f"q_{person}", who, conversation=f"c_{person}", actor="key:portal", labels=labels, body=body)
        deployment.audit.append("halden", asked).wait()
    deployment.memory.save_pseudonyms("halden", who, f"c_{person}", pseudonyms.dump())
    deployment.memory.save_turn("halden", who, f"c_{person}", f"q_{person}", Turn(question, answer), "answered")


class Reviewer:
    """Somebody signed in with a key of their own."""

    def __init__(self, deployment: Deployment, role: str = "administrator", purpose: str = "", secret: str = "") -> None:
        self.secret = secret or deployment.keys.create("halden", role, f"{role}'s desk", ())  # type: ignore[arg-type]
        self.client: FlaskClient = create_app(Service(deployment)).test_client()
        self.post("/review/sign-in", "/review/sign-in", key=self.secret, purpose=purpose)

    def get(self, path: str) -> str:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return response.text

    def post(self, seen_on: str, path: str, **form: str) -> TestResponse:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(seen_on).text)
        assert token is not None
        return self.client.post(path, data={**form, "csrf_token": token[1]})

    def api(self, path: str, **body: str) -> TestResponse:
        return self.client.post(path, json=body, headers={"Authorization": f"Bearer {self.secret}"})


@pytest.fixture
def reviewer(deployment: Deployment) -> Callable[..., Reviewer]:
    return lambda *role, **how: Reviewer(deployment, *role, **how)


def kinds(deployment: Deployment, query: str) -> list[str]:
    return [event.kind for event in deployment.reader.query("halden", query) if event.kind.startswith("access.")]


# --- what became of the content -----------------------------------------------------------------


def test_an_erased_query_says_so_with_who_agreed_and_shows_nothing_of_it(reviewer: Callable[..., Reviewer]) -> None:
    shown = reviewer().get("/review/queries/q_erased")
    assert "<strong>Erased.</strong>" in shown
    assert "key:desk" in shown
    assert "Erased: the text can no longer be read by anyone." in shown
    assert "What does the fund cost" not in shown
    assert 'id="h-reveal"' not in shown
    assert "does not fit its hashes" not in shown


def test_a_hold_and_a_refused_erasure_are_told_with_matter_and_ground(reviewer: Callable[..., Reviewer]) -> None:
    held, refused = (reviewer().get(f"/review/queries/q_{name}") for name in ("held", "refused"))
    assert "Legal hold: case 12/2026." in held
    assert "Erasure refused" in held
    assert "communications are kept for 2192 days" in refused
    assert "Legal hold" not in refused
    assert "What does the fund cost" in refused


def test_the_list_and_the_desk_page_name_each_state(reviewer: Callable[..., Reviewer]) -> None:
    desk = reviewer()
    rows = {name: row for row in desk.get("/review").split("<tr>") for name in PEOPLE if f"q_{name}" in row}
    assert "erased</span>" in rows["erased"]
    assert "legal hold</span>" in rows["held"]
    assert "erasure refused</span>" in rows["refused"]
    assert "state-" not in rows["open"]
    page = desk.get("/review/keeping")
    for told in ("letter of 3 May", "letter of 4 May", "letter of 5 May", "case 12/2026", "in force", "refused"):
        assert told in page


def test_a_key_destroyed_without_a_recorded_erasure_is_pointed_out(
    deployment: Deployment, reviewer: Callable[..., Reviewer]
) -> None:
    deployment.subjects.destroy(subject(deployment, "open"))
    assert "no erasure is recorded in this log" in reviewer().get("/review/queries/q_open")


def test_who_looked_when_and_why_stands_on_the_page(deployment: Deployment, reviewer: Callable[..., Reviewer]) -> None:
    reviewer(purpose="inspection 9/26").get("/review/queries/q_open")
    looks = [e.body for e in deployment.reader.query("halden", "q_open") if e.kind == "access.viewed"]
    assert looks == [{"channel": "review", "reason": "inspection 9/26"}]
    assert "inspection 9/26" in reviewer().get("/review/queries/q_open")


def test_a_reason_given_to_the_api_is_recorded(deployment: Deployment, reviewer: Callable[..., Reviewer]) -> None:
    desk = reviewer("auditor")
    headers = {"Authorization": f"Bearer {desk.secret}"}
    assert desk.client.get("/v1/audit/queries/q_open?reason=inspection+9/26", headers=headers).status_code == 200
    looks = [e.body for e in deployment.reader.query("halden", "q_open") if e.kind == "access.viewed"]
    assert looks == [{"channel": "api", "reason": "inspection 9/26"}]


# --- revealing ----------------------------------------------------------------------------------


def test_personal_data_is_shown_to_an_administrator_with_a_reason_and_recorded_first(
    deployment: Deployment, reviewer: Callable[..., Reviewer]
) -> None:
    desk = reviewer()
    page = "/review/queries/q_open"
    assert NAME not in desk.get(page)
    shown = desk.post(page, f"{page}/reveal", reason=REASON)
    assert f"I am {NAME}" in shown.text
    assert f"Dear {NAME}" in shown.text
    assert shown.headers["Cache-Control"] == "no-store"
    assert kinds(deployment, "q_open")[-2:] == ["access.reveal_requested", "access.revealed"]
    assert deployment.reader.query("halden", "q_open")[-1].body["reason"] == REASON  # type: ignore[index]
    assert NAME not in desk.get(page)


@pytest.mark.parametrize("reason", ["", "short", " " * 40])
def test_without_a_reason_nothing_is_shown_or_recorded(
    deployment: Deployment, reviewer: Callable[..., Reviewer], reason: str
) -> None:
    page = "/review/queries/q_open"
    refused = reviewer().post(page, f"{page}/reveal", reason=reason)
    assert refused.status_code == 422
    assert NAME not in refused.text
    assert "access.revealed" not in kinds(deployment, "q_open")


def test_nothing_is_revealed_that_cannot_be_recorded(deployment: Deployment, reviewer: Callable[..., Reviewer]) -> None:
    desk = reviewer()
    deployment.audit.close()
    refused = desk.api("/v1/audit/queries/q_open/reveal", reason=REASON)
    assert refused.status_code == 503
    assert NAME not in refused.text


def test_an_auditor_a_forged_form_and_an_erased_query_reveal_nothing(
    deployment: Deployment, reviewer: Callable[..., Reviewer]
) -> None:
    page = "/review/queries/q_open"
    auditor, desk = reviewer("auditor"), reviewer()
    assert 'id="h-reveal"' not in auditor.get(page)
    assert auditor.post(page, f"{page}/reveal", reason=REASON).status_code == 403
    assert auditor.api("/v1/audit/queries/q_open/reveal", reason=REASON).status_code == 403
    assert desk.client.post(f"{page}/reveal", data={"reason": REASON}).status_code == 400
    assert desk.api("/v1/audit/queries/q_erased/reveal", reason=REASON).status_code == 410
    assert desk.api("/v1/audit/queries/q_unknown/reveal", reason=REASON).status_code == 404
    assert "access.revealed" not in kinds(deployment, "q_open") + kinds(deployment, "q_erased")


@pytest.mark.parametrize("persons", [2])
def test_where_two_must_agree_the_second_is_another_administrator_and_the_showing_is_once(
    deployment: Deployment, reviewer: Callable[..., Reviewer]
) -> None:
    first, second = reviewer(), reviewer()
    path = "/v1/audit/queries/q_open/reveal"
    asked = first.api(path, reason=REASON)
    assert (asked.status_code, asked.json["state"]) == (202, "waiting")  # type: ignore[index]
    number = asked.json["request"]  # type: ignore[index]
    assert first.api(f"{path}/{number}").status_code == 409
    assert first.api(f"{path}/{number}/approve").status_code == 409
    assert second.api(f"{path}/{number}/approve").json["state"] == "ready"  # type: ignore[index]
    assert second.api(f"{path}/{number}").status_code == 409  # only who asked may see it
    shown = first.api(f"{path}/{number}")
    assert shown.json["question"] == f"I am {NAME}. What does the fund cost?"  # type: ignore[index]
    assert first.api(f"{path}/{number}").status_code == 409
    assert first.api(f"{path}/1").status_code == 404
    assert kinds(deployment, "q_open") == ["access.reveal_requested", "access.reveal_approved", "access.revealed"]


@pytest.mark.parametrize("persons", [2])
def test_two_administrators_agree_on_the_page(reviewer: Callable[..., Reviewer]) -> None:
    page = "/review/queries/q_open"
    first, second = reviewer(), reviewer()
    assert first.post(page, f"{page}/reveal", reason=REASON).status_code == 303
    assert "waits for another administrator" in first.get(page)
    assert ">Agree<" not in first.get(page)
    approve = re.search(r'action="([^"]+/approve)"', second.get(page))
    assert approve is not None
    assert second.post(page, approve[1]).status_code == 303
    assert "Show once" not in second.get(page)
    show = re.search(r'action="([^"]+/reveal/\d+)"', first.get(page))
    assert show is not None
    assert NAME in first.post(page, show[1]).text


@pytest.mark.parametrize("persons", [2])
@pytest.mark.parametrize("ways", ["api", "page", "api page", "api replica", "page replica api"])
def test_a_request_is_shown_once_to_however_many_ask_at_once(
    deployment: Deployment, reviewer: Callable[..., Reviewer], ways: str
) -> None:
    """The kind of fault: what is agreed to once is looked at and then done, so that who comes in between does it again.
    Tried: the API, the page, both, a second replica of the service, and all of them."""
    way = ways.split()
    first, second = reviewer(), reviewer()
    page, path = "/review/queries/q_open", "/v1/audit/queries/q_open/reveal"
    number = first.api(path, reason=REASON).json["request"]  # type: ignore[index]
    assert second.api(f"{path}/{number}/approve").status_code == 200
    replica = open_deployment(deployment.settings)
    sites = [Reviewer(replica if ways[n % len(way)] == "replica" else deployment, secret=first.secret) for n in range(8)]
    start = threading.Barrier(8)
    shown: list[bool] = []

    def show(number_of: int) -> None:
        site, where = sites[number_of], f"{page}/reveal/{number}"
        start.wait(30)
        by_page = ways[number_of % len(way)] == "page"
        answer = site.post(page, where) if by_page else site.api(f"{path}/{number}")
        assert answer.status_code in (200, 409), answer.text
        shown.append(NAME in answer.text)

    threads = [threading.Thread(target=show, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    replica.close()
    assert sum(shown) == 1
    assert kinds(deployment, "q_open").count("access.revealed") == 1


@pytest.mark.parametrize("persons", [2])
def test_a_request_whose_showing_cannot_be_recorded_is_used_up(
    deployment: Deployment, reviewer: Callable[..., Reviewer], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = reviewer(), reviewer()
    path = "/v1/audit/queries/q_open/reveal"
    number = first.api(path, reason=REASON).json["request"]  # type: ignore[index]
    assert second.api(f"{path}/{number}/approve").status_code == 200

    def closed(*_: object) -> None:
        raise AuditUnavailable("the log cannot be written")

    with monkeypatch.context() as broken:
        broken.setattr(deployment.audit, "append", closed)
        assert first.api(f"{path}/{number}").status_code == 503
    again = first.api(f"{path}/{number}")
    assert again.status_code == 409
    assert "Ask again" in again.text
    assert "access.revealed" not in kinds(deployment, "q_open")


# --- in a browser -------------------------------------------------------------------------------


@pytest.fixture
def site(deployment: Deployment) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(Service(deployment)), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


def shoot(page: Any, name: str) -> None:
    """A picture for whoever wants to look: set COUNTERSIGN_SCREENSHOTS to a folder."""
    if folder := os.environ.get("COUNTERSIGN_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_is_readable_in_a_browser_and_the_reveal_works_there(
    deployment: Deployment, site: str, page: Any, scheme: str
) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{site}/review")
    page.get_by_label("Administrator’s key").fill(deployment.keys.create("halden", "administrator", "desk", ()))
    page.get_by_label("Purpose").fill("inspection 9/26")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Queries").wait_for()
    seen = [("list", "/review"), ("keeping", "/review/keeping")] + [(p, f"/review/queries/q_{p}") for p in PEOPLE]
    for name, path in seen:
        page.goto(site + path)
        assert page.evaluate(AUDIT)[0] == []
        shoot(page, f"review-{name}-{scheme}")
    page.get_by_label("Reason, with a case number").fill(REASON)
    page.get_by_role("button", name="Reveal").click()
    page.get_by_text(f"Dear {NAME}").wait_for()
    page.wait_for_load_state("load")
    assert page.evaluate(AUDIT)[0] == []
    shoot(page, f"review-revealed-{scheme}")
    page.set_viewport_size({"width": 320, "height": 800})
    for _, path in seen:
        page.goto(site + path)
        assert page.evaluate(AUDIT)[0] == []
