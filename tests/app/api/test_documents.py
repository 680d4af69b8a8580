"""/v1/documents: what administrators do with documents, what others cannot, and what a citation opens."""

from __future__ import annotations

import itertools
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.kinds import (
    DOCUMENTS_ADDED,
    DOCUMENTS_CHANGED,
    DOCUMENTS_REMOVED,
    DOCUMENTS_REPLACED,
    DOCUMENTS_RESTORED,
    SEARCHED,
)
from tests.app.conftest import Site
from tests.app.documents import site_with_documents, upload

_CHANGES = (DOCUMENTS_ADDED, DOCUMENTS_REPLACED, DOCUMENTS_CHANGED, DOCUMENTS_RESTORED, DOCUMENTS_REMOVED)
_WHY = {"reason": "case 12"}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Site]:
    found = site_with_documents(tmp_path / "home")
    yield found
    found.service.close()


def _post(site: Site, path: str, role: str = "administrator", **how: Any) -> Any:
    return site.client().post(f"/v1/documents{path}", headers=site.bearer(role), **how)


def _get(site: Site, path: str, role: str = "administrator") -> Any:
    return site.client().get(f"/v1/documents{path}", headers=site.bearer(role))


def _added(site: Site, name: str, text: str, **fields: Any) -> dict[str, Any]:
    response = _post(site, "", **upload(name, text, **fields))
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json
    return found


def _everything_under(home: Path) -> bytes:
    """Every byte of every file; graphs also unpacked, since they are compressed."""
    found = b""
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found += content + path.name.encode()
            while path.name == "graphs.bin" and content:
                unpacking = zlib.decompressobj()
                found += unpacking.decompress(content)
                content = unpacking.unused_data
    return found.lower()


def test_a_document_lives_over_http_and_the_log_tells_each_change_with_both_digests(kept: Site) -> None:
    added = _added(kept, "fees.md", "# Fees\n\nThe exit charge is 0.75%.", access=["public"])
    assert (added["key"], added["version"], added["groups"], added["force"]) == ("fees.md", 1, ["public"], "in force")
    identity = added["id"]
    changed = _post(kept, f"/{identity}/change", json={**_WHY, "access": ["board"], "valid_from": "2020-01-01"})
    assert (changed.json["groups"], changed.json["valid_from"]) == (["board"], "2020-01-01")
    replaced = _post(kept, f"/{identity}/replace", **upload("new.md", "# Fees\n\nThe exit charge is 0.50%."))
    assert (replaced.json["version"], replaced.json["key"]) == (2, "fees.md")
    assert [one["version"] for one in replaced.json["former"]] == [1]
    restored = _post(kept, f"/{replaced.json['id']}/restore", json=_WHY)
    assert (restored.json["version"], restored.json["id"]) == (3, identity)
    assert [one["key"] for one in _get(kept, "?search=fees board").json["documents"]] == ["fees.md"]
    assert _get(kept, "?search=other").json["documents"] == []
    assert _get(kept, f"/{identity}").json["version"] == 3
    removed = _post(kept, f"/{identity}/remove", json=_WHY)
    assert [one["key"] for one in removed.json["removed"]] == ["fees.md", "fees.md@v1", "fees.md@v2"]
    assert _get(kept, f"/{identity}").status_code == 404
    events = kept.deployment.reader.of_kinds("halden", _CHANGES)
    assert [event.kind.split(".")[1] for event in events] == ["added", "changed", "replaced", "restored", "removed"]
    chain = [(event.labels["before"], event.labels["after"]) for event in events]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(chain))
    assert chain[-1][1] == kept.service.running.library.digest  # type: ignore[union-attr]
    assert {event.body["reason"] for event in events if event.body} == {"case 12"}
    assert all(event.actor.startswith("key:") for event in events)


@pytest.mark.parametrize("role", ["caller", "auditor", "other administrator", "board"])
def test_only_an_administrator_of_the_librarys_tenant_changes_or_lists_documents(kept: Site, role: str) -> None:
    identity = _added(kept, "fees.md", "Text.")["id"]
    for path in ("/remove", "/restore", "/change"):
        assert _post(kept, f"/{identity}{path}", role, json=_WHY).status_code in (403, 422)
    assert _post(kept, f"/{identity}/replace", role, **upload("fees.md", "Other.")).status_code == 403
    assert _post(kept, "", role, **upload("more.md", "More.")).status_code == 403
    assert _get(kept, "", role).status_code == 403
    assert _get(kept, f"/{identity}", role).status_code == 403
    assert [one["key"] for one in _get(kept, "").json["documents"]] == ["fees.md"]


def test_looking_at_documents_is_recorded(kept: Site) -> None:
    _get(kept, "?search=fees")
    (event,) = kept.deployment.reader.of_kinds("halden", (SEARCHED,))
    assert event.body is not None
    assert event.body["filters"] == {"list": "documents", "search": "fees"}


