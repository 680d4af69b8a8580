"""The console's pages of documents: for administrators, by forms that need no script, with a reason for each change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.kinds import DOCUMENTS_CHANGED, DOCUMENTS_REMOVED
from tests.app.api.test_documents import _added, _get
from tests.app.conftest import Site
from tests.app.console.test_console import signed_in, token
from tests.app.documents import site_with_documents


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Site]:
    found = site_with_documents(tmp_path / "home")
    yield found
    found.service.close()


def test_documents_are_listed_searched_and_shown_with_versions_rights_and_passages(kept: Site) -> None:
    identity = _added(kept, "fees.md", "# Charges & more\n\nText.", access=["board", "Nobody"], valid_from="2026-01-01")[
        "id"
    ]
    _added(kept, "other.md", "Other.", access=["public"])
    client = signed_in(kept)
    page = client.get("/review/documents").text
    assert "fees.md" in page
    assert "other.md" in page
    page = client.get("/review/documents?search=charges").text
    assert ("fees.md" in page, "other.md" in page) == (True, False)
    page = client.get(f"/review/documents/{identity}").text
    for words in ("Charges &amp; more", "no key has Nobody", "from 2026-01-01", "in force", "upload"):
        assert words in page
    assert client.get("/review/documents/d_nothing").status_code == 404


def test_only_administrators_see_the_pages(kept: Site) -> None:
    identity = _added(kept, "fees.md", "Text.", access=["public"])["id"]
    client = signed_in(kept, "auditor")
    assert client.get("/review/documents").status_code == 403
    assert client.get(f"/review/documents/{identity}").status_code == 403
    assert "/review/documents" not in client.get("/review").text
    other = signed_in(kept, "other administrator")
    assert other.get("/review/documents").status_code == 403


def test_groups_and_dates_are_changed_with_a_reason(kept: Site) -> None:
    identity = _added(kept, "fees.md", "Text.", access=["public"])["id"]
    client = signed_in(kept)
    form = {"csrf_token": token(client), "group": ["board"], "further": "research", "valid_until": "2030-12-31"}
    assert client.post(f"/review/documents/{identity}/change", data=form).status_code == 422, "without a reason"
    done = client.post(f"/review/documents/{identity}/change", data={**form, "reason": "case 12"})
    assert done.status_code == 303
    found = _get(kept, f"/{identity}").json
    assert (found["groups"], found["valid_until"]) == (["board", "research"], "2030-12-31")
    assert len(kept.deployment.reader.of_kinds("halden", (DOCUMENTS_CHANGED,))) == 1


def test_a_removal_needs_a_tick_and_a_reason(kept: Site) -> None:
    identity = _added(kept, "fees.md", "Text.", access=["public"])["id"]
    client = signed_in(kept)
    form = {"csrf_token": token(client), "reason": "case 12"}
    refused = client.post(f"/review/documents/{identity}/remove", data=form)
    assert (refused.status_code, "Nothing was removed" in refused.text) == (422, True)
    assert client.post(f"/review/documents/{identity}/remove", data={"meant": "yes", "reason": "x"}).status_code == 400
    assert _get(kept, f"/{identity}").status_code == 200
    assert client.post(f"/review/documents/{identity}/remove", data={**form, "meant": "yes"}).status_code == 303
    assert _get(kept, f"/{identity}").status_code == 404
    assert len(kept.deployment.reader.of_kinds("halden", (DOCUMENTS_REMOVED,))) == 1
