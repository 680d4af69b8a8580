"""The list of queries opens one body for each of its lines, and no more."""

from __future__ import annotations

import pytest

from app.wiring.deployment import Deployment
from audit.sealing.subject_keys import SubjectKeys
from tests.app.conftest import Site
from tests.app.console.test_console import signed_in
from tests.support.events import step

QUERIES, RELEASED = 6, 20


@pytest.fixture
def opened_bodies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects of all bodies that are decrypted from now on."""
    found: list[str] = []
    real = SubjectKeys.open

    def counted(self: SubjectKeys, subject: str, sealed: bytes, context: bytes = b"") -> bytes:
        found.append(subject)
        return real(self, subject, sealed, context)

    monkeypatch.setattr(SubjectKeys, "open", counted)
    return found


def record(deployment: Deployment, query: str, *, redacted: bool = True) -> None:
    """A query with many events."""
    subject = f"s_{query}"
    kinds = ["received", *(["redacted"] if redacted else []), *["released"] * RELEASED, "finished"]
    bodies = {"redacted": {"question": f"the question of {query}"}, "released": {"text": "a long answer"}}
    for kind in kinds:
        ticket = deployment.audit.append("listed", step(kind, query, subject, body=bodies.get(kind)))
    ticket.wait()


@pytest.fixture(scope="module")
def listed(cold: Site) -> Site:
    """A tenant of its own, with some queries."""
    cold.keys["administrator of listed"] = cold.deployment.keys.create("listed", "administrator", "reviewer", ())
    for number in range(QUERIES):
        record(cold.deployment, f"q_{number}")
    return cold


def test_a_page_of_the_list_opens_one_body_for_each_query(listed: Site, opened_bodies: list[str]) -> None:
    client = signed_in(listed, "administrator of listed")
    opened_bodies.clear()
    page = client.get("/review").text
    assert all(f"the question of q_{number}" in page for number in range(QUERIES))
    assert sorted(opened_bodies) == [f"s_q_{number}" for number in range(QUERIES)]


def test_one_query_s_page_opens_each_of_its_bodies_once(listed: Site, opened_bodies: list[str]) -> None:
    client = signed_in(listed, "administrator of listed")
    opened_bodies.clear()
    assert client.get("/review/queries/q_0").status_code == 200
    assert opened_bodies.count("s_q_0") == RELEASED + 3


def test_a_query_that_ended_before_it_was_redacted_is_listed_without_a_preview(listed: Site) -> None:
    record(listed.deployment, "q_early", redacted=False)
    page = signed_in(listed, "administrator of listed").get("/review").text
    assert "Query q_early" in page


def test_an_erased_question_is_marked_in_the_list_and_not_shown(listed: Site) -> None:
    record(listed.deployment, "q_erased")
    listed.deployment.subjects.destroy("s_q_erased")
    page = signed_in(listed, "administrator of listed").get("/review").text
    assert "the question of q_erased" not in page
    line = page.partition("Query q_erased")[2].partition("</tr>")[0]
    assert "erased" in line