def test_what_cannot_be_done_is_said_in_one_line(kept: Site) -> None:
    identity = _added(kept, "fees.md", "Text.")["id"]
    cases: list[tuple[str, dict[str, Any], int, str]] = [
        ("", upload("fees.md", "Other."), 422, "in the library already"),
        ("", upload("fees.xyz", "Other."), 422, "of unknown kind"),
        ("", upload("a.md", "Text.", access=["a,b"]), 422, "no group's name"),
        ("", upload("a.md", "Text.", valid_from="31.1.2026"), 422, "2026-01-31"),
        ("", upload("a.md", "Text.", reason=" "), 422, "a reason is needed"),
        ("", upload("a.md", "# Heading alone"), 422, "no text"),
        ("", {"json": {}}, 415, "multipart"),
        (f"/{identity}/restore", {"json": _WHY}, 422, "no former version"),
        (f"/{identity}/change", {"json": _WHY}, 422, "what is to change"),
        (f"/{identity}/change", {"json": {**_WHY, "access": [" board"]}}, 422, "access"),
        ("/d_nothing/remove", {"json": _WHY}, 404, "no document of the library"),
    ]
    for path, how, status, words in cases:
        response = _post(kept, path, **how)
        assert (response.status_code, words in response.json["detail"]) == (status, True), (path, response.json)


def test_a_group_that_no_key_has_is_told(kept: Site) -> None:
    added = _added(kept, "fees.md", "Text.", access=["Board"])
    assert "no key has the group Board" in added["notes"]


# --- what a citation opens


def test_a_passage_is_opened_by_those_who_may_read_it_and_for_others_there_is_none(kept: Site) -> None:
    identity = _added(kept, "plan.md", "# Plan\n\nThe plan.", access=["board"], valid_from="2026-01-01")["id"]
    found = _get(kept, f"/{identity}/passages/1", "board").json
    assert (found["text"], found["title"], found["of"], found["valid_from"]) == ("The plan.", "Plan", 1, "2026-01-01")
    hidden, unknown = (_get(kept, path, "caller") for path in (f"/{identity}/passages/1", f"/d_{'0' * 24}/passages/1"))
    assert (hidden.status_code, hidden.json) == (404, unknown.json)
    assert _get(kept, f"/{identity}/passages/2", "board").status_code == 404


def test_a_passage_of_a_former_version_can_still_be_opened_and_says_so(kept: Site) -> None:
    identity = _added(kept, "fees.md", "The exit charge is 0.75%.", access=["public"])["id"]
    _post(kept, f"/{identity}/replace", **upload("fees.md", "The exit charge is 0.50%."))
    found = _get(kept, f"/{identity}/passages/1", "caller").json
    assert ("0.75%" in found["text"], found["version"]) == (True, 1)


# --- what is gone


def test_the_id_of_a_former_version_removes_that_version_alone(kept: Site) -> None:
    first = _added(kept, "fees.md", "The exit charge is 0.75%.", access=["public"])["id"]
    latest = _post(kept, f"/{first}/replace", **upload("fees.md", "The exit charge is 0.50%.")).json["id"]
    assert [one["key"] for one in _post(kept, f"/{first}/remove", json=_WHY).json["removed"]] == ["fees.md@v1"]
    assert (_get(kept, f"/{latest}").json["version"], _get(kept, f"/{latest}").json["former"]) == (2, [])


def test_after_a_removal_no_file_of_the_installation_holds_the_documents_words(kept: Site, tmp_path: Path) -> None:
    canary = "zephyrquagmire"
    text = f"# {canary} notes\n\nThe {canary} is due.\n\n| {canary} | 2024 |\n| --- | --- |\n| {canary} charge | 7,654 |\n"
    identity = _added(kept, f"{canary}.md", text, access=["public"])["id"]
    replaced = _post(kept, f"/{identity}/replace", **upload(f"{canary}.md", text.replace("7,654", "8,765"))).json
    _added(kept, "other.md", "Other words.", access=["public"])
    home = tmp_path / "home"
    assert canary.encode() in _everything_under(home)
    removed = _post(kept, f"/{replaced['id']}/remove", json=_WHY).json["removed"]
    assert len(removed) == 2, "with the former version"
    for database in home.rglob("*.sqlite"):
        with sqlite3.connect(database) as opened:
            opened.execute("pragma wal_checkpoint(truncate)")
    left = _everything_under(home)
    assert [word for word in (canary.encode(), b"quagmire", b"7,654", b"8,765") if word in left] == []
    library = kept.service.running.library  # type: ignore[union-attr]
    assert all(canary not in one.text for one in library.search(canary, 9, frozenset({"public"})))
    assert [one.key for one in library.graph(frozenset({"public"})).documents] == ["other.md"]


@pytest.mark.models
def test_a_running_service_does_not_know_a_removed_document_at_its_next_question(warm: Site) -> None:
    added = _added(
        warm,
        "quagmire-fund.md",
        "# Quagmire Fund\n\n## Charges\n\nThe exit charge of the Quagmire Fund is 6.54% of the value redeemed.",
        access=["public"],
        valid_from="2026-01-01",
    )

    def ask() -> dict[str, Any]:
        body = {"message": "What is the exit charge of the Quagmire Fund?"}
        found: dict[str, Any] = warm.client().post("/v1/chat", json=body, headers=warm.bearer()).json
        return found

    try:
        before = ask()
        assert "6.54%" in str(before)
        assert "In force since 2026-01-01" in before["answer"]
        (cited,) = [one for one in before["citations"] if one["document"] == "quagmire-fund"]
        opened = warm.client().get(cited["href"], headers=warm.bearer())
        assert "6.54%" in opened.json["text"]
    finally:
        removed = _post(warm, f"/{added['id']}/remove", json=_WHY)
    assert removed.status_code == 200
    after = ask()
    assert "6.54" not in str(after)
    assert "quagmire-fund" not in str(after)
    assert warm.client().get(cited["href"], headers=warm.bearer()).status_code == 404
